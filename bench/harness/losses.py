"""Formulas of losses beyond the squared one, and fits of the nuisance parameters, in NumPy."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit, xlogy

# A Newton step is halved at most this often, and there are at most so many steps.
HALVINGS, STEPS = 40, 200


class Formula(NamedTuple):
    """Loss f(y, eta) of a target and its linear predictor, up to a constant of y.

    `mean` is y - f' and `curvature(mean)` is f''; `link` is the inverse of `mean`; `conjugate(t)`
    is f*(-theta) at theta = y - t, infinite outside the domain.
    """

    value: Callable
    mean: Callable
    curvature: Callable
    link: Callable
    conjugate: Callable

    def saturated(self, y):
        """Return the smallest value of f for each y."""
        return -self.conjugate(y)


def _entropy_of_two(t):
    inside = (t >= 0.0) & (t <= 1.0)
    t = np.where(inside, t, 0.5)
    return np.where(inside, xlogy(t, t) + xlogy(1.0 - t, 1.0 - t), np.inf)


def _entropy_of_count(t):
    inside = t >= 0.0
    t = np.where(inside, t, 1.0)
    return np.where(inside, xlogy(t, t) - t, np.inf)


def _exp(eta):
    return np.exp(np.minimum(eta, 700.0))


# Losses of one target and one predictor; y of the logistic loss is 0 or 1.
FORMULAS = {
    "logistic": Formula(
        lambda y, eta: np.logaddexp(0.0, eta) - y * eta,
        expit,
        lambda mean: mean * (1.0 - mean),
        logit,
        _entropy_of_two,
    ),
    "poisson": Formula(
        lambda y, eta: _exp(eta) - y * eta, _exp, lambda mean: mean, np.log, _entropy_of_count
    ),
}


def with_nuisance(formula, y, eta, basis):
    """Return eta + basis @ c with the c that minimises the loss, by Newton steps to rounding."""
    start = formula.link(y.mean()) - eta.mean()
    eta = eta + basis @ (basis.T @ np.full(len(y), start))
    loss = formula.value(y, eta).sum()
    for _ in range(STEPS):
        mean = formula.mean(eta)
        weighted = formula.curvature(mean)[:, None] * basis
        step = basis @ np.linalg.lstsq(basis.T @ weighted, basis.T @ (y - mean), rcond=None)[0]
        for _ in range(HALVINGS):
            later = formula.value(y, eta + step).sum()
            if later <= loss + 1e-15 * abs(loss):
                break
            step = 0.5 * step
        eta, loss = eta + step, min(loss, later)
        if np.abs(step).max() <= 1e-14 * max(1.0, np.abs(eta).max()):
            break
    return eta
