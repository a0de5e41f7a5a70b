"""Kernels of one package each, named with_PACKAGE.

KERNELS maps the name of a kernel to `function(operands, n_threads)`, which returns a Task.  A name
means the same work in every table; tables lack what a package cannot do.  The command limits the
threads of BLAS to n_threads for all packages.
"""
