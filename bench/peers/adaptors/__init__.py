"""One module for each package.  All of them offer

    LADDER                      tolerances to try, loosest first
    prepare(problem, n_threads)  whatever the package likes best, and compilation: not timed
    solve(prepared, tol)        coefficients (n_features, n_alphas), with an intercept fitted

or, instead of the last, where the package does not run in Python

    timed(prepared, tol, times)  the same, and the seconds that one of so many repetitions took

A single alpha is solved as a user of the package would: by its estimator, if that works.  What a
package cannot do raises NotImplementedError.  A module imports nothing but its package, NumPy and
SciPy: it runs in the package's own environment.
"""
