"""Choose among categorical columns as wholes: each is a group of dummies, without a level dropped.

python examples/categories.py
"""

import numpy as np
import pandas as pd

import softreg_fast as sf
from softreg_fast.penalties import GroupLasso

LEVELS = {"region": 12, "roof": 5, "street": 20, "colour": 8}


def make_data(n=600, noise=1.0, seed=0):
    """Return prices that depend on the region, the roof and the size, and not on the others."""
    rng = np.random.default_rng(seed)
    codes = {name: rng.integers(0, levels, n) for name, levels in LEVELS.items()}
    frame = pd.DataFrame({k: pd.Categorical([f"{k} {c}" for c in v]) for k, v in codes.items()})
    frame["size"], frame["height"] = rng.standard_normal(n), rng.standard_normal(n)
    effect = {name: rng.standard_normal(LEVELS[name]) for name in ("region", "roof")}
    y = sum(effect[name][codes[name]] for name in effect) + frame["size"]
    return frame, y + noise * rng.standard_normal(n)


def coded(frame):
    """Return a column of zeros and ones for every level, and the column that each comes from."""
    dummies = pd.get_dummies(frame, dtype=float, prefix_sep="=")
    return dummies, [name.partition("=")[0] for name in dummies.columns]


def search(frame, y):
    """Cross-validate the group lasso; a group's weight is the root of its number of levels."""
    X, origin = coded(frame)
    groups = pd.factorize(pd.Series(origin))[0]
    found = sf.cv_path(X, y, penalty=GroupLasso(groups=groups), cv=10, rule="1se")
    return found, origin


def chosen(found, origin):
    """Return the largest size of an effect of each column that is in the chosen model."""
    coef = pd.Series(np.abs(found.path[found.index].coef))
    largest = coef.groupby(origin).max()
    return largest[largest > 0.0].sort_values(ascending=False)


def main():
    """Print which columns are chosen, and the certificate."""
    found, origin = search(*make_data())
    fit = found.path[found.index]
    print(found)
    print("\nColumns of the chosen model, with their largest effect:")
    for name, size in chosen(found, origin).items():
        print(f"  {name:<8} {size:6.3f}   {origin.count(name)} columns")
    print(f"\nThe objective is at most {fit.relative_gap:.0e} of its null value above the minimum.")
    return found, origin


if __name__ == "__main__":
    main()
