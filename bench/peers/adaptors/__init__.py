"""One module for each package.  All of them offer

    LADDER                          tolerances to try, loosest first
    prepare(X, y, alphas, n_threads)  whatever the package likes best, and compilation: not timed
    path(prepared, tol)             coefficients (n_features, n_alphas), with an intercept fitted

and minimise 1/(2n) ||y - b - Xw||^2 + alpha ||w||_1.  A module imports nothing but its package,
NumPy and SciPy: it runs in the package's own environment.
"""
