"""The search over gammas, l1_ratios, alphas and folds behind cv_path()."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from softreg_fast.data.design import Design
from softreg_fast.model_selection.criteria import Criterion
from softreg_fast.model_selection.folds import Training
from softreg_fast.model_selection.scoring import scores_of
from softreg_fast.model_selection.workers import Workers, workers_for
from softreg_fast.options.types import Vector
from softreg_fast.paths.convergence import warn_of_missed
from softreg_fast.paths.grids import AUTO, EPS, alpha_grid, as_alphas, block_of, continued
from softreg_fast.paths.path import PathRun
from softreg_fast.paths.relaxed import relax_fits
from softreg_fast.paths.result import Path
from softreg_fast.penalties.vectors import Penalty, PenaltyVectors

# Alphas between two checks of the errors, when the folds advance along the grid together.
ALPHAS_AT_ONCE = 5

# An error that falls by less than this fraction in a block of alphas has settled: at once if all
# features are in (it has reached that of least squares), otherwise after BLOCKS_OF_REST blocks.
SETTLED = 1e-5
BLOCKS_OF_REST = 4


class Search:
    """The grid of gammas, l1_ratios and alphas, and all fits on it.

    With eps="auto" the grid of an l1_ratio is extended, at the same ratio of alphas, while the
    smallest error is among the newest ones.

    Attributes
    ----------
    alphas : ndarray (n_l1_ratios, n_alphas)
        As far as any grid may be extended; `trimmed` returns those that were reached.
    reached : int
        Number of alphas reached.
    best : (gamma, l1_ratio, alpha)
        Indices of the smallest mean error, once known.
    n_first : int
        Number of alphas that are tried whatever the errors.
    most : ndarray (n_l1_ratios,)
        Largest number of alphas of each grid.
    ended : list of str
        Reason why the grid of each l1_ratio ended, as in `CVPath.end`.
    stopped : bool
        Whether a watcher has ended a path.
    """

    def __init__(
        self,
        design: Design,
        l1_ratios: Vector,
        gammas: Vector,
        alphas: Any,
        eps: float | str,
        penalty: dict[str, Any],
        options: dict[str, Any],
        fold_weights: Vector | None = None,
    ) -> None:
        self.design = design
        self.l1_ratios = l1_ratios
        self.gammas = gammas
        self.options = options
        self.fold_weights = fold_weights
        self.penalties = [Penalty(1.0, ratio, **penalty) for ratio in l1_ratios.tolist()]
        self.vectors = [
            each.vectors(design.n_features, design.feature_names) for each in self.penalties
        ]
        goes_on = isinstance(eps, str) and eps == AUTO
        how = "eps"
        if isinstance(alphas, numbers.Integral):
            scaled = [PenaltyVectors(*design.to_engine(*vectors)) for vectors in self.vectors]
            if isinstance(eps, str) and not goes_on:
                raise ValueError(f"eps must be a number in (0, 1] or 'auto', got {eps!r}.")
            end: Any = EPS if goes_on else eps
            grids = [
                alpha_grid(design, vectors, ratio, int(alphas), end)
                for vectors, ratio in zip(scaled, l1_ratios.tolist(), strict=True)
            ]
        else:
            goes_on, how = False, "given"
            grids = [as_alphas(alphas)] * len(l1_ratios)
        self.alphas = np.array(grids)
        self.n_first: int = self.alphas.shape[1]
        self.most = np.full(len(grids), self.n_first)
        if goes_on:
            self.alphas, self.most = continued(self.alphas)
            how = "turned"
        self.reached = self.n_first
        self.ended = [how] * len(grids)
        self.stopped = False

    @property
    def n_fits(self) -> int:
        """Number of alphas times l1_ratios at which every fold is fitted."""
        return self.n_first * len(self.l1_ratios)

    def end_of(self, ratio: int) -> str:
        """Return why the grid of the l1_ratio with this index ended."""
        return "watcher" if self.stopped else self.ended[ratio]

    def trimmed(self, errors: NDArray[np.float64]) -> tuple[Any, Any]:
        """Return alphas and errors up to the longest grid reached."""
        n = self.reached
        return self.alphas[:, :n].copy(), errors[:, :, :n].copy()

    def run(
        self, design: Design, ratio: int, precompute: Any, before: Path | None = None
    ) -> PathRun:
        """Return the unfitted path of one l1_ratio, or its continuation after `before`.

        `ratio` is the index of the l1_ratio.
        """
        known = self.vectors[ratio], PenaltyVectors(*design.to_engine(*self.vectors[ratio]))
        last = self.n_first if before is None else self.most[ratio]
        return PathRun(
            design,
            self.penalties[ratio],
            self.alphas[ratio, :last],
            precompute=precompute,
            coef_init=None if before is None else before[len(before) - 1].coef,
            known=known,
            first=0 if before is None else self.n_first,
            **self.options,
        )

    def by_criterion(
        self, criterion: Criterion, precompute: Any, teller: Any
    ) -> tuple[NDArray[np.float64], Path]:
        """Return a criterion's values as errors of one fold, and the path at the best l1_ratio."""
        errors = np.full((1, *self.alphas.shape, 1), np.nan)
        paths = [
            self._criterion_path(ratio, criterion, errors[:, ratio], precompute, teller)
            for ratio in range(len(self.l1_ratios))
        ]
        for fits in paths:
            warn_of_missed(fits, self.options["max_iter"])
        self.best = best_of(errors)
        return errors, paths[self.best[1]]

    def _criterion_path(
        self,
        ratio: int,
        criterion: Criterion,
        values: NDArray[np.float64],
        precompute: Any,
        teller: Any,
    ) -> Path:
        # return the path of an l1_ratio and fill in its values (1, n_alphas, 1)
        scaled = PenaltyVectors(*self.design.to_engine(*self.vectors[ratio]))
        run = self.run(self.design, ratio, precompute)
        tell = teller(self.name_of("all samples", ratio))

        def advance(n: int) -> list[Path]:
            start = run.position
            run.advance(n, tell)
            fits = run.path().part(slice(start, None))
            found = criterion.of(fits, self.design, scaled, run.l1_ratio)
            values[0, start : start + len(fits), 0] = found
            return [fits]

        advance(self.n_first)
        if self._is_falling(values):
            run.alphas = self.alphas[ratio, : self.most[ratio]]
            self._go_on(ratio, values, advance)
        self.stopped |= run.stopped
        return run.path()

    def over_folds(
        self,
        training: Training,
        scoring: Any,
        precompute: Any,
        patience: int | None,
        teller: Any,
    ) -> tuple[NDArray[np.float64], list[Path], Path]:
        """Return the errors on the test samples, and the paths where they are smallest.

        The paths are those of the folds and that of all samples, at the gamma and l1_ratio with the
        smallest mean error.
        """
        n_folds = len(training.folds)
        errors = np.full((len(self.gammas), *self.alphas.shape, n_folds), np.nan)
        of_folds = precompute if isinstance(precompute, bool | str) else "auto"
        crew = Workers(workers_for(self.design, n_folds))
        folds = [
            _FoldSearch(self, training, k, errors[..., k], scoring, of_folds, teller, crew)
            for k in range(n_folds)
        ]
        runs: list[PathRun] = []  # on all samples, alongside the folds

        def fit_whole() -> None:
            design = self.design.with_threads(crew.share(self.design))
            runs.append(self.run(design, 0, precompute))
            runs[0].advance(self.n_first, teller(self.name_of("all samples", 0)))

        jobs: list[Callable[[], None]] = [fold.run for fold in folds]
        if patience is not None:
            self._together(folds, errors, patience, crew)
        elif len(self.l1_ratios) > 1:
            crew.map(_do, jobs)
        else:
            crew.map(_do, [*jobs, fit_whole])
        for ratio in range(len(self.l1_ratios)):
            if self._is_falling(errors[:, ratio]):
                self._go_on_together(ratio, folds, errors[:, ratio], crew)
        self.best = gamma, ratio, _ = best_of(errors, self.fold_weights)
        paths = [fold.blends[ratio][gamma] for fold in folds]
        for fits in paths:
            warn_of_missed(fits, self.options["max_iter"])
        reached = min(len(fits) for fits in paths)
        return errors, paths, self._whole(reached, runs, precompute, teller)

    def _together(
        self, folds: list[_FoldSearch], errors: NDArray[np.float64], patience: int, crew: Workers
    ) -> None:
        # advance along the grid until the mean errors do not fall any more
        for ratio in range(len(self.l1_ratios)):
            crew.map(partial(_FoldSearch.begin, ratio=ratio), folds)
            for _ in range(0, self.n_first, ALPHAS_AT_ONCE):
                crew.map(lambda fold: fold.advance(ALPHAS_AT_ONCE), folds)
                if self._is_stale(errors[:, ratio], patience) or any(f.stopped for f in folds):
                    break
            crew.map(_FoldSearch.end, folds)

    def _smallest(self, errors: NDArray[np.float64]) -> Vector:
        # the smallest mean error over the gammas at each alpha, infinite where there is none
        mean = mean_over(errors, self.fold_weights)
        return np.asarray(np.fmin.reduce(mean, axis=0, initial=np.inf))

    def _is_stale(self, errors: NDArray[np.float64], patience: int) -> bool:
        # whether the last alphas brought no smaller mean error
        mean = self._smallest(errors)
        reached = np.flatnonzero(np.isfinite(mean))
        return bool(reached.size and reached[-1] - int(np.argmin(mean)) >= patience)

    def _is_falling(self, errors: NDArray[np.float64]) -> bool:
        # whether a grid that may be extended has its smallest error at the end
        may = self.alphas.shape[1] > self.n_first > 1
        return may and bool(np.argmin(self._smallest(errors)) == self.n_first - 1)

    def _go_on_together(
        self, ratio: int, folds: list[_FoldSearch], errors: NDArray[np.float64], crew: Workers
    ) -> None:
        # extend all folds beyond the first end of the grid, from the end of their paths
        def advance(n: int) -> list[Path]:
            return crew.map(lambda fold: fold.advance(n), folds)

        crew.map(partial(_FoldSearch.resume, ratio=ratio), folds)
        self._go_on(ratio, errors, advance)
        crew.map(_FoldSearch.end_again, folds)

    def _go_on(
        self, ratio: int, errors: NDArray[np.float64], advance: Callable[[int], list[Path]]
    ) -> None:
        # block by block, until a block has no smaller error, or no further gain is possible
        block = block_of(self.alphas[ratio])
        smallest = []  # after each block
        for start in range(self.n_first, self.most[ratio], block):
            stop = min(start + block, int(self.most[ratio]))
            newest = advance(stop - start)
            self.reached = max(self.reached, stop)
            mean = self._smallest(errors)
            smallest.append(mean[:stop].min())
            before, now = mean[:start].min(), smallest[-1]
            if not now < before:
                return
            if not all(len(fits) == stop - start and fits.converged for fits in newest):
                break
            if before - now <= SETTLED * abs(before) and self._all_features_in(newest):
                self.ended[ratio] = "settled"
                return
        rest = smallest[-BLOCKS_OF_REST:]
        at_rest = len(rest) == BLOCKS_OF_REST and rest[0] - rest[-1] <= SETTLED * abs(rest[0])
        self.ended[ratio] = "settled" if at_rest else "floor"

    def _all_features_in(self, paths: list[Path]) -> bool:
        _, _, lower, upper = self.vectors[0]
        most = np.count_nonzero((self.design.norm > 0.0) & (lower < upper))
        return all(fits.df[-1] >= most for fits in paths)

    def _whole(
        self,
        reached: int,
        runs: list[PathRun],
        precompute: Any,
        teller: Any,
    ) -> Path:
        # all samples at the gamma and l1_ratio with the smallest errors, as far as the folds went
        gamma, ratio, k = self.best
        name = self.name_of("all samples", ratio)
        if not runs:
            runs.append(self.run(self.design, ratio, precompute))
        run = runs[0]
        run.alphas = self.alphas[ratio, : max(self.n_first, reached)]
        if run.position < reached and not run.stopped:
            run.advance(reached - run.position, teller(name))
        run.advance(max(k + 1 - run.position, 0))  # in case it was stopped before
        fits = self.blends(run)[gamma]
        warn_of_missed(fits, run.max_iter)
        return fits

    def blends(self, run: PathRun, fits: Path | None = None) -> list[Path]:
        """Return the fits of a run, or the given ones, at every gamma."""
        fits = run.path() if fits is None else fits
        if len(self.gammas) == 1 and self.gammas[0] == 1.0:
            return [fits]
        penalty = self.penalties[0]
        relaxed = relax_fits(run.design, fits, penalty.positive, penalty.bounds)
        return [relaxed.at(gamma) for gamma in self.gammas.tolist()]

    def name_of(self, part: str, ratio: int) -> str:
        many = len(self.l1_ratios) > 1
        return f"{part}, l1_ratio {self.l1_ratios[ratio]:g}" if many else part


