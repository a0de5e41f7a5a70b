"""
A callback that watches and ends a path
=======================================

The path ends once nine tenths of the deviance are explained; what the callback saw is drawn.
"""

import numpy as np
from matplotlib import pyplot

import softreg_fast as sf

rng = np.random.default_rng(0)
X = rng.standard_normal((200, 1000))
y = X[:, :10] @ rng.normal(0, 1, 10) + rng.standard_normal(200)
seen = []


def watch(step):
    seen.append((step.alpha, step.dev_ratio, step.df))
    return step.dev_ratio > 0.9


fits = sf.path(X, y, callback=watch)
alpha, explained, count = np.array(seen).T
figure, ax = pyplot.subplots(layout="constrained")
ax.semilogx(alpha, explained, "o-", markersize=3)
ax.invert_xaxis()
ax.set(xlabel="alpha", ylabel="deviance explained", title=f"{len(fits)} of 100 alphas were fitted")
other = ax.twinx()
other.semilogx(alpha, count, color="C1")
other.set_ylabel("features", color="C1")
