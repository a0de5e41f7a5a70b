"""The choice of alpha: settings of a search, its problems, and its result."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from softreg_fast.data.design import Design
from softreg_fast.model_selection.criteria import criterion_for
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.model_selection.folds import Training, make_folds
from softreg_fast.model_selection.measures import measure_for
from softreg_fast.model_selection.out_of_fold import predict_out_of_fold
from softreg_fast.model_selection.progress import Watcher, watching
from softreg_fast.model_selection.search import Grids, Search
from softreg_fast.options.choices import (
    CRITERIA,
    FOLD_WEIGHTS,
    RULES,
    RULES_OF_GLMNET,
)
from softreg_fast.options.scalars import check_count, check_number
from softreg_fast.options.types import Vector
from softreg_fast.paths.grids import AUTO, N_ALPHAS
from softreg_fast.paths.relaxed import as_gammas
from softreg_fast.paths.result import Path
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.given_penalty import penalty_for
from softreg_fast.solvers.problem import Options, Problem


@dataclass(frozen=True)
class Choice:
    """Settings of the model choice, named as in `cv_path`; alphas are their number or values."""

    alphas: Any = N_ALPHAS
    eps: float | str = AUTO
    rule: str = "min"
    measure: Any = None
    scoring: Any = None
    criterion: str | None = None
    noise_variance: float | None = None
    relax: Any = False
    patience: int | None = None
    fold_weights: str = "equal"
    progress: bool = False
    watcher: Watcher | None = None

    def check(self) -> None:
        """Raise ValueError for invalid settings or combinations of settings."""
        if self.rule not in RULES:
            here = RULES_OF_GLMNET.get(self.rule)
            also = "" if here is None else f": here it is called {here!r}"
            raise ValueError(f"rule must be one of {', '.join(RULES)}; got {self.rule!r}{also}.")
        if self.fold_weights not in FOLD_WEIGHTS:
            raise ValueError(
                f"fold_weights must be one of {', '.join(FOLD_WEIGHTS)}; got {self.fold_weights!r}."
            )
        if self.criterion is None:
            if self.noise_variance is not None:
                raise ValueError("noise_variance is for a criterion; give one, or leave it out.")
        else:
            self._check_criterion()
        if self.patience is not None:
            check_count("patience", self.patience, or_none=True)

    def _check_criterion(self) -> None:
        if self.criterion not in CRITERIA:
            raise ValueError(
                f"criterion must be one of {', '.join(CRITERIA)}; got {self.criterion!r}."
            )
        if self.scoring is not None or self.measure is not None:
            raise ValueError(
                "Choose by measure or scoring, on folds, or by a criterion, without; not by both."
            )
        blends = not np.array_equal(as_gammas(self.relax), [1.0])
        if blends or self.patience is not None:
            raise ValueError(
                "relax and patience need folds; leave them out, or leave criterion out."
            )


def problems_for(
    design: Design,
    l1_ratio: float | ArrayLike,
    options: Options,
    penalty: Any = None,
    **stated: Any,
) -> list[Problem]:
    """Return one problem for each l1_ratio, or for each of several penalties.

    `penalty` is that of `cv_path`, `stated` are further arguments of Penalty.
    """
    ratios = as_ratios(l1_ratio).tolist()
    if isinstance(penalty, list | tuple):
        if not penalty:
            raise ValueError(
                "penalty is an empty list; give one penalty or several, or leave it out."
            )
        if len(ratios) > 1:
            raise ValueError("Give several l1_ratios or several penalties, not both.")
        each = [penalty_for(one, Penalty(1.0, ratios[0], **stated)) for one in penalty]
    else:
        each = [penalty_for(penalty, Penalty(1.0, ratio, **stated)) for ratio in ratios]
    return [Problem(design, one, options) for one in each]


def choose(
    problems: Sequence[Problem],
    pairs: list[Any] | None,
    choice: Choice,
    began: float | None = None,
) -> CVPath:
    """Run `cv_path` for problems that differ in their l1_ratio; the caller warns of a grid's end.

    Parameters
    ----------
    problems : list of Problem, from `problems_for`
    pairs : list of (train, test), or None for a criterion
    choice : Choice
    began : float or None
        Time at which the work began; None: now.
    """
    began = time.perf_counter() if began is None else began
    choice.check()
    design = problems[0].design
    problems[0].options.check()
    measure = measure_for(choice.measure, choice.scoring, problems[0].loss)
    gammas = as_gammas(choice.relax)
    # before the grids: Gram matrices of folds give the slopes at 0, where grids begin
    training = None if pairs is None else Training(design, make_folds(pairs, design.n_samples))
    if training is not None:
        training.say_unseen_classes(training.classes)
    fold_weights = None if training is None else training.fold_weights(choice.fold_weights)
    grids = Grids(problems, choice.alphas, choice.eps)
    total = grids.n_first * len(problems)
    if training is not None:
        total = len(training.folds) * total + grids.n_first
    fold_paths: list[Path] = []
    noise_variance = None
    with watching(total, choice.progress, choice.watcher) as teller:
        search = Search(problems, gammas, grids, teller, fold_weights)
        if training is None:
            criterion = criterion_for(str(choice.criterion), problems[0], choice.noise_variance)
            noise_variance = criterion.noise_variance
            whole = search.by_criterion(criterion)
        else:
            fold_paths, whole = search.over_folds(training, measure, choice.patience)
    found = CVPath(
        alphas=grids.alphas[:, : grids.reached].copy(),
        l1_ratios=np.array([problem.l1_ratio for problem in problems]),
        gammas=gammas,
        errors_by_gamma=search.errors[:, :, : grids.reached].copy(),
        path=whole,
        fold_paths=fold_paths,
        predictions=np.full(design.described_target.shape, np.nan),
        measure=choice.criterion or measure.name,
        rule=choice.rule,
        seconds=time.perf_counter() - began,
        fold_weights=fold_weights,
        noise_variance=noise_variance,
        end=search.end_of(search.best[1]),
    )
    if training is not None:
        predict_out_of_fold(training, found)
    return found


def as_ratios(l1_ratio: float | ArrayLike) -> Vector:
    """Return one l1_ratio or several as a checked vector."""
    given = np.atleast_1d(np.asarray(l1_ratio))
    if given.ndim != 1 or not given.size:
        raise ValueError(f"l1_ratio must be a number or a vector, got shape {given.shape}.")
    return np.array([check_number("l1_ratio", r, low=0.0, high=1.0) for r in given.tolist()])
