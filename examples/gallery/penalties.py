"""
Penalties of one coefficient
============================

L1 grows for ever, so that large coefficients are pulled towards 0 as hard as small ones. MCP
and SCAD end; the logarithm and the square root grow ever more slowly.
"""

import numpy as np
from matplotlib import pyplot

from softreg_fast.penalties import L1, L2, MCP, SCAD, LHalf, LogSum

w = np.linspace(-4, 4, 401)
figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
for penalty in (
    L1(strength=1.0),
    L2(strength=0.5),
    MCP(strength=1.0, gamma=3.0),
    SCAD(strength=1.0),
    LogSum(strength=1.0, eps=0.5),
    LHalf(strength=1.0),
):
    name = type(penalty).__name__
    left.plot(w, [penalty.value(np.array([each])) for each in w], label=name)
    right.plot(w, penalty.prox(w, 1.0), label=name)
left.set(xlabel="w", ylabel="penalty", ylim=(0, 4))
right.set(xlabel="z", ylabel="proximal step, argmin (w - z)² / 2 + penalty")
left.legend()