def _do(job: Callable[[], None]) -> None:
    job()


class _FoldSearch:
    """One fold on the whole grid: its design, its current path, its part of the errors.

    Attributes
    ----------
    errors : ndarray (n_gammas, n_l1_ratios, n_alphas), a view that is filled
    blends : for each l1_ratio the fits at every gamma
    """

    def __init__(
        self,
        search: Search,
        training: Training,
        k: int,
        errors: NDArray[np.float64],
        scoring: Any,
        precompute: bool | str,
        teller: Any,
        crew: Workers,
    ) -> None:
        self.search = search
        self.training = training
        self.k = k
        self.errors = errors
        self.scoring = scoring
        self.precompute = precompute
        self.teller = teller
        self.crew = crew
        self.blends: list[list[Path]] = []
        self._lasts: list[Path] = []  # the newest fits of each l1_ratio, before blending
        self._design: Design | None = None

    def run(self) -> None:
        """Fit the whole grid."""
        for ratio in range(len(self.search.l1_ratios)):
            self.begin(ratio)
            self.advance(self.search.n_first)
            self.end()
        self._design = None

    def begin(self, ratio: int, before: Path | None = None) -> None:
        """Prepare the path of an l1_ratio, or its continuation after `before`."""
        if self._design is None:
            share = self.crew.share(self.search.design)
            self._design = self.training.design_of(self.k, share)
        self._ratio = ratio
        self._run = self.search.run(self._design, ratio, self.precompute, before)
        name = self.search.name_of(f"fold {self.k}", ratio)
        self._tell = self.teller(name)

    def resume(self, ratio: int) -> None:
        """Prepare the continuation of the path of an l1_ratio."""
        self.begin(ratio, self._lasts[ratio])

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
            part = slice(start, start + len(blend))
            found = _errors(self.training, self.k, blend, self.scoring)
            self.errors[gamma, self._ratio, part] = found
        return self._fits

    def end(self) -> None:
        """Store the path."""
        self.search.stopped |= self.stopped
        self.blends.append(self._all_blends())
        self._lasts.append(self._fits)
        del self._run, self._newest, self._fits

    def end_again(self) -> None:
        """Append the continuation to the stored path."""
        self.search.stopped |= self.stopped
        beyond = self._all_blends()
        former = self.blends[self._ratio]
        self.blends[self._ratio] = [_joined(a, b) for a, b in zip(former, beyond, strict=True)]
        del self._run, self._newest, self._fits
        self._design = None

    def _all_blends(self) -> list[Path]:
        whole = len(self._newest[0]) == self._run.position - self._run.first
        return self._newest if whole else self.search.blends(self._run)


def _errors(training: Training, k: int, fits: Path, scoring: Any) -> Vector:
    # the errors of a path on the k-th fold, or minus its scores
    if scoring is None:
        return training.errors_of(k, fits)
    test, weight = training.folds[k].test, training.weight_of(k)
    options = {} if weight is None else {"sample_weight": weight}
    predictions = training.predictions_of(k, fits)
    y = training.design.y[test]
    return -scores_of(scoring, training.design, test, y, predictions, f"fold {k}", **options)


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
