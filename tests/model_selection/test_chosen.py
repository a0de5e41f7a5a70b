"""Models that a rule chooses: coefficients, predictions, scores and tables of a search."""

import numpy as np
import pandas as pd
import problems
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import softreg_fast as sf

pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")


@pytest.fixture
def data(rng):
    X, y = problems.make_data(rng, 60, 8, noise=2.0)
    return pd.DataFrame(X, columns=problems.names(8)), y


@pytest.fixture
def found(data):
    return sf.cv_path(*data, n_alphas=20)


def test_rules_name_alphas(data, found):
    X, _ = data
    fits = found.path
    assert found.alpha_min == fits.alphas[found.index_min] == found.alpha
    assert found.alpha_1se == fits.alphas[found.index_1se]
    for word, alpha in (("min", found.alpha_min), ("1se", found.alpha_1se)):
        for said in (word, f"lambda.{word}"):
            assert found.coef(said).equals(fits.coef(alpha))
            assert_array_equal(found.coef_at(said), fits.coef_at(alpha))
            assert_array_equal(found.predict(X, said), fits.predict(X, alpha))
            assert_array_equal(found.predict(X, rule=said), fits.predict(X, alpha))
    assert found.coef().equals(found.coef("min"))
    between = [found.alpha_1se, 0.5 * (fits.alphas[3] + fits.alphas[4])]
    assert_array_equal(found.predict(X, between), fits.predict(X, between))


def test_contradictions(data, found):
    X, _ = data
    with pytest.raises(ValueError, match="both say which model"):
        found.predict(X, 0.1, rule="min")
    for call in (found.coef, lambda rule: found.predict(X, rule=rule)):
        with pytest.raises(ValueError, match="rule must be one of min, 1se"):
            call("2se")
    with pytest.raises(ValueError, match="here it is called '1se'"):
        sf.cv_path(*data, rule="lambda.1se")
    with pytest.raises(TypeError, match="here it is called alpha"):
        found.coef(s="lambda.min")


def test_table(found):
    table = found.to_frame()
    assert len(table) == len(found.path)
    assert_array_equal(table["mean_error"], found.curve[0])
    assert_array_equal(table["standard_error"], found.curve[1])
    assert table["rule"][found.index_min].startswith("min")
    assert table["rule"][found.index_1se].endswith("1se")
    assert table["converged"].all()


def test_a_vector_of_folds(data):
    X, y = data
    number = np.arange(60) % 4 + 1
    found = sf.cv_path(X, y, cv=number, n_alphas=10)
    pairs = [(np.flatnonzero(number != k), np.flatnonzero(number == k)) for k in (1, 2, 3, 4)]
    same = sf.cv_path(X, y, cv=pairs, n_alphas=10)
    assert_array_equal(found.errors, same.errors)
    with pytest.raises(ValueError, match="numbers of the folds of 59 samples"):
        sf.cv_path(X, y, cv=number[:-1])
    with pytest.raises(ValueError, match="all samples into fold 7"):
        sf.cv_path(X, y, cv=np.full(60, 7))


def test_a_matrix_of_targets(rng, data):
    X, y = data
    Y = np.column_stack([y, rng.standard_normal(60) + X["x1"]])
    found = sf.cv_path(X, Y, n_alphas=15)
    assert found.predict(X).shape == found.predictions.shape == (60, 2)
    assert found.coef("1se").shape == (8, 2)
    fits = sf.path(X, pd.DataFrame(Y), alphas=found.path.alphas)
    assert_allclose(fits.coefs.toarray(), found.path.coefs.toarray(), atol=1e-6)
    model = sf.MultiTaskLasso(alpha=found.alpha, tol=1e-10, max_iter=10_000).fit(X, Y)
    assert_allclose(model.coef_.T, found.coef().to_numpy(), atol=1e-4)
    one = sf.solve(X, Y, alpha=found.alpha)
    assert_allclose(one.coef, found.coef_at(), atol=1e-4)
    assert_allclose(found.score(X, Y), model.score(X, Y), atol=1e-5)
    with pytest.raises(ValueError, match="one target at a time"):
        sf.path(X, Y, penalty=sf.penalties.MCP(gamma=3.0))
    for k in (0, 1, 5):  # a row is 0 for all targets or for none
        rows = fits[k].coef != 0.0
        assert (rows.all(axis=0) == rows.any(axis=0)).all()
