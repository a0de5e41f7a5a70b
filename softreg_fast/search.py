"""The search over gammas, l1_ratios, alphas and folds behind cv_path()."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.criteria import information
from softreg_fast.design import Design
from softreg_fast.folds import Training
from softreg_fast.path import PathRun, alpha_grid, as_alphas, warn_of_missed
from softreg_fast.penalty import Penalty, PenaltyVectors
from softreg_fast.relaxed import relax_fits
from softreg_fast.result import Path
from softreg_fast.scoring import scores_of
from softreg_fast.workers import Workers, workers_for

Vector = NDArray[np.float64]

# Alphas between two looks at the errors, when the folds go along the grid together.
ALPHAS_AT_ONCE = 5


class Search:
    """The grid of gammas, l1_ratios and alphas, and all fits on it.

    Attributes
    ----------
    alphas : ndarray (n_l1_ratios, n_alphas)
    """

    def __init__(
        self,
        design: Design,
        l1_ratios: Vector,
        gammas: Vector,
        alphas: Any,
        eps: float,
        penalty: dict[str, Any],
        options: dict[str, Any],
    ) -> None:
        self.design = design
        self.l1_ratios = l1_ratios
        self.gammas = gammas
        self.options = options
        self.penalties = [Penalty(1.0, ratio, **penalty) for ratio in l1_ratios.tolist()]
        self.vectors = [
            each.vectors(design.n_features, design.feature_names) for each in self.penalties
        ]
        if isinstance(alphas, numbers.Integral):
            scaled = [PenaltyVectors(*design.to_engine(*vectors)) for vectors in self.vectors]
            grids = [
                alpha_grid(design, vectors, ratio, int(alphas), eps)
                for vectors, ratio in zip(scaled, l1_ratios.tolist(), strict=True)
            ]
        else:
            grids = [as_alphas(alphas)] * len(l1_ratios)
        self.alphas = np.array(grids)

    def run(self, design: Design, ratio: int, precompute: Any) -> PathRun:
        """The path of the l1_ratio with this index, still to be fitted."""
        known = self.vectors[ratio], PenaltyVectors(*design.to_engine(*self.vectors[ratio]))
        return PathRun(
            design,
            self.penalties[ratio],
            self.alphas[ratio],
            precompute=precompute,
            known=known,
            **self.options,
        )

    def by_criterion(
        self, criterion: str, precompute: Any, teller: Any
    ) -> tuple[NDArray[np.float64], Path]:
        """Values of a criterion as errors of one fold, and the path at the best l1_ratio."""
        errors, paths = np.full((1, *self.alphas.shape, 1), np.nan), []
        for ratio, vectors in enumerate(self.vectors):
            run = self.run(self.design, ratio, precompute)
            run.advance(len(run.alphas), teller(self.name_of("all samples", ratio)))
            fits = run.path()
            warn_of_missed(fits, run.max_iter)
            scaled = PenaltyVectors(*self.design.to_engine(*vectors))
            values = information(criterion, fits, self.design, scaled, self.l1_ratios[ratio])
            errors[0, ratio, : len(fits), 0] = values
            paths.append(fits)
        return errors, paths[best_of(errors)[1]]

    def over_folds(
        self,
        training: Training,
        scoring: Any,
        precompute: Any,
        patience: int | None,
        teller: Any,
    ) -> tuple[NDArray[np.float64], list[Path], Path]:
        """Errors on the test samples; the folds' paths and that of all samples where they are
        smallest."""
        n_folds = len(training.folds)
        errors = np.full((len(self.gammas), *self.alphas.shape, n_folds), np.nan)
        of_folds = precompute if isinstance(precompute, bool | str) else "auto"
        crew = Workers(workers_for(self.design, n_folds))
        folds = [
            _FoldSearch(self, training, k, errors[..., k], scoring, of_folds, teller, crew)
            for k in range(n_folds)
        ]
        runs: list[PathRun] = []  # on all samples, beside the folds

        def fit_whole() -> None:
            design = self.design.with_threads(crew.share(self.design))
            runs.append(self.run(design, 0, precompute))
            runs[0].advance(self.alphas.size, teller(self.name_of("all samples", 0)))

        jobs: list[Callable[[], None]] = [fold.run for fold in folds]
        if patience is not None:
            self._together(folds, errors, patience, crew)
        elif len(self.l1_ratios) > 1:
            crew.map(_do, jobs)
        else:
            crew.map(_do, [*jobs, fit_whole])
        best = gamma, ratio, _ = best_of(errors)
        paths = [fold.blends[ratio][gamma] for fold in folds]
        for fits in paths:
            warn_of_missed(fits, self.options["max_iter"])
        return errors, paths, self._whole(errors, best, runs, precompute, teller)

    def _together(
        self, folds: list[_FoldSearch], errors: NDArray[np.float64], patience: int, crew: Workers
    ) -> None:
        # along the grid, until the mean errors do not fall any more
        for ratio, alphas in enumerate(self.alphas):
            crew.map(partial(_FoldSearch.begin, ratio=ratio), folds)
            for _ in range(0, len(alphas), ALPHAS_AT_ONCE):
                crew.map(lambda fold: fold.advance(ALPHAS_AT_ONCE), folds)
                if _is_stale(errors[:, ratio], patience) or any(f.stopped for f in folds):
                    break
            crew.map(_FoldSearch.end, folds)

    def _whole(
        self,
        errors: NDArray[np.float64],
        best: tuple[int, int, int],
        runs: list[PathRun],
        precompute: Any,
        teller: Any,
    ) -> Path:
        # all samples at the gamma and l1_ratio with the smallest errors, as far as the folds went
        gamma, ratio, k = best
        if not runs:
            reached = np.flatnonzero(~np.isnan(errors[gamma, ratio].mean(axis=-1)))[-1] + 1
            runs.append(self.run(self.design, ratio, precompute))
            runs[0].advance(reached, teller(self.name_of("all samples", ratio)))
        run = runs[0]
        run.advance(max(k + 1 - run.position, 0))  # were it stopped before
        fits = self.blends(run)[gamma]
        warn_of_missed(fits, run.max_iter)
        return fits

    def blends(self, run: PathRun, start: int = 0) -> list[Path]:
        """The fits of a run at every gamma, from a position on."""
        fits = run.path()
        fits = fits.part(slice(start, None)) if start else fits
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
    """One fold on the whole grid: its design, the path under way, its part of the errors.

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
        self._design: Design | None = None

    def run(self) -> None:
        """The whole grid."""
        for ratio, alphas in enumerate(self.search.alphas):
            self.begin(ratio)
            self.advance(len(alphas))
            self.end()
        self._design = None

    def begin(self, ratio: int) -> None:
        """Prepare the path of an l1_ratio."""
        if self._design is None:
            share = self.crew.share(self.search.design)
            self._design = self.training.design_of(self.k, share)
        self._ratio = ratio
        self._run = self.search.run(self._design, ratio, self.precompute)
        name = self.search.name_of(f"fold {self.k}", ratio)
        self._tell = self.teller(name)

    @property
    def stopped(self) -> bool:
        """Whether a watcher has ended the path under way."""
        return self._run.stopped

    def advance(self, n: int) -> None:
        """Fit the next n alphas and test them."""
        start = self._run.position
        self._run.advance(n, self._tell)
        self._newest = self.search.blends(self._run, start)
        for gamma, fits in enumerate(self._newest):
            part = slice(start, start + len(fits))
            found = _errors(self.training, self.k, fits, self.scoring)
            self.errors[gamma, self._ratio, part] = found

    def end(self) -> None:
        """Keep the path."""
        whole = len(self._newest[0]) == self._run.position
        self.blends.append(self._newest if whole else self.search.blends(self._run))
        del self._run, self._newest


def _errors(training: Training, k: int, fits: Path, scoring: Any) -> Vector:
    # the errors of a path on the k-th fold, or minus its scores
    if scoring is None:
        return training.errors_of(k, fits)
    test, weight = training.folds[k].test, training.weight_of(k)
    options = {} if weight is None else {"sample_weight": weight}
    predictions = training.predictions_of(k, fits)
    y = training.design.y[test]
    return -scores_of(scoring, training.design, test, y, predictions, f"fold {k}", **options)


def best_of(errors: NDArray[np.float64]) -> tuple[int, int, int]:
    """(gamma, l1_ratio, alpha) with the smallest mean error, the first where several have it."""
    mean = errors.mean(axis=-1)
    gamma, ratio, k = np.unravel_index(int(np.nanargmin(mean)), mean.shape)
    return int(gamma), int(ratio), int(k)


def _is_stale(errors: NDArray[np.float64], patience: int) -> bool:
    # whether the last alphas brought no smaller mean error; errors (n_gammas, n_alphas, n_folds)
    mean = np.nanmin(errors.mean(axis=-1), axis=0, initial=np.inf)
    reached = np.flatnonzero(np.isfinite(mean))
    return bool(reached.size and reached[-1] - int(np.argmin(mean)) >= patience)
