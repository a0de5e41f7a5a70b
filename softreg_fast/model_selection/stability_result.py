"""StabilityPath: how often features enter the paths of subsamples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.options.cells import Cell, Picture
from softreg_fast.options.scalars import check_number
from softreg_fast.options.spelling import printable
from softreg_fast.options.tables import pandas_for
from softreg_fast.options.types import Index, Vector
from softreg_fast.paths.cells import MOST_NAMED, MOST_OTHERS, MOST_ROWS, ends_of, name_of
from softreg_fast.paths.kept import Kept


@dataclass(frozen=True, eq=False, repr=False)
class StabilityPath(Kept):
    """Frequencies over subsamples with which each feature has entered the path by each alpha.

    A feature has entered by an alpha if its coefficient was nonzero there or at a larger one, so
    frequencies never fall along the path. In each subsample only the first `max_selected`
    candidates to enter count. Under a penalty of groups all of this counts groups, whose names
    `feature_names` then holds.

    What `stability_path` returns.

    Attributes
    ----------
    alphas : ndarray (n_alphas,)
        Strengths of the penalty, falling.
    frequencies : csc_array (n_features, n_alphas)
        Share of subsamples in which the feature has entered by the alpha.
    threshold : float
        Default threshold: frequency from which a feature is selected.
    max_selected : int
        Number of candidates whose entry counts in each subsample.
    n_candidates : int
        Number of features whose entry depends on the penalty: neither excluded, nor without L1
        part, nor kept away from 0 by a bound.
    mean_selected : float
        Number of candidates that entered, averaged over the subsamples.
    n_subsamples : int
        Number of subsamples.
    fraction : float
        Size of a subsample as a share of the samples.
    complementary : bool
        Whether the subsamples are pairs without common samples.
    seconds : float
        Wall time, data checks included.
    feature_names : ndarray (n_features,) of object or None
        Column labels of a frame. Under a penalty of groups the features of this result are groups,
        and these are their names.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import stability_path
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> found = stability_path(X, y, random_state=0)
    >>> found.selected(0.9)
    [('bmi', 1.0), ('s5', 0.98)]
    >>> found.expected_false(0.9)
    0.5
    """

    alphas: Vector
    frequencies: Any
    threshold: float
    max_selected: int
    n_candidates: int
    mean_selected: float
    n_subsamples: int
    fraction: float
    complementary: bool
    seconds: float
    feature_names: NDArray[np.object_] | None = None

    @property
    def max_frequencies(self) -> Vector:
        """Share of subsamples in which each feature entered at all, (n_features,)."""
        return np.asarray(self.frequencies[:, [-1]].toarray()[:, 0])

    def selected(self, threshold: float | None = None) -> list[tuple[Any, float]]:
        """Return (name or index, frequency) of features reaching the threshold, largest first.

        Parameters
        ----------
        threshold : float in (0, 1] or None, default=None
            Frequency from which a feature counts as selected. None: the path's `threshold`.

        Returns
        -------
        list of (str or int, float)
        """
        frequencies = self.max_frequencies
        names = range(len(frequencies)) if self.feature_names is None else self.feature_names
        return [(names[j], float(frequencies[j])) for j in self.support(threshold)]

    def support(self, threshold: float | None = None) -> Index:
        """Return the indices of the features that reach the threshold, most frequent first.

        Parameters
        ----------
        threshold : float in (0, 1] or None, default=None
            Frequency from which a feature counts as selected. None: the path's `threshold`.

        Returns
        -------
        ndarray of int
        """
        level = self.threshold if threshold is None else threshold
        check_number("threshold", level, low=0.0, high=1.0, low_open=True)
        frequencies = self.max_frequencies
        chosen = np.flatnonzero(frequencies >= level)
        return chosen[np.argsort(-frequencies[chosen], kind="stable")]

    def expected_false(self, threshold: float | None = None) -> float:
        """Return a bound on the expected number of false features among the selected ones.

        It is mean_selected^2 / ((2 threshold - 1) n_candidates). It counts the selected features
        that enter a subsample's path with a probability of at most mean_selected / n_candidates,
        that of a random draw. Those are all the features without influence if they are exchangeable
        and enter no more often than the others; strongly correlated features violate this. Samples
        must be independent and the subsamples complementary pairs; without pairs the bound holds in
        the limit of many subsamples. docs/mathematics.md, section 11, has the proof.

        Parameters
        ----------
        threshold : float in (0.5, 1] or None, default=None
            Frequency from which a feature counts as selected. None: the path's `threshold`.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            For thresholds up to 1/2 and for subsamples of more than half of the samples, for which
            there is no bound.

        References
        ----------
        Meinshausen, Buehlmann (2010), "Stability selection", JRSS B 72(4), theorem 1.
        Shah, Samworth (2013), "Variable selection with error control: another look at stability
        selection", JRSS B 75(1), theorem 1.
        """
        level = self.threshold if threshold is None else threshold
        check_number("threshold", level, low=0.5, high=1.0, low_open=True)
        if self.fraction > 0.5:
            raise ValueError(
                f"There is no bound for subsamples of a fraction of {self.fraction:g}, of which no "
                "two are disjoint; use fraction <= 0.5."
            )
        if not self.n_candidates:
            return 0.0
        return float(self.mean_selected**2 / ((2.0 * level - 1.0) * self.n_candidates))

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw the frequencies along the path, as `StabilityDisplay.from_path` does.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw into. None: those of a new figure.
        **options
            Further parameters of `StabilityDisplay.plot`.

        Returns
        -------
        StabilityDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        from softreg_fast.display.stability_display import StabilityDisplay  # of this class

        return StabilityDisplay.from_path(self, ax=ax, **options)

    def to_frame(self, threshold: float | None = None) -> Any:
        """Return a table with a row for each feature, the most frequent first.

        Parameters
        ----------
        threshold : float in (0, 1] or None, default=None
            Frequency from which a feature counts as selected. None: the path's `threshold`.

        Returns
        -------
        pandas DataFrame
            feature (name or number), frequency, selected, and alpha, the largest one by which the
            feature has the frequency of the threshold (NaN: none).

        Raises
        ------
        ImportError
            Without pandas.
        """
        frequencies = self.max_frequencies
        chosen = self.support(threshold)
        level = self.threshold if threshold is None else threshold
        reached = np.full(len(frequencies), np.nan)
        first = np.argmax(self.frequencies[chosen].toarray() >= level, axis=1)
        reached[chosen] = self.alphas[first]
        order = np.argsort(-frequencies, kind="stable")
        names = np.arange(len(frequencies)) if self.feature_names is None else self.feature_names
        return pandas_for("to_frame").DataFrame(
            {
                "feature": names[order],
                "frequency": frequencies[order],
                "selected": frequencies[order] >= level,
                "alpha": reached[order],
            }
        )

    def to_sklearn(self) -> Any:
        """Return a fitted `StabilitySelector` that selects the same features, for pipelines.

        Its settings are those of this result; the penalty, which is not part of it, has the
        defaults.

        Returns
        -------
        StabilitySelector
        """
        from softreg_fast.estimators.of_results import selector_of  # which keeps this class

        return selector_of(self)

    def _cell(self) -> Cell:
        chosen = self.selected()
        facts = [
            ("subsamples", f"{self.n_subsamples} of {100.0 * self.fraction:g} % of the samples"),
            ("selected", f"{len(chosen)} of {len(self.max_frequencies)} features"),
        ]
        if self.fraction <= 0.5:
            facts.append(("expected false", f"at most {self.expected_false():.3g}"))
        rows = [[str(name), f"{share:.2f}"] for name, share in chosen[: 2 * MOST_ROWS]]
        support, most = self.support(), self.max_frequencies
        ever = np.flatnonzero(most)
        others = np.setdiff1d(ever[np.argsort(-most[ever])][: MOST_NAMED + MOST_OTHERS], support)
        lines = self.frequencies.toarray() if len(most) < 1 << 12 else None

        def line(j: int) -> Vector:
            row = self.frequencies[[j]].toarray()[0] if lines is None else lines[j]
            return np.asarray(row)

        picture = Picture(
            "Frequencies along the path",
            [(name_of(self.feature_names, j), line(j)) for j in support[:MOST_NAMED]],
            [line(j) for j in others],
            ends_of(self.alphas),
            level=self.threshold,
        )
        return Cell("StabilityPath", facts, ["feature", "frequency"], rows, picture)

    def __repr__(self) -> str:
        return (
            f"StabilityPath({self.n_subsamples} subsamples, {len(self.alphas)} alphas, "
            f"{len(self.support())} of {self.frequencies.shape[0]} features selected at "
            f"{self.threshold:g}, {self.seconds:.3g} s)"
        )

    def __str__(self) -> str:
        lines = [repr(self), f"entered: {self.mean_selected:.4g} on average"]
        if self.fraction <= 0.5:
            lines[1] += f", expected false: at most {self.expected_false():.3g}"
        lines.append(f"{'frequency':>9} {'from alpha':>12}  feature")
        rows = self.frequencies[self.support()].toarray()
        for (name, frequency), row in zip(self.selected(), rows, strict=True):
            alpha = self.alphas[int(np.argmax(row >= self.threshold))]
            lines.append(f"{frequency:>9.2f} {alpha:>12.6g}  {printable(str(name), '')}")
        return "\n".join(lines)
