"""patch_sklearn(): replaces scikit-learn's estimators by ours in unmodified programs."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import sklearn.linear_model
import sklearn.svm

from softreg_fast.estimators.elastic_net import ElasticNet
from softreg_fast.estimators.elastic_net_cv import ElasticNetCV
from softreg_fast.estimators.lasso import Lasso
from softreg_fast.estimators.lasso_cv import LassoCV
from softreg_fast.estimators.linear_svc import LinearSVC
from softreg_fast.estimators.logistic_regression import LogisticRegression
from softreg_fast.estimators.logistic_regression_cv import LogisticRegressionCV
from softreg_fast.estimators.multi_task import MultiTaskElasticNet, MultiTaskLasso
from softreg_fast.estimators.multi_task_cv import MultiTaskElasticNetCV, MultiTaskLassoCV
from softreg_fast.estimators.quantile_regressor import QuantileRegressor
from softreg_fast.estimators.ridge import Ridge
from softreg_fast.estimators.ridge_cv import RidgeCV
from softreg_fast.estimators.tweedie_regressor import (
    GammaRegressor,
    PoissonRegressor,
    TweedieRegressor,
)
from softreg_fast.paths.sklearn_paths import enet_path, lasso_path

OURS: dict[str, Any] = {
    "ElasticNet": ElasticNet,
    "ElasticNetCV": ElasticNetCV,
    "GammaRegressor": GammaRegressor,
    "Lasso": Lasso,
    "LassoCV": LassoCV,
    "LinearSVC": LinearSVC,
    "LogisticRegression": LogisticRegression,
    "LogisticRegressionCV": LogisticRegressionCV,
    "MultiTaskElasticNet": MultiTaskElasticNet,
    "MultiTaskElasticNetCV": MultiTaskElasticNetCV,
    "MultiTaskLasso": MultiTaskLasso,
    "MultiTaskLassoCV": MultiTaskLassoCV,
    "PoissonRegressor": PoissonRegressor,
    "QuantileRegressor": QuantileRegressor,
    "Ridge": Ridge,
    "RidgeCV": RidgeCV,
    "TweedieRegressor": TweedieRegressor,
    "enet_path": enet_path,
    "lasso_path": lasso_path,
}
# The modules whose names are replaced although they are scikit-learn's own
PUBLIC: tuple[ModuleType, ...] = (sklearn.linear_model, sklearn.svm)
THEIRS: dict[str, Any] = {
    name: next(getattr(module, name) for module in PUBLIC if hasattr(module, name)) for name in OURS
}

# (a module's global variables, name in there, name in OURS) of every replacement
_replaced: list[tuple[dict[str, Any], str, str]] = []


def patch_sklearn() -> list[str]:
    """Replace estimators in `sklearn.linear_model` and `sklearn.svm` by ours, in the whole process.

    Names that other modules had imported from there before are replaced among those modules' global
    variables, too. References out of reach remain scikit-learn's: existing objects, subclasses, and
    names inside functions, classes and containers. So patch first, import then. scikit-learn's own
    modules keep their classes, since these build on each other in private ways; names imported
    later from one of those (`sklearn.linear_model._coordinate_descent`) are scikit-learn's, too.
    Patch again to replace names imported since.

    Ours are not subclasses of scikit-learn's: `isinstance(model, Lasso)` is true of models made by
    the class that `Lasso` refers to at that time. Pickles name the class that made the model, and
    load as that class with or without the patch.

    The same words give the same models, except: intercepts are never penalised, as liblinear does
    with them; LinearSVC(loss="hinge"), other SVMs and HuberRegressor, whose scale is a parameter of
    scikit-learn's, are other problems. The first is an error, the others remain scikit-learn's.

    Forked processes inherit the patch. Spawned processes do not, but any pool takes this function
    as its initializer:

        ProcessPoolExecutor(initializer=patch_sklearn)
        joblib.parallel_config(backend="loky", initializer=patch_sklearn)

    Models, and functions sent by cloudpickle, arrive as ours without it; the initializer is needed
    for modules that those processes import themselves.

    Returns
    -------
    list of str
        Names that now refer to our estimators.

    Examples
    --------
    >>> import softreg_fast
    >>> _ = softreg_fast.patch_sklearn()
    >>> from sklearn.linear_model import Lasso
    >>> Lasso is softreg_fast.Lasso
    True
    >>> softreg_fast.unpatch_sklearn()
    """
    known = {id(value): name for name, value in THEIRS.items()}
    for module_name, module in list(sys.modules.items()):
        package = module_name.partition(".")[0]
        private = package == "sklearn" and module not in PUBLIC
        if package == "softreg_fast" or private or not isinstance(module, ModuleType):
            continue
        names = vars(module)
        for key, value in list(names.items()):
            if id(value) in known:
                names[key] = OURS[known[id(value)]]
                _replaced.append((names, key, known[id(value)]))
    return sorted(OURS)


def unpatch_sklearn() -> None:
    """Undo every replacement made by `patch_sklearn`.

    Names imported from scikit-learn while it was patched remain ours.

    Examples
    --------
    >>> import sklearn.linear_model
    >>> import softreg_fast
    >>> _ = softreg_fast.patch_sklearn()
    >>> softreg_fast.unpatch_sklearn()
    >>> sklearn.linear_model.Lasso is softreg_fast.Lasso
    False
    """
    while _replaced:
        names, key, name = _replaced.pop()
        if names.get(key) is OURS[name]:
            names[key] = THEIRS[name]
