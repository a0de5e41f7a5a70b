"""Baseline hazards: what Cox's partial likelihood leaves out, from samples and predictors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.survival_target import SurvivalTarget
from softreg_fast.losses.cox import STOP, STRATUM
from softreg_fast.options.types import Vector


class Baseline(NamedTuple):
    """Cumulative hazard of a sample with a certain linear predictor, in each stratum.

    Attributes
    ----------
    times : list of ndarray, one for each stratum
        The distinct times of its samples, rising.
    cumulative : list of ndarray
        The cumulative hazard at these times, a step function: Breslow's estimate, with Efron's
        terms at ties if the loss has these.
    labels : ndarray (n_strata,) or None
        Names of the strata; None: there is one, without a name.
    center : float
        That predictor: the mean of the samples', so that its hazard is within the range of float64.
    """

    times: list[Vector]
    cumulative: list[Vector]
    labels: NDArray[Any] | None
    center: float

    @property
    def all_times(self) -> Vector:
        """The distinct times of all strata, rising."""
        return np.unique(np.concatenate(self.times))

    def hazards(self, eta: Any, stratum: int, times: Vector | None = None) -> Vector:
        """Return the cumulative hazards of samples of a stratum.

        Parameters
        ----------
        eta : ndarray (...)
            Linear predictors, with offset.
        stratum : int
        times : ndarray (n_times,) or None, default=None
            None: those of the stratum.

        Returns
        -------
        ndarray (..., n_times)
        """
        steps = self.cumulative[stratum]
        if times is not None:
            place = np.searchsorted(self.times[stratum], times, side="right")
            steps = np.append(0.0, steps)[place]
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            found = np.exp(np.asarray(eta) - self.center)[..., np.newaxis] * steps
        return np.where(steps > 0.0, found, 0.0)  # 0 times infinity would be NaN


def baseline_of(target: SurvivalTarget, eta: Vector) -> Baseline:
    """Return the baseline hazards for linear predictors of the target's samples, with offset."""
    center = float(np.average(eta, weights=target.weight))
    steps = target.risk_sets().hazards(np.ascontiguousarray(eta - center, np.float64))
    counted = np.ones(target.n_samples, bool) if target.weight is None else target.weight > 0.0
    n_strata = 1 if target.labels is None else len(target.labels)
    of_time = np.cumsum(target.times.begins[:-1]) - 1
    with_events = np.unique(target.times.stratum[target.times.own >= 0])
    times, cumulative = [], []
    for k in range(n_strata):
        own = target.y[counted & (target.y[:, STRATUM] == k), STOP]
        times.append(np.unique(own))
        chosen = with_events[of_time] == k
        sums = np.append(0.0, np.cumsum(steps[chosen]))
        place = np.searchsorted(target.times.time[chosen], times[-1], side="right")
        cumulative.append(sums[place])
    return Baseline(times, cumulative, target.labels, center)
