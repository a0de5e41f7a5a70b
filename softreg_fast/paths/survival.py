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


class _OfModels:
    """Baseline hazards of models, and survival functions by these."""

    def of(self, coef: Vector) -> Baseline:
        """Return the baseline hazards of the model with these coefficients."""
        raise NotImplementedError

    @property
    def labels(self) -> NDArray[Any] | None:
        """Names of the strata; None: there is one, without a name."""
        raise NotImplementedError

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
        if self.labels is not None and len(self.labels) > 1:
            raise ValueError(
                f"This model has {len(self.labels)} strata, and kind='survival' knows no "
                "stratum of these samples; CoxRegression.predict_survival_function takes strata."
            )
        if eta.ndim == 1:
            return survival_of(self.of(coef).hazards(eta, 0))
        columns = coef.toarray() if sp.issparse(coef) else coef
        each = zip(columns.T, eta.T, strict=True)
        return np.stack([survival_of(self.of(w).hazards(z, 0)) for w, z in each], axis=1)


class Baselines(_OfModels):
    """Baseline hazards of models, made from the samples of the fit when they are asked for."""

    def __init__(self, design: Design) -> None:
        self.design = design

    def of(self, coef: Vector) -> Baseline:
        """Return the baseline hazards of the model with these coefficients."""
        target: Any = self.design.described_target
        support = np.flatnonzero(coef)
        eta = np.asarray(self.design.X[:, support] @ coef[support], np.float64)
        return baseline_of(target, target.predictors_of(slice(None), eta))

    @property
    def labels(self) -> NDArray[Any] | None:
        """Names of the strata; None: there is one, without a name."""
        target: Any = self.design.described_target
        found: NDArray[Any] | None = target.labels
        return found


class KnownBaselines(_OfModels):
    """Baseline hazards of some models, known without the samples of the fit.

    Parameters
    ----------
    coefs : ndarray (n_models, n_features)
        Coefficients, by which models are found.
    times : list of ndarray, one for each stratum
    centers : ndarray (n_models,)
    cumulative : list of lists of ndarray, for each model and stratum
    labels : ndarray (n_strata,) or None
        As in `Baseline`.
    """

    def __init__(
        self,
        coefs: Vector,
        times: list[Vector],
        centers: Vector,
        cumulative: list[list[Vector]],
        labels: NDArray[Any] | None,
    ) -> None:
        self.coefs, self.times, self.centers = coefs, times, centers
        self.cumulative, self._labels = cumulative, labels

    @classmethod
    def from_samples(cls, made: _OfModels, coefs: Vector) -> KnownBaselines:
        """Return those of models that know their samples; coefs is (n_models, n_features)."""
        each = [made.of(coef) for coef in coefs]
        centers = np.array([one.center for one in each])
        times = each[0].times if each else []
        return cls(coefs, times, centers, [one.cumulative for one in each], made.labels)

    @property
    def labels(self) -> NDArray[Any] | None:
        """Names of the strata; None: there is one, without a name."""
        return self._labels

    def of(self, coef: Vector) -> Baseline:
        """Return the baseline hazards of the model with these coefficients.

        Raises
        ------
        ValueError
            For a model that is not one of them.
        """
        same = np.flatnonzero((self.coefs == coef).all(axis=1))
        if not same.size:
            raise ValueError(
                "This result was loaded from a file, which holds the baseline hazards at the "
                "alphas of the path; give one of these, or fit it again."
            )
        k = int(same[0])
        return Baseline(self.times, self.cumulative[k], self._labels, float(self.centers[k]))


def survival_of(hazards: Vector) -> Vector:
    """Return the probabilities exp(-H) of no event."""
    with np.errstate(under="ignore"):
        return np.exp(-hazards)


def baselines_of(design: Design) -> Baselines | None:
    """Return the baselines of models of a design; None if it has no survival times."""
    is_survival = isinstance(design.described_target, SurvivalTarget)
    return Baselines(design) if is_survival else None
