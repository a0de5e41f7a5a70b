"""
Nonnegative coefficients: which substances are in a mixture?
============================================================

A spectrum is a sum of those of pure substances, none of them negative. With ``positive=True``
and a small penalty three of 20 are found. The spectra are simulated.
"""

import numpy as np
from matplotlib import pyplot

import softreg_fast as sf

rng = np.random.default_rng(0)
frequency = np.linspace(0, 1, 300)
peaks = rng.uniform(0, 1, (20, 3))
pure = np.exp(-(((frequency[:, None, None] - peaks) / 0.03) ** 2)).sum(axis=2)
amount = np.zeros(20)
amount[[2, 7, 11]] = [1.0, 0.6, 0.3]
mixture = pure @ amount + 0.05 * rng.standard_normal(300)

fit = sf.solve(pure, mixture, alpha=0.005, positive=True, fit_intercept=False)

figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.plot(frequency, mixture, ".", color="0.7", markersize=3, label="measured")
left.plot(frequency, fit.predict(pure), label="fitted")
left.set(xlabel="frequency", ylabel="absorption")
left.legend()
right.bar(np.arange(20) - 0.2, amount, 0.4, label="true amounts", color="0.7")
right.bar(np.arange(20) + 0.2, fit.coef, 0.4, label="estimated")
right.set(xlabel="substance", ylabel="amount")
right.legend()
