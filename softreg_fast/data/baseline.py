"""Baseline hazards: what Cox's partial likelihood leaves out, from samples and predictors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.survival_target import SurvivalTarget
from softreg_fast.losses.cox import STOP, STRATUM
from softreg_fast.options.types import Vector


class Baseline(NamedTuple):
    """Cumulative hazard of a sample whose linear predictor is 0, in each stratum.

    Attributes
    ----------
    times : list of ndarray, one for each stratum
        The distinct times of its samples, rising.
    cumulative : list of ndarray
        The cumulative hazard at these times, a step function: Breslow's estimate, with Efron's
        terms at ties if the loss has these.
    labels : ndarray (n_strata,) or None
        Names of the strata; None: there is one, without a name.
    """

    times: list[Vector]
    cumulative: list[Vector]
    labels: NDArray[Any] | None

    def at(self, times: Vector, stratum: int = 0) -> Vector:
        """Return the cumulative hazard of a stratum at any times."""
        steps = np.append(0.0, self.cumulative[stratum])
        return np.asarray(steps[np.searchsorted(self.times[stratum], times, side="right")])

    @property
    def all_times(self) -> Vector:
        """The distinct times of all strata, rising."""
        return np.unique(np.concatenate(self.times))


def baseline_of(target: SurvivalTarget, eta: Vector) -> Baseline:
    """Return the baseline hazards for linear predictors of the target's samples, with offset.

    Raises
    ------
    ValueError
        For predictors so far apart that a hazard leaves the range of float64.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        steps = target.risk_sets().hazards(np.ascontiguousarray(eta, np.float64))
    if not np.isfinite(steps).all():
        raise ValueError(
            "A baseline hazard leaves the range of float64, since linear predictors are far from "
            "0; subtract a mean from the columns of X, which leaves the coefficients as they are."
        )
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
    return Baseline(times, cumulative, target.labels)
