"""Let SLOPE gather features that measure the same: their coefficients become equal in size.

python examples/clusters.py
"""

import numpy as np

import softreg_fast as sf
from softreg_fast.penalties import L1, SLOPE

GROUP = np.repeat([0, 1], 5)  # the cause behind each of the first ten features


def make_data(n=120, p=30, noise=0.4, seed=0):
    """Return two causes, each measured by five features, and features that measure nothing."""
    rng = np.random.default_rng(seed)
    causes, X = rng.standard_normal((n, 2)), rng.standard_normal((n, p))
    X[:, :10] = causes[:, GROUP] + noise * X[:, :10]
    truth = np.repeat([1.0, -0.5, 0.0], [5, 5, p - 10])
    return X, X @ truth + rng.standard_normal(n), truth


def search(X, y, penalty):
    """Return the model that the 1-SE rule chooses."""
    found = sf.cv_path(X, y, penalty=penalty, cv=10, rule="1se")
    return found.path[found.index]


def main():
    """Print the clusters, and the error of the coefficients beside that of the Lasso."""
    X, y, truth = make_data()
    fit = search(X, y, SLOPE(weights="oscar", q=0.5))
    lasso = search(X, y, L1())
    print("Clusters of SLOPE with the weights of OSCAR:")
    for members in fit.clusters():
        size = abs(fit.coef[members[0]])
        print(f"  |w| = {size:.3f}   features {', '.join(map(str, members))}")
    print(f"\nThe objective is at most {fit.relative_gap:.0e} of its null value too high.")
    print("\nmean error of the ten coefficients")
    for name, each in (("SLOPE", fit), ("Lasso", lasso)):
        print(f"  {name}  {np.abs(each.coef - truth)[:10].mean():.3f}")
    return fit, lasso, truth


if __name__ == "__main__":
    main()
