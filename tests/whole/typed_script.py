"""A program of a user, for type checkers: `make types` checks it, and a test runs it.

`assert_type` is an error unless a checker sees the type that it states; so is a comment that tells
it to ignore what is no error. The objects' base, scikit-learn, has no types.
"""

from typing import Any, assert_type

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

import softreg_fast as sf
from softreg_fast.options.types import Floats, Vector
from softreg_fast.penalties import MCP, GroupLasso

rng = np.random.default_rng(0)
X = rng.standard_normal((40, 4))
y = X[:, 0] + 0.1 * rng.standard_normal(40)
labels = np.where(y > 0.0, "yes", "no")


def functions() -> None:
    """Fit by functions."""
    fits = sf.path(X, y, n_alphas=5, solver="auto", penalty=MCP(gamma=3.0))
    assert_type(fits, sf.Path)
    assert_type(fits.alphas, Vector)
    assert_type(fits[0], sf.Solution)
    found = sf.cv_path(sp.csc_array(X), y, cv=3, rule="1se", n_alphas=5, eps=0.01, measure="mae")
    assert_type(found, sf.CVPath)
    assert_type(found.alpha, float)
    assert_type(found.path, sf.Path)
    for sparse in (sp.csr_matrix(X), sp.coo_array(X)):
        assert_type(sf.path(sparse, y, n_alphas=5), sf.Path)
    assert_type(sf.path(pd.DataFrame(X), y, n_alphas=5), sf.Path)
    one = sf.solve(X.tolist(), y, alpha=0.1, loss="squared", bounds=(0.0, None))
    assert_type(one.coef, Vector)
    assert_type(one.gap, float)
    assert_type(one.status, sf.Status)
    assert_type(one.predict(X, kind="response"), NDArray[Any])
    assert_type(sf.solve(sf.Design(X, y), alpha=0.1), sf.Solution)
    assert_type(sf.relaxed_path(X, y, n_alphas=5), sf.RelaxedPath)
    assert_type(sf.stability_path(X, y, n_subsamples=4, random_state=0), sf.StabilityPath)
    sf.cv_path(X, y, penalty=[MCP(gamma=2.0), MCP(gamma=3.0)], cv=3, n_alphas=5, eps=0.1)


def estimators() -> None:
    """Fit by estimators."""
    model = sf.Lasso(alpha=0.1, selection="cyclic").fit(X, y)
    assert_type(model, sf.Lasso)
    assert_type(model.coef_, Floats)
    assert_type(model.predict(X), Floats)
    assert_type(model.score(X, y), float)
    assert_type(model.n_features_in_, int)
    assert_type(model.get_params(), dict[str, Any])
    assert_type(model.set_params(alpha=0.2), sf.Lasso)
    search = sf.LassoCV(cv=3, rule="1se", eps=0.1).fit(X, y)
    assert_type(search, sf.LassoCV)
    assert_type(search.alphas_, Vector)
    sf.Lasso(alpha=search.alpha_)
    chosen = sf.LogisticRegression(C=1.0, class_weight="balanced").fit(X, labels)
    assert_type(chosen, sf.LogisticRegression)
    assert_type(chosen.predict_proba(X), Floats)
    assert_type(chosen.predict(X), NDArray[Any])
    assert_type(chosen.classes_, NDArray[Any])
    assert_type(sf.PoissonRegressor(solver="lbfgs").fit(X, y**2).predict(X), Floats)
    stable = sf.StabilitySelector(n_subsamples=4, random_state=0).fit(X, y)
    assert_type(stable.frequencies_, Vector)
    assert_type(sf.GroupLasso(groups=2).fit(X, y), sf.GroupLasso)
    assert_type(GroupLasso(groups=[0, 0, 1, 1]).value(X[0]), float)


def mistakes() -> None:
    """Make mistakes, which a checker finds; it is not called."""
    sf.path(X, y, solver="newton")  # type: ignore[arg-type]
    sf.path(X, y, alpahs=[1.0])  # type: ignore[call-arg]
    sf.path(X, y, precompute="yes")  # type: ignore[arg-type]
    sf.path(X, y, loss="log")  # type: ignore[arg-type]
    sf.path(None, y)  # type: ignore[arg-type]
    sf.cv_path(X, y, rule="2se")  # type: ignore[arg-type]
    sf.cv_path(X, y, criterion="cic")  # type: ignore[arg-type]
    sf.cv_path(X, y, fold_weights="none")  # type: ignore[arg-type]
    sf.cv_path(X, y, eps="automatic")  # type: ignore[arg-type]
    sf.solve(X, y, penalty="mcp")  # type: ignore[arg-type]
    sf.solve(X, y).predict(X, kind="probability")  # type: ignore[arg-type]
    sf.Lasso(alpha="1")  # type: ignore[arg-type]
    sf.Lasso(selection="shuffled")  # type: ignore[arg-type]
    sf.LassoCV(rule="one")  # type: ignore[arg-type]
    sf.Ridge(solver="qr")  # type: ignore[arg-type]
    sf.LogisticRegression(solver="newton")  # type: ignore[arg-type]
    sf.CoxRegression(ties="exact")  # type: ignore[arg-type]
    sf.GroupLasso(groups=2, unknown="ignore")  # type: ignore[arg-type]
    sf.Lasso().fit(None, y)  # type: ignore[arg-type]


if __name__ == "__main__":
    functions()
    estimators()
