"""Compare the Lasso with MCP: large coefficients are not shrunk, and fewer false ones are needed.

python examples/less_bias.py
"""

import numpy as np

import softreg_fast as sf
from softreg_fast.penalties import L1, MCP

N_TRUE = 8


def make_data(n=200, p=1_000, seed=0):
    """Return correlated features, of which the first eight act on y with 2 or -2."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) + rng.standard_normal((n, 1))
    truth = np.zeros(p)
    truth[:N_TRUE] = 2.0 * (-1.0) ** np.arange(N_TRUE)
    return X, X @ truth + rng.standard_normal(n), truth


def search(X, y, penalty):
    """Choose alpha by cross-validation, and for a list of penalties the best of these, too."""
    return sf.cv_path(X, y, penalty=penalty, cv=10)


def main():
    """Print false features, the shrinkage of true ones, and what is known about each fit."""
    X, y, truth = make_data()
    fits = {}
    for name, penalty in {"L1": L1(), "MCP": [MCP(gamma=g) for g in (1.5, 3.0, 10.0)]}.items():
        found = search(X, y, penalty)
        fits[name] = fit = found.path[found.index]
        size = np.abs(fit.coef[:N_TRUE]).mean()
        print(f"{name}: alpha = {fit.alpha:.3g}")
        print(f"  error on samples left out   {found.errors[found.best_ratio].mean(1).min():.3f}")
        print(f"  false features              {np.count_nonzero(fit.coef[N_TRUE:])}")
        print(f"  mean size of the true ones  {size:.3f} (truth: 2)")
    print(f"\nL1 is certified: at most {fits['L1'].gap:.0e} above the minimum.")
    bent = fits["MCP"]
    print(f"MCP is stationary to {bent.stationarity:.0e} of alpha; its objective is", end=" ")
    print("convex" if bent.locally_convex else "not convex", "on the features chosen.")
    return fits, truth


if __name__ == "__main__":
    main()
