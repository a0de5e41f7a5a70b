"""Cox's partial likelihood in the plainest way: every risk set written out; data for its tests."""

from typing import NamedTuple

import numpy as np

INF = np.inf


class Terms(NamedTuple):
    """Terms w log(sum_j c_j exp(eta_j)) - w x.eta, one in each row."""

    weight: np.ndarray  # (n_terms,)
    c: np.ndarray  # (n_terms, n_samples): sample weight times Efron's share, 0 where not at risk
    x: np.ndarray  # (n_terms, n_samples): shares of those whose event it is


def terms(y, s, efron):
    """Return all terms of targets with columns start, stop, event, stratum and weights s."""
    start, stop, event, stratum = y.T
    dead, found = (event == 1) & (s > 0), []
    for k in np.unique(stratum):
        for t in np.unique(stop[dead & (stratum == k)]):
            tied = dead & (stop == t) & (stratum == k)
            at_risk = (start < t) & (t <= stop) & (stratum == k)
            d, W = tied.sum(), s[tied].sum()
            for share in np.arange(d) / d if efron else [0.0]:
                c = s * at_risk * np.where(tied, 1.0 - share, 1.0)
                found.append((W / d if efron else W, c, s * tied / W))
    return Terms(*(np.array(each) for each in zip(*found, strict=True)))


def distributions(T, eta):
    """Return the distribution of each term over those at risk."""
    with np.errstate(divide="ignore"):
        z = np.log(T.c) + eta
    z -= z.max(axis=1, keepdims=True)
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def value(T, eta):
    """Return the loss."""
    with np.errstate(divide="ignore"):
        z = np.log(T.c) + eta
    top = z.max(axis=1)
    logs = top + np.log(np.exp(z - top[:, np.newaxis]).sum(axis=1))
    return float(T.weight @ (logs - T.x @ eta))


def residual(T, eta):
    """Return minus the gradient."""
    return T.weight @ (T.x - distributions(T, eta))


def hessian(T, eta):
    """Return the Hessian."""
    q = distributions(T, eta)
    return np.diag(T.weight @ q) - q.T @ (T.weight[:, np.newaxis] * q)


def entropy(T, t, eta):
    """Return sum_t w_t KL(t || q): the loss's part of the gap at the dual points t."""
    q = distributions(T, eta)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(t > 0.0, t * np.log(t / q), 0.0).sum(axis=1)
    return float(T.weight @ each)


def data(rng, n=40, strata=1, late=0.0, ties=True):
    """Return targets (n, 4) with events, censored samples, and a share that enters late."""
    stop = rng.exponential(size=n) + 0.05
    if ties:
        stop = np.ceil(6 * stop)
    start = np.where(rng.random(n) < late, stop * rng.random(n), -INF)
    if ties:
        start = np.floor(start)
    event = rng.random(n) < 0.6
    event[0] = True
    return np.column_stack([start, stop, event, rng.integers(0, strata, n)])


def objective(X, y, s, efron, coef, alpha, l1_ratio=1.0, offset=0.0):
    """Return the objective at coefficients."""
    T = terms(y, s, efron)
    penalty = l1_ratio * np.abs(coef).sum() + 0.5 * (1.0 - l1_ratio) * (coef @ coef)
    return value(T, X @ coef + offset) / s.sum() + alpha * penalty


def lasso_gap(X, y, s, efron, coef, alpha, offset=0.0):
    """Return a duality gap of the Lasso, every distribution shrunk towards those of the events."""
    T, n = terms(y, s, efron), s.sum()
    q = distributions(T, X @ coef + offset)
    z = X.T @ (T.weight @ (T.x - q)) / n
    k = min(1.0, alpha / np.abs(z).max())
    part = entropy(T, (1.0 - k) * T.x + k * q, X @ coef + offset) / n
    return part + (alpha * np.abs(coef) - k * z * coef).sum()
