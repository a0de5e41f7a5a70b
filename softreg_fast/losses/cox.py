"""Cox: minus the logarithm of the partial likelihood of survival times."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from softreg_fast.kernels._risk_sets import RiskSets
from softreg_fast.losses.base import Loss
from softreg_fast.options.choices import TIES, Ties
from softreg_fast.options.types import Index, Vector

# Columns of a target: entry (-inf: from the beginning), end, event or not, number of the stratum.
START, STOP, EVENT, STRATUM = range(4)
WIDTH = 4


class Times(NamedTuple):
    """Event times of all strata, numbered stratum by stratum in rising order.

    Attributes
    ----------
    first, last : ndarray (n_samples,) of int
        First and last time at which a sample is at risk, but that of its own event, which comes
        after `last`; first > last: none.
    own : ndarray (n_samples,) of int
        Number of the time of its event, or -1.
    stratum : ndarray (n_samples,) of int
    begins : ndarray (n_times + 1,) of int
        1 where a time is the first of its stratum, and at the end.
    time : ndarray (n_times,)
    """

    first: Index
    last: Index
    own: Index
    stratum: Index
    begins: Index
    time: Vector


def times_of(y: Vector, weight: Vector | None) -> Times:
    """Return the times of events with a positive weight, and who is at risk at which of them."""
    start, stop, event, stratum = y.T
    events = event > 0.0
    if weight is not None:
        events &= weight > 0.0
    enter = bool((start > -np.inf).any())
    ends_of = np.concatenate([stop, start]) if enter else stop
    values, rank = np.unique(ends_of, return_inverse=True)
    base = stratum.astype(np.int64) * len(values)
    ends = base + rank[: len(y)]
    entries = base + rank[len(y) :] if enter else base - 1  # before all times of the stratum
    times = np.sort(ends[events])
    times = times[np.diff(times, prepend=-1) != 0]
    first = np.searchsorted(times, entries, side="right")
    last = np.searchsorted(times, ends, side="right") - 1
    own = np.where(events, last, -1)
    last = last - events
    of_stratum = times // len(values)
    begins = np.append(np.diff(of_stratum, prepend=-1) != 0, True)
    numbers = [part.astype(np.intp) for part in (first, last, own, stratum, begins)]
    return Times._make([*numbers, values[times % len(values)]])


class Cox(Loss):
    """Minus the log partial likelihood of survival times, over the sum of the sample weights.

    The loss is a sum over events of log sum_j s_j exp(eta_j) - eta_i, j over those at risk then:
    samples of the same stratum that have entered and not yet left. It does not change when a
    constant is added to the predictors of a stratum, so that there is no intercept. Targets are
    made by `survival`; see there for the other forms that are taken for one.

    Parameters
    ----------
    ties : {"breslow", "efron"}, default="breslow"
        What to do about events at the same time. "breslow": all of them see everybody at risk, so
        that a sample of weight 2 is one that occurs twice; as in glmnet and scikit-survival.
        "efron": as if they came one after the other, in no order, with the mean of their weights;
        as in R's coxph, closer to the exact likelihood.

    References
    ----------
    Cox (1972), "Regression models and life-tables", J. R. Stat. Soc. B 34; Breslow (1974),
    Biometrics 30; Efron (1977), J. Am. Stat. Assoc. 72.

    Examples
    --------
    >>> from softreg_fast.losses import Cox
    >>> Cox(ties="efron")
    Cox(ties='efron')
    """

    kind = "cox"
    measure = "partial likelihood deviance"
    _settings: ClassVar[tuple[str, ...]] = ("ties",)

    def __init__(self, ties: Ties = "breslow") -> None:
        if ties not in TIES:
            raise ValueError(f"ties must be one of {', '.join(TIES)}; got {ties!r}.")
        self.ties = ties

    @property
    def parameters(self) -> tuple[float, ...]:
        """Nothing: the kernels are told about ties by their risk sets."""
        return ()

    def risk_sets(self, times: Times, weight: Vector | None) -> RiskSets:
        """Return new risk sets for the kernels, whose storage only one thread may use at a time."""
        n = len(times.first)
        parts = times.first, times.last, times.own, times.stratum, times.begins
        return RiskSets(*parts, np.ones(n) if weight is None else weight, self.ties == "efron")

    def saturated(self, times: Times, weight: Vector | None) -> float:
        """Return the infimum of the loss over all predictors, times the number of samples.

        It is W log W for events of weight W at one time, more the later of Efron's terms.
        """
        events = np.flatnonzero(times.own >= 0)
        weights = None if weight is None else weight[events]
        own, n_times = times.own[events], len(times.time)
        W = np.bincount(own, weights, n_times)
        total = float(W @ np.log(W))
        if self.ties == "efron":
            counts = np.bincount(own, minlength=n_times)
            for count in np.unique(counts[counts > 1]):
                shares = 1.0 - np.arange(count) / count
                total += float(W[counts == count].sum() / count * np.log(shares).sum())
        return total

    def log_normaliser(
        self,
        n: int,
        dispersion: float,
        y: Vector | None = None,
        weight: Vector | None = None,
    ) -> float:
        """Return twice the infimum of the loss, for weights of mean one."""
        return 0.0 if y is None else 2.0 * self.saturated(times_of(y, weight), weight) * n / len(y)

    def deviance_of(self, y: Vector, eta: Vector, weight: Vector | None) -> Vector:
        """Return twice the excess of the loss over its infimum, times the number of samples.

        Parameters
        ----------
        y : ndarray (n_samples, 4)
        eta : ndarray (n_samples, n_models)
        weight : ndarray (n_samples,) or None

        Returns
        -------
        ndarray (n_models,); 0 where there is no event.
        """
        times = times_of(y, weight)
        if not len(times.time):
            return np.zeros(eta.shape[1])
        return self.deviance_on(self.risk_sets(times, weight), self.saturated(times, weight), eta)

    def deviance_on(self, sets: RiskSets, least: float, eta: Vector) -> Vector:
        """Return what `deviance_of` does, given risk sets and the infimum of the loss on them."""
        losses: Vector = sets.losses(np.ascontiguousarray(eta.T))
        return 2.0 * np.maximum(losses - least, 0.0)

    def _not_by_sample(self) -> NoReturn:
        raise TypeError("Cox's loss is a sum over risk sets; no sample has a loss of its own.")

    def value(self, y: Vector, eta: Any) -> Vector:
        """Raise TypeError: the loss is no sum over samples."""
        self._not_by_sample()

    def residual(self, y: Vector, eta: Any) -> Vector:
        """Raise TypeError: the loss is no sum over samples."""
        self._not_by_sample()

    def curvature(self, y: Vector, eta: Any) -> Vector:
        """Raise TypeError: the loss is no sum over samples."""
        self._not_by_sample()

    def bregman(self, y: Vector, eta: Any, theta: Vector) -> Vector:
        """Raise TypeError: the loss is no sum over samples."""
        self._not_by_sample()

    def mean(self, eta: Vector) -> NDArray[Any]:
        """Return the hazard ratio exp(eta), relative to a sample whose predictor is 0."""
        with np.errstate(over="ignore"):
            return np.exp(eta)
