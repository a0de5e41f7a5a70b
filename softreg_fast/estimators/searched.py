"""Base of the generalised regressors that choose alpha by cross-validation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

from numpy.typing import ArrayLike
from sklearn.utils import column_or_1d
from sklearn.utils.metadata_routing import MetadataRouter

from softreg_fast.data.design import Design
from softreg_fast.data.validation import as_targets
from softreg_fast.estimators.generalised import Fitted, _GeneralisedRegressor
from softreg_fast.estimators.routing import routed, router_to_splitter
from softreg_fast.model_selection.choice import Choice, choose
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.model_selection.folds import folds_for
from softreg_fast.options.scalars import is_real
from softreg_fast.options.types import MatrixLike, Vector
from softreg_fast.paths.grids import as_alphas
from softreg_fast.solvers.problem import Problem


class _SearchedRegressor(_GeneralisedRegressor):
    """Base of the regressors whose alpha, with its penalty, has the smallest error over folds."""

    alphas: Any
    eps: Any
    rule: str
    cv: Any
    alpha_: float
    alphas_: Vector
    cv_path_: CVPath

    def _problems(self, design: Design) -> list[Problem]:
        # one at alpha = 1 for each penalty between which folds decide
        raise NotImplementedError

    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        **params: Any,
    ) -> Self:
        """Choose alpha by cross-validation, then fit the model to all samples.

        Parameters
        ----------
        X : array-like, sparse or frame, (n_samples, n_features)
            The features, finite numbers.
        y : array-like (n_samples,) or (n_samples, n_targets), default=None
            The target, finite numbers. The columns of a matrix are fitted one by one.
        sample_weight : array-like (n_samples,), float or None, default=None
            Weights >= 0, not all 0. None: all equal.
        offset : array-like (n_samples,) or None, default=None
            Part of the linear predictor that is known for each sample, such as the logarithm of an
            exposure; predictions then need the offset of their samples. None: there is none.
        **params
            Options of the splitter: with metadata routing those that it requests, otherwise
            `groups`, if `cv` is an object with a method `split`.

        Returns
        -------
        self : the fitted estimator

        Raises
        ------
        ValueError, TypeError
            For parameters or data that cannot be used; the message says what is expected.
        """
        self._refuse_missing(y)
        split, _ = routed(self, sample_weight, params)
        table = self._table(X, y, sample_weight, offset)
        X, y, sample_weight, offset = table[:4]
        split = table.rows_of(split)
        target = column_or_1d(as_targets(y), warn=True)
        return self._fit(
            X, y, sample_weight, lambda on, _: [self._chosen(on, target, offset, split)]
        )

    def get_metadata_routing(self) -> MetadataRouter:
        """Return scikit-learn's metadata routing of `fit` parameters to the splitter.

        Returns
        -------
        MetadataRouter
        """
        return router_to_splitter(self)

    def _chosen(self, design: Design, target: Vector, offset: Any, split: dict[str, Any]) -> Fitted:
        whole = design.with_target(target, self._loss(), offset)
        alphas = self.alphas if is_real(self.alphas) else as_alphas(self.alphas)
        strata = whole.described_target.strata
        pairs = folds_for(5 if self.cv is None else self.cv, None, whole.X, *strata, **split)
        problems = self._problems(whole)
        found = choose(problems, pairs, Choice(alphas=alphas, eps=self.eps, rule=self.rule))
        self.cv_path_ = found
        self.alpha_, self.alphas_ = found.alpha, found.path.alphas
        best = replace(problems[found.best_ratio].penalty, alpha=found.alpha)
        return found.path[found.index], self._problem(whole, best)
