"""Information criteria: the choice of a model on a path without folds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from softreg_fast.design import Design
from softreg_fast.interrupts import interruptible
from softreg_fast.path import null_loss
from softreg_fast.penalty import PenaltyVectors
from softreg_fast.result import Path

Vector = NDArray[np.float64]

CRITERIA = ("aic", "aicc", "bic", "ebic")


def information(
    criterion: str, fits: Path, design: Design, scaled: PenaltyVectors, l1_ratio: float
) -> Vector:
    """n log(RSS / n) + what a criterion asks for each degree of freedom, (n_alphas,).

    With d degrees of freedom, the intercept among them, and k nonzero coefficients of p,

        aic     2 d
        aicc    2 d n / (n - d - 1)
        bic     d log n
        ebic    d log n + 2 log (p over k)

    which is -2 log likelihood of normal errors of unknown variance, constants left out. n counts
    the samples with a positive weight. A model with d >= n - 1 explains nothing: infinity.

    References
    ----------
    Zou, Hastie, Tibshirani (2007), "On the 'degrees of freedom' of the lasso", Annals of Statistics
    35; Hurvich, Tsai (1989), Biometrika 76 (aicc); Chen, Chen (2008), Biometrika 95 (ebic with
    gamma = 1).
    """
    n = design.n_samples if design.weight is None else int(np.count_nonzero(design.weight))
    d = degrees_of_freedom(fits, design, scaled, l1_ratio) + design.fit_intercept
    mean_square = 2.0 * null_loss(design) * np.maximum(1.0 - fits.dev_ratio, 0.0)
    usable = (d < n - 1) & (mean_square > 0.0)
    values = np.full(len(fits), np.inf)
    d, k = d[usable], fits.df[usable]
    asked = {
        "aic": 2.0 * d,
        "aicc": 2.0 * d * n / (n - d - 1.0),
        "bic": d * np.log(n),
        "ebic": d * np.log(n) + 2.0 * _log_choices(design.n_features, k),
    }[criterion]
    values[usable] = n * np.log(mean_square[usable]) + asked
    return values


def _log_choices(p: int, k: NDArray[np.int64]) -> Vector:
    # log of p over k
    return np.asarray(gammaln(p + 1.0) - gammaln(k + 1.0) - gammaln(p - k + 1.0))


def degrees_of_freedom(
    fits: Path, design: Design, scaled: PenaltyVectors, l1_ratio: float
) -> Vector:
    """Of every model: its nonzero coefficients, or with an L2 part, on its support A,
    trace(C_A (C_A'C_A + diag(l2_A))^-1 C_A')."""
    if l1_ratio == 1.0:
        return fits.df.astype(np.float64)
    support = np.unique(fits.coefs.indices).astype(np.intp)
    gram = design.crossproduct(support)
    found = np.zeros(len(fits))
    for k, alpha in enumerate(fits.alphas):
        members = fits.coefs.indices[fits.coefs.indptr[k] : fits.coefs.indptr[k + 1]]
        place = np.searchsorted(support, members)
        l2 = alpha * (1.0 - l1_ratio) * scaled.l2[members]
        among = gram[np.ix_(place, place)]
        shrunk = interruptible(np.linalg.lstsq, among + np.diag(l2), among, None)[0]
        found[k] = np.trace(shrunk)
    return found
