"""The search over gammas, l1_ratios, alphas and folds behind cv_path()."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Sequence
from operator import methodcaller
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from softreg_fast.data.design import Design
from softreg_fast.model_selection.criteria import Criterion
from softreg_fast.model_selection.folds import Training
from softreg_fast.model_selection.measures import Measure
from softreg_fast.model_selection.workers import Workers, workers_for
from softreg_fast.options.types import Vector
from softreg_fast.paths.convergence import warn_of_missed
from softreg_fast.paths.endless import warn_of_endless
from softreg_fast.paths.grids import AUTO, EPS, alpha_grid, as_alphas, block_of, continued
from softreg_fast.paths.path import PathRun
from softreg_fast.paths.relaxed import relax_fits
from softreg_fast.paths.result import Path
from softreg_fast.solvers.problem import Problem

# Alphas between two checks of the errors, when the folds advance along the grid together.
ALPHAS_AT_ONCE = 5

# An error that falls by less than this fraction in a block of alphas has settled: at once if all
# features are in (it has reached that of least squares), otherwise after BLOCKS_OF_REST blocks.
SETTLED = 1e-5
BLOCKS_OF_REST = 4


class Grids:
    """A grid of alphas for each l1_ratio, and how far it was searched.

    With eps="auto" a grid is extended, at the same ratio of alphas, while the smallest error is
    among the newest ones.

    Parameters
    ----------
    problems : list of Problem, one for each l1_ratio
    alphas : int or array-like
        Their number or their values.
    eps : float or "auto"

    Attributes
    ----------
    alphas : ndarray (n_l1_ratios, n_alphas)
        As far as any grid may be extended.
    n_first : int
        Number of alphas that are tried whatever the errors.
    most : ndarray (n_l1_ratios,)
        Largest number of alphas of each grid.
    reached : int
        Number of alphas that the longest grid reached.
    ended : list of str
        Reason why each grid ended, as in `CVPath.end`.
    """

    def __init__(self, problems: Sequence[Problem], alphas: Any, eps: float | str) -> None:
        goes_on, end = False, "given"
        if isinstance(alphas, numbers.Integral):
            goes_on = isinstance(eps, str) and eps == AUTO
            if isinstance(eps, str) and not goes_on:
                raise ValueError(f"eps must be a number in (0, 1] or 'auto', got {eps!r}.")
            smallest: Any = EPS if goes_on else eps
            grids = [alpha_grid(problem, int(alphas), smallest) for problem in problems]
            end = "turned" if goes_on else "eps"
        else:
            grids = [as_alphas(alphas)] * len(problems)
        self.alphas = np.array(grids)
        self.n_first: int = self.alphas.shape[1]
        self.most = np.full(len(grids), self.n_first)
        if goes_on:
            self.alphas, self.most = continued(self.alphas)
        self.reached = self.n_first
        self.ended = [end] * len(grids)

    @property
    def may_go_on(self) -> bool:
        """Return whether some grid may be extended."""
        return bool(self.alphas.shape[1] > self.n_first > 1)

    def of(self, ratio: int, length: int | None = None) -> Vector:
        """Return the alphas of an l1_ratio: the first ones, or `length` of them."""
        return np.asarray(self.alphas[ratio, : self.n_first if length is None else length])


class Search:
    """All fits on a grid of gammas, l1_ratios and alphas, and the errors of their models.

    Parameters
    ----------
    problems : list of Problem
        One for each l1_ratio, on all samples.
    gammas : ndarray
    grids : Grids
    teller : function from the name of a path to its callback or None
    fold_weights : ndarray (n_folds,) or None

    Attributes
    ----------
    errors : ndarray (n_gammas, n_l1_ratios, n_alphas, n_folds)
        NaN where there is no fit.
    best : (gamma, l1_ratio, alpha)
        Indices of the smallest mean error, once known.
    stopped : bool
        Whether a watcher has ended a path.
    """

    def __init__(
        self,
        problems: Sequence[Problem],
        gammas: Vector,
        grids: Grids,
        teller: Any,
        fold_weights: Vector | None = None,
    ) -> None:
        self.problems = problems
        self.gammas = gammas
        self.grids = grids
        self.teller = teller
        self.fold_weights = fold_weights
        self.stopped = False

    def end_of(self, ratio: int) -> str:
        """Return why the grid of the l1_ratio with this index ended."""
        return "watcher" if self.stopped else self.grids.ended[ratio]

    def _begin(self, n_folds: int) -> None:
        shape = len(self.gammas), *self.grids.alphas.shape, n_folds
        self.errors: NDArray[np.float64] = np.full(shape, np.nan)

    def by_criterion(self, criterion: Criterion) -> Path:
        """Compute a criterion, as errors of one fold; return the path at the best l1_ratio."""
        self._begin(1)
        paths = []
        for ratio in range(len(self.problems)):
            track = _CriterionTrack(self, ratio, criterion)
            track.advance(self.grids.n_first)
            if self._is_falling(ratio):
                track.resume()
                self._go_on(ratio, [track], Workers(1))
            paths.append(track.path())
        for problem, fits in zip(self.problems, paths, strict=True):
            if not warn_of_endless(problem, fits):
                warn_of_missed(fits, self._max_iter)
        self.best = best_of(self.errors)
        return paths[self.best[1]]

    def over_folds(
        self, training: Training, measure: Measure, patience: int | None
    ) -> tuple[list[Path], Path]:
        """Compute the errors on the test samples; return the paths where they are smallest.

        The paths are those of the folds and that of all samples, at the gamma and l1_ratio with the
        smallest mean error.
        """
        n_folds = len(training.folds)
        self._begin(n_folds)
        design = training.design
        crew = Workers(workers_for(n_folds, design.n_entries, design.most_threads))
        folds = [_FoldTrack(self, training, k, measure, crew) for k in range(n_folds)]
        whole = _WholeTrack(self, crew)
        if patience is not None:
            self._together(folds, patience, crew)
        elif len(self.problems) > 1:
            crew.map(methodcaller("run"), folds)
        else:  # all samples alongside the folds
            crew.map(methodcaller("run"), [*folds, whole])
        for ratio in range(len(self.problems)):
            if self._is_falling(ratio):
                self._go_on_together(ratio, folds, crew)
        self.best = best_of(self.errors, self.fold_weights)
        gamma, ratio, _ = self.best
        paths = [fold.blends[ratio][gamma] for fold in folds]
        for fits in paths:
            warn_of_missed(fits, self._max_iter)
        return paths, whole.path(min(len(fits) for fits in paths))

    @property
    def _max_iter(self) -> int:
        return self.problems[0].options.max_iter

    def _together(self, folds: list[_FoldTrack], patience: int, crew: Workers) -> None:
        # advance along the grid until the mean errors do not fall any more
        for ratio in range(len(self.problems)):
            crew.map(methodcaller("begin", ratio), folds)
            for _ in range(0, self.grids.n_first, ALPHAS_AT_ONCE):
                crew.map(methodcaller("advance", ALPHAS_AT_ONCE), folds)
                if self._is_stale(ratio, patience) or any(fold.stopped for fold in folds):
                    break
            crew.map(methodcaller("end"), folds)

    def _smallest(self, ratio: int) -> Vector:
        # the smallest mean error over the gammas at each alpha, infinite where there is none
        mean = mean_over(self.errors[:, ratio], self.fold_weights)
        return np.asarray(np.fmin.reduce(mean, axis=0, initial=np.inf))

    def _is_stale(self, ratio: int, patience: int) -> bool:
        # whether the last alphas brought no smaller mean error
        mean = self._smallest(ratio)
        reached = np.flatnonzero(np.isfinite(mean))
        return bool(reached.size and reached[-1] - int(np.argmin(mean)) >= patience)

    def _is_falling(self, ratio: int) -> bool:
        # whether a grid that may be extended has its smallest error at the end
        if not self.grids.may_go_on:
            return False
        return bool(np.argmin(self._smallest(ratio)) == self.grids.n_first - 1)

    def _go_on_together(self, ratio: int, folds: list[_FoldTrack], crew: Workers) -> None:
        # extend all folds beyond the first end of the grid, from the end of their paths
        crew.map(methodcaller("resume", ratio), folds)
        self._go_on(ratio, folds, crew)
        crew.map(methodcaller("end_again"), folds)

    def _go_on(
        self, ratio: int, tracks: Sequence[_FoldTrack | _CriterionTrack], crew: Workers
    ) -> None:
        # block by block, until a block has no smaller error, or no further gain is possible
        grids, block = self.grids, block_of(self.grids.alphas[ratio])
        smallest = []  # after each block
        for start in range(grids.n_first, grids.most[ratio], block):
            stop = min(start + block, int(grids.most[ratio]))
            newest = crew.map(methodcaller("advance", stop - start), tracks)
            grids.reached = max(grids.reached, stop)
            mean = self._smallest(ratio)
            smallest.append(mean[:stop].min())
            before, now = mean[:start].min(), smallest[-1]
            if not now < before:
                return
            if not all(len(fits) == stop - start and fits.converged for fits in newest):
                break
            if before - now <= SETTLED * abs(before) and self._all_features_in(newest):
                grids.ended[ratio] = "settled"
                return
        rest = smallest[-BLOCKS_OF_REST:]
        at_rest = len(rest) == BLOCKS_OF_REST and rest[0] - rest[-1] <= SETTLED * abs(rest[0])
        grids.ended[ratio] = "settled" if at_rest else "floor"

    def _all_features_in(self, paths: list[Path]) -> bool:
        design, (_, _, lower, upper) = self.problems[0].design, self.problems[0].vectors
        most = np.count_nonzero((design.norm > 0.0) & (lower < upper))
        return all(fits.df[-1] >= most for fits in paths)

    def blends(self, run: PathRun, fits: Path) -> list[Path]:
        """Return the fits of a run at every gamma."""
        if len(self.gammas) == 1 and self.gammas[0] == 1.0:
            return [fits]
        relaxed = relax_fits(run.problem, fits)
        return [relaxed.at(gamma) for gamma in self.gammas.tolist()]

    def callback_of(self, part: str, ratio: int) -> Any:
        """Return the callback of the path of these samples at an l1_ratio."""
        if len({problem.l1_ratio for problem in self.problems}) > 1:
            part = f"{part}, l1_ratio {self.problems[ratio].l1_ratio:g}"
        elif len(self.problems) > 1:
            part = f"{part}, penalty {ratio + 1} of {len(self.problems)}"
        return self.teller(part)


class _CriterionTrack:
    """The path of one l1_ratio on all samples, whose models a criterion compares."""

    def __init__(self, search: Search, ratio: int, criterion: Criterion) -> None:
        self.search = search
        self.ratio = ratio
        self.criterion = criterion
        self._run = PathRun(search.problems[ratio], search.grids.of(ratio))
        self._tell = search.callback_of("all samples", ratio)

    def resume(self) -> None:
        """Prepare the extension of the grid."""
        grids = self.search.grids
        self._run.alphas = grids.of(self.ratio, grids.most[self.ratio])

    def advance(self, n: int) -> Path:
        """Fit the next n alphas, and return the new fits."""
        start = self._run.position
        self._run.advance(n, self._tell)
        fits = self.path().part(slice(start, None))
        values = self.criterion.of(fits, self._run.problem)
        self.search.errors[0, self.ratio, start : start + len(fits), 0] = values
        self.search.stopped |= self._run.stopped
        return fits

    def path(self) -> Path:
        """Return all fits."""
        return self._run.path()


class _WholeTrack:
    """The path of all samples at the best l1_ratio, beside the folds or after them."""

    def __init__(self, search: Search, crew: Workers) -> None:
        self.search = search
        self.crew = crew
        self._run: PathRun | None = None

    def run(self) -> None:
        """Fit the grid of the only l1_ratio while the folds are fitted."""
        search, problem = self.search, self.search.problems[0]
        share = self.crew.share(problem.design.n_threads)
        self._run = PathRun(problem.on(problem.design.with_threads(share)), search.grids.of(0))
        self._run.advance(search.grids.n_first, search.callback_of("all samples", 0))

    def path(self, reached: int) -> Path:
        """Return the fits at the best gamma and l1_ratio, as far as the folds have come."""
        search, (gamma, ratio, k) = self.search, self.search.best
        run = self._run or PathRun(search.problems[ratio], search.grids.of(ratio))
        run.alphas = search.grids.of(ratio, max(search.grids.n_first, reached))
        if run.position < reached and not run.stopped:
            run.advance(reached - run.position, search.callback_of("all samples", ratio))
        run.advance(max(k + 1 - run.position, 0))  # in case it was stopped before
        fits = run.path()
        blend = search.blends(run, fits)[gamma]
        if not warn_of_endless(run.problem, fits):
            warn_of_missed(blend, run.problem.options.max_iter)
        return blend


class _FoldTrack:
    """The paths of one fold, and its part of the errors.

    Attributes
    ----------
    blends : list
        For each l1_ratio the fits at every gamma.
    """

    def __init__(
        self, search: Search, training: Training, k: int, measure: Measure, crew: Workers
    ) -> None:
        self.search = search
        self.training = training
        self.k = k
        self.measure = measure
        self.crew = crew
        self.blends: list[list[Path]] = []
        self._lasts: list[Path] = []  # the newest fits of each l1_ratio, before blending
        self._design: Design | None = None  # of the training samples, while it is in use

    def run(self) -> None:
        """Fit the whole grid."""
        for ratio in range(len(self.search.problems)):
            self.begin(ratio)
            self.advance(self.search.grids.n_first)
            self.end()
        self._design = None

    def begin(self, ratio: int) -> None:
        """Prepare the path of an l1_ratio."""
        self._ratio = ratio
        self._run = PathRun(self._problem(ratio), self.search.grids.of(ratio))
        self._tell = self.search.callback_of(f"fold {self.k}", ratio)

    def resume(self, ratio: int) -> None:
        """Prepare the extension of the path of an l1_ratio, from its last fit."""
        grids, last = self.search.grids, self._lasts[ratio]
        self._ratio = ratio
        self._run = PathRun(
            self._problem(ratio),
            grids.of(ratio, grids.most[ratio]),
            last[len(last) - 1].coef,
            first=grids.n_first,
        )
        self._tell = self.search.callback_of(f"fold {self.k}", ratio)

    def _problem(self, ratio: int) -> Problem:
        problem = self.search.problems[ratio]
        if self._design is None:
            share = self.crew.share(problem.design.n_threads)
            self._design = self.training.design_of(self.k, share)
        if not isinstance(problem.options.precompute, bool | str):  # X'X of all samples
            problem = problem.with_options(precompute="auto")
        return problem.on(self._design)

    @property
    def stopped(self) -> bool:
        """Return whether a watcher has ended the current path."""
        return self._run.stopped

    def advance(self, n: int) -> Path:
        """Fit and test the next n alphas, and return the new fits."""
        start, first = self._run.position, self._run.first
        self._run.advance(n, self._tell)
        fits = self._run.path()
        self._fits = fits.part(slice(start - first, None)) if start > first else fits
        self._newest = self.search.blends(self._run, self._fits)
        for gamma, blend in enumerate(self._newest):
            errors = self.measure.errors(self.training, self.k, blend)
            self.search.errors[gamma, self._ratio, start : start + len(blend), self.k] = errors
        return self._fits

    def end(self) -> None:
        """Store the path."""
        self.search.stopped |= self.stopped
        self.blends.append(self._all_blends())
        self._lasts.append(self._fits)
        del self._run, self._newest, self._fits

    def end_again(self) -> None:
        """Append the extension to the stored path."""
        self.search.stopped |= self.stopped
        beyond = self._all_blends()
        former = self.blends[self._ratio]
        self.blends[self._ratio] = [_joined(a, b) for a, b in zip(former, beyond, strict=True)]
        del self._run, self._newest, self._fits
        self._design = None

    def _all_blends(self) -> list[Path]:
        whole = len(self._newest[0]) == self._run.position - self._run.first
        return self._newest if whole else self.search.blends(self._run, self._run.path())


def _joined(a: Path, b: Path) -> Path:
    # concatenate two paths
    by_alpha = ("alphas", "intercepts", "gaps", "tols", "n_epochs", "status", "dev_ratio", "df")
    both: dict[str, Any] = {
        name: np.concatenate([getattr(a, name), getattr(b, name)]) for name in by_alpha
    }
    coefs = sp.csc_array(sp.hstack([a.coefs, b.coefs], format="csc"))
    return dataclasses.replace(a, coefs=coefs, seconds=a.seconds + b.seconds, **both)


def mean_over(errors: NDArray[np.float64], fold_weights: Vector | None) -> NDArray[np.float64]:
    """Return the mean over the folds, the last axis, with these weights; None: all equal."""
    if fold_weights is None:
        return np.asarray(errors.mean(axis=-1))
    return np.asarray(np.average(errors, axis=-1, weights=fold_weights))


def best_of(
    errors: NDArray[np.float64], fold_weights: Vector | None = None
) -> tuple[int, int, int]:
    """Return (gamma, l1_ratio, alpha) of the smallest mean error, the first in case of ties."""
    mean = mean_over(errors, fold_weights)
    gamma, ratio, k = np.unravel_index(int(np.nanargmin(mean)), mean.shape)
    return int(gamma), int(ratio), int(k)
