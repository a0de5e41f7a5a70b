"""Formulas of losses beyond the squared one, and fits of the nuisance parameters, in NumPy."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.special import expit, logit, xlogy

# A Newton step is halved at most this often, and there are at most so many steps.
HALVINGS, STEPS = 40, 100

# Ratio of two pivots below which columns depend on each other.
SINGULAR = 1e-7


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
    """Return eta + basis @ c with the c that minimises the loss."""
    start = formula.link(y.mean()) - eta.mean()
    c = basis.T @ np.full(len(y), start)
    return eta + basis @ minimiser(formula, y, eta, basis, c)


def minimiser(formula, y, eta, columns, c, slope=0.0, ridge=0.0):
    """Minimise the sum of f(y, eta + columns @ c), plus slope.c + ridge/2 c.c, by Newton steps.

    Starts at c and ends at rounding level.
    """

    def objective(c):
        fitted = formula.value(y, eta + columns @ c).sum()
        return fitted + np.sum(slope * c) + 0.5 * np.sum(ridge * c * c)

    value = objective(c)
    for _ in range(STEPS):
        mean = formula.mean(eta + columns @ c)
        gradient = columns.T @ (y - mean) - slope - ridge * c
        weighted = formula.curvature(mean)[:, None] * columns
        hessian = columns.T @ weighted
        hessian.flat[:: len(c) + 1] += ridge
        step = solved(hessian, gradient)
        for _ in range(HALVINGS):
            later = objective(c + step)
            if later <= value + 1e-15 * abs(value):
                break
            step = 0.5 * step
        c, value = c + step, min(value, later)
        if np.abs(step).max() <= 1e-14 * np.abs(c).max() + 1e-300:
            break
    return c


def solved(hessian, gradient):
    """Return hessian^-1 gradient, or the shortest solution if columns depend on each other."""
    try:
        factor = cho_factor(hessian)
        pivots = np.diag(factor[0])
        if pivots.min() > SINGULAR * pivots.max():
            return cho_solve(factor, gradient)
    except LinAlgError:
        pass
    return np.linalg.lstsq(hessian, gradient, rcond=None)[0]
