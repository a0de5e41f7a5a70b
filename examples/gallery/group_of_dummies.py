"""
Categories in or out as wholes
==============================

Four categorical columns of 5 to 20 levels. The group lasso draws one line for each column;
region and roof are the ones that act, and size, which is a number.
"""

import numpy as np
import pandas as pd

import softreg_fast as sf
from softreg_fast.penalties import GroupLasso

rng = np.random.default_rng(0)
levels = {"region": 12, "roof": 5, "street": 20, "colour": 8}
codes = {name: rng.integers(0, count, 600) for name, count in levels.items()}
X = pd.DataFrame({name: pd.Categorical(code.astype(str)) for name, code in codes.items()})
X["size"], X["height"] = rng.standard_normal(600), rng.standard_normal(600)
y = X["size"] + sum(rng.standard_normal(levels[name])[codes[name]] for name in ("region", "roof"))
y = y + rng.standard_normal(600)

found = sf.cv_path(X, y, penalty=GroupLasso(groups="columns"), cv=5, rule="1se")
sf.PathDisplay.from_path(found, mark=found.index)
