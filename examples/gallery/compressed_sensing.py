"""
Compressed sensing: more unknowns than measurements
===================================================

A signal of 512 values, of which 20 are not zero, from 100 random measurements. Least squares
of least norm finds nothing; the Lasso finds it.
"""

import numpy as np
from matplotlib import pyplot

import softreg_fast as sf

rng = np.random.default_rng(0)
signal = np.zeros(512)
signal[rng.choice(512, 20, replace=False)] = rng.choice([-1.0, 1.0], 20) * rng.uniform(0.5, 1.5, 20)
A = rng.standard_normal((100, 512)) / 10.0
measured = A @ signal + 0.01 * rng.standard_normal(100)

fit = sf.solve(A, measured, alpha=1e-4, fit_intercept=False)
least = np.linalg.lstsq(A, measured)[0]

figure, axes = pyplot.subplots(3, 1, figsize=(9, 6), layout="constrained", sharex=True, sharey=True)
for ax, values, title in zip(
    axes, (signal, least, fit.coef), ("signal", "least squares of least norm", "Lasso"), strict=True
):
    ax.vlines(np.arange(512), 0, values, linewidth=1)
    ax.set_title(title)
axes[-1].set_xlabel("position")
