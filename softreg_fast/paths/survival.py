"""Survival functions of the models of a path under Cox's loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from softreg_fast.data.baseline import Baseline, baseline_of
from softreg_fast.data.design import Design
from softreg_fast.data.survival_target import SurvivalTarget
from softreg_fast.options.types import Vector


class Baselines:
    """Baseline hazards of models, made from the samples of the fit when they are asked for."""

    def __init__(self, design: Design) -> None:
        self.design = design

    def of(self, coef: Vector) -> Baseline:
        """Return the baseline hazards of the model with these coefficients."""
        target: Any = self.design.described_target
        support = np.flatnonzero(coef)
        eta = np.asarray(self.design.X[:, support] @ coef[support], np.float64)
        return baseline_of(target, target.predictors_of(slice(None), eta))

    def survival(self, eta: NDArray[np.float64], coef: Any) -> NDArray[np.float64]:
        """Return the probabilities of no event up to each distinct time of the samples of the fit.

        Parameters
        ----------
        eta : ndarray (n_samples,) or (n_samples, n_models)
            Linear predictors.
        coef : ndarray (n_features,) or csc_array (n_features, n_models)

        Returns
        -------
        ndarray (n_samples, n_times) or (n_samples, n_models, n_times)

        Raises
        ------
        ValueError
            With several strata: a sample's is not known.
        """
        target: Any = self.design.described_target
        if target.labels is not None and len(target.labels) > 1:
            raise ValueError(
                f"This model has {len(target.labels)} strata, and kind='survival' knows no "
                "stratum of these samples; CoxRegression.predict_survival_function takes strata."
            )
        if eta.ndim == 1:
            return survival_of(self.of(coef).hazards(eta, 0))
        columns = coef.toarray() if sp.issparse(coef) else coef
        each = zip(columns.T, eta.T, strict=True)
        return np.stack([survival_of(self.of(w).hazards(z, 0)) for w, z in each], axis=1)


def survival_of(hazards: Vector) -> Vector:
    """Return the probabilities exp(-H) of no event."""
    with np.errstate(under="ignore"):
        return np.exp(-hazards)


def baselines_of(design: Design) -> Baselines | None:
    """Return the baselines of models of a design; None if it has no survival times."""
    is_survival = isinstance(design.described_target, SurvivalTarget)
    return Baselines(design) if is_survival else None
