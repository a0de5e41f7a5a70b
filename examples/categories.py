"""Choose among categorical columns as wholes: each is a group of its levels, none of them dropped.

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
    frame = pd.DataFrame({k: pd.Categorical([str(c) for c in v]) for k, v in codes.items()})
    frame["size"], frame["height"] = rng.standard_normal(n), rng.standard_normal(n)
    effect = {name: rng.standard_normal(LEVELS[name]) for name in ("region", "roof")}
    y = sum(effect[name][codes[name]] for name in effect) + frame["size"]
    return frame, y + noise * rng.standard_normal(n)


def search(frame, y):
    """Cross-validate the group lasso; a group's weight is the root of its number of levels."""
    return sf.cv_path(frame, y, penalty=GroupLasso(groups="columns"), cv=10, rule="1se")


def main():
    """Print which columns are chosen, effects of levels, predictions and the certificate."""
    frame, y = make_data()
    found = search(frame, y)
    fit = found.path[found.index]
    print(found)
    print("\nColumns of the chosen model, with their largest effect:")
    for name, coef in fit.selected():
        print(f"  {name:<8} {np.abs(coef).max():6.3f}   {np.size(coef)} features")
    print("\nEffects of the roofs:")
    for name, coef in zip(fit.feature_names, fit.coef, strict=True):
        if name.startswith("roof="):
            print(f"  {name:<12} {coef:6.3f}")
    print(f"\nPredictions are for frames of the same columns: {fit.predict(frame[:2]).round(2)}")
    print(f"The objective is at most {fit.relative_gap:.0e} of its null value above the minimum.")
    return found


if __name__ == "__main__":
    main()
