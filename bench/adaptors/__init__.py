"""One module for each package, named with_PACKAGE.

SOLVERS maps the kinds of problem that a package can solve to its Solver:

    "path"                   coefficients at all alphas, with an intercept fitted
    "fit"                    the same at one alpha, as a user of the package would: by its estimator
    "cv", "cv, jobs"         a Choice of alpha; with as many jobs as threads
    "loss path", "loss fit"  the first two under losses beyond the squared one, an answer at every
                             alpha; "loss path, liblinear" and the like name one of several solvers
    "loss cv"                a Choice by the deviance
    "penalty path"           the first under a penalty beyond L1, `omega` of the problem
    "multi-task path", "multi-task fit"    coefficients, (n_alphas, n_features, n_tasks)
    "lasso path", "weighted ridge", "accelerated gradient", "gradient descent"    without intercept

All but the last two lines run in the package's own environment: such a module imports nothing but
its package, NumPy, SciPy and the harness's problem and task.  A problem that a package cannot solve
raises NotImplementedError.  Kernels are in kernels/, by the same names.
"""

from importlib import import_module

MODULES = {"ours": "softreg_fast"}


def solver_of(package, kind):
    """Return a package's Solver of one kind of problem."""
    return import_module(f"bench.adaptors.with_{MODULES.get(package, package)}").SOLVERS[kind]


def kernels_of(package):
    """Return a package's {name of a kernel: function(operands, n_threads) that makes a Task}."""
    return import_module(f"bench.adaptors.kernels.with_{MODULES.get(package, package)}").KERNELS
