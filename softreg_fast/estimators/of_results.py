"""Fitted estimators from the results of solve, path and cv_path."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from softreg_fast.data.names import Names
from softreg_fast.estimators.cox_regression import CoxRegression
from softreg_fast.estimators.elastic_net import ElasticNet
from softreg_fast.estimators.huber_regressor import HuberRegressor
from softreg_fast.estimators.inverse_gaussian_regressor import InverseGaussianRegressor
from softreg_fast.estimators.linear_svc import LinearSVC
from softreg_fast.estimators.logistic_regression import LogisticRegression
from softreg_fast.estimators.multi_task import MultiTaskElasticNet
from softreg_fast.estimators.negative_binomial_regressor import NegativeBinomialRegressor
from softreg_fast.estimators.penalized_regression import PenalizedRegression
from softreg_fast.estimators.probit_regression import ProbitRegression
from softreg_fast.estimators.quantile_regressor import QuantileRegressor
from softreg_fast.estimators.stability_selector import StabilitySelector
from softreg_fast.estimators.tweedie_regressor import (
    GammaRegressor,
    PoissonRegressor,
    TweedieRegressor,
)
from softreg_fast.losses import (
    Cox,
    Gamma,
    Huber,
    InverseGaussian,
    Logistic,
    Loss,
    Multinomial,
    NegativeBinomial,
    Poisson,
    Probit,
    Quantile,
    Squared,
    SquaredHinge,
    Tweedie,
)
from softreg_fast.model_selection.stability_result import StabilityPath
from softreg_fast.options.types import Vector
from softreg_fast.paths.solution import Solution
from softreg_fast.penalties import ElasticNet as ElasticNetPenalty

# The estimator of each loss.
OF_LOSS: dict[type[Loss], type[Any]] = {
    Cox: CoxRegression,
    Gamma: GammaRegressor,
    Huber: HuberRegressor,
    InverseGaussian: InverseGaussianRegressor,
    Logistic: LogisticRegression,
    Multinomial: LogisticRegression,
    NegativeBinomial: NegativeBinomialRegressor,
    Poisson: PoissonRegressor,
    Probit: ProbitRegression,
    Quantile: QuantileRegressor,
    Squared: ElasticNet,
    SquaredHinge: LinearSVC,
    Tweedie: TweedieRegressor,
}

# Settings of losses that their estimators call otherwise.
OTHER_NAMES = {"tau": "quantile"}

# Parameters that estimators have from the penalty of a fit.
OF_PENALTY = ("l1_ratio", "l1_weights", "l2_weights", "positive", "bounds")


def estimator_of(fit: Solution) -> Any:
    """Return a fitted estimator with the coefficients of a solution.

    Parameters
    ----------
    fit : Solution

    Raises
    ------
    ValueError
        For a loss or a penalty without an estimator.
    """
    kind = _kind_of(fit)
    estimator = kind(**_parameters(fit, kind))
    n_features, names = fit.coef.shape[-1], fit.feature_names
    if fit.coding is not None:
        names = fit.coding.columns
        n_features = len(names)
    _keep_names(estimator, n_features, names)
    if kind in (ElasticNet, MultiTaskElasticNet):
        estimator._keep([fit], single=True)
    else:
        if fit.classes is not None:
            estimator.classes_ = np.asarray(fit.classes)
        estimator._keep(fit, np.float64)
    return estimator


def _kind_of(fit: Solution) -> type[Any]:
    loss, other = fit.loss, fit.penalty_kind != "elastic_net"
    if np.ndim(fit.intercept) and isinstance(loss, Squared):
        if other:
            raise ValueError(
                f"No estimator fits several targets under the penalty {fit.penalty_kind!r}; "
                "predict with the result itself."
            )
        return MultiTaskElasticNet
    kind = OF_LOSS.get(type(loss))
    if kind is None:
        raise ValueError(
            f"There is no estimator for {loss!r}; predict with the result itself. Estimators are "
            f"for {', '.join(each.__name__ for each in OF_LOSS)}."
        )
    if fit.classes is None and not isinstance(loss, Cox) and (other or fit.has_offset):
        # which has an offset under squared error, too
        return kind if kind is not ElasticNet and not other else PenalizedRegression
    return kind


def _parameters(fit: Solution, kind: type[Any]) -> dict[str, Any]:
    # those that the fit is known to have had, of those that the estimator has
    taken = inspect.signature(kind).parameters
    settings = zip(fit.loss._settings, fit.loss._given(), strict=True)
    found: dict[str, Any] = {OTHER_NAMES.get(name, name): value for name, value in settings}
    if np.isfinite(fit.alpha):
        found["alpha"] = fit.alpha
    if kind is PenalizedRegression:
        found["loss"] = fit.loss
    if fit.recipe is not None:
        penalty = fit.recipe.penalty
        found |= {name: getattr(penalty, name) for name in OF_PENALTY}
        if penalty.exclude is not None:
            found["l1_weights"] = _with_exclusions(fit)
        if kind is PenalizedRegression:
            found["penalty"] = penalty.omega or ElasticNetPenalty(l1_ratio=penalty.l1_ratio)
        found["standardize"] = fit.recipe.standardize
        found["fit_intercept"] = fit.recipe.fit_intercept
    elif not np.any(fit.intercept):
        found["fit_intercept"] = False
    return {name: value for name, value in found.items() if name in taken}


def _with_exclusions(fit: Solution) -> Vector:
    # the L1 weights, infinite for features that are left out
    recipe: Any = fit.recipe
    l1, _, lower, upper = recipe.penalty.vectors(fit.coef.shape[-1], fit.feature_names)
    return np.where((lower == 0.0) & (upper == 0.0), np.inf, l1)


def _keep_names(estimator: Any, n_features: int, names: Names | None) -> None:
    # what fits keep of the columns of X
    estimator.n_features_in_ = n_features
    estimator._labels = None
    if names is not None:
        if all(isinstance(name, str) for name in names):
            estimator.feature_names_in_ = np.array(names, dtype=object)
        else:
            estimator._labels = names


def selector_of(found: StabilityPath) -> StabilitySelector:
    """Return a fitted selector of the features of a stability path."""
    names = ("threshold", "max_selected", "n_subsamples", "fraction", "complementary")
    selector = StabilitySelector(**{name: getattr(found, name) for name in names})
    _keep_names(selector, found.frequencies.shape[0], found.feature_names)
    selector.stability_path_ = found
    selector.frequencies_ = found.max_frequencies
    selector.expected_false_ = found.expected_false() if found.fraction <= 0.5 else np.nan
    return selector
