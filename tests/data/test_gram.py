"""Gram matrices: computed in panels, given by the user and compared with X."""

import numpy as np
import oracles
import problems
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast import Design, solve
from softreg_fast.data import gram as gram_module


@pytest.mark.parametrize("layout", ["fortran", "csc_array", "csc with zeros"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("large", [False, True])
def test_gram_in_panels(rng, monkeypatch, layout, weighted, large):
    if large:
        monkeypatch.setattr(gram_module, "LARGEST_FOR_ONE_BLAS_THREAD", 0)
    monkeypatch.setattr(gram_module, "PANEL_ENTRIES", 1)  # panels of 64 rows
    X, y = problems.make_data(rng, 150, 5, density=0.5)
    X[:, 0] += 1e6 if layout == "fortran" else 1.0
    weights = problems.sample_weights(rng, 150) if weighted else None
    problem = oracles.problem_of(X, y, sample_weight=weights)
    C = problem.X_centered / problem.norms
    expected = (C.T @ (problem.s[:, None] * C)).astype(float)
    design = Design(problems.LAYOUTS[layout](X), y, weights)
    assert_allclose(design.gram, expected, atol=1e-13)
    assert_allclose(design.gram, design.gram.T, atol=1e-15)
    assert design.gram.flags.f_contiguous


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("centered", [False, True])
def test_gram_given_by_the_user(rng, fit_intercept, centered):
    X, y = problems.make_data(rng, 40, 5, offset=1.0)
    X[:, 2] = 3.0
    design = Design(X, y, fit_intercept=fit_intercept)
    seen = X - X.mean(0) if centered and fit_intercept else X
    assert_allclose(design.gram_from(seen.T @ seen), design.gram, atol=1e-12)


def test_gram_of_another_matrix_is_refused(rng):
    X, y = problems.make_data(rng, 40, 5)
    design = Design(X, y)
    with pytest.raises(ValueError, match=r"\(5, 5\)"):
        design.gram_from(np.eye(4))
    with pytest.raises(ValueError, match="did not pass validation"):
        design.gram_from(np.eye(5))
    # without the weights it is another matrix
    weighted = Design(X, y, problems.sample_weights(rng, 40))
    with pytest.raises(ValueError, match="with these sample weights"):
        weighted.gram_from(X.T @ X)


@pytest.mark.parametrize(("row", "column"), [(0, 1), (1, 3), (2, 2), (4, 0)])
@pytest.mark.parametrize("error", [1e-3, 0.3, -2.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_no_wrong_entry_of_a_gram_matrix_goes_unseen(rng, row, column, error, weighted):
    X, y = problems.make_data(rng, 40, 5)
    s = problems.sample_weights(rng, 40) if weighted else np.ones(40)
    design = Design(X, y, s if weighted else None)
    gram = X.T @ (s[:, None] * X)
    assert_allclose(design.gram_from(gram), design.gram, atol=1e-12)
    size = np.sqrt(gram[row, row] * gram[column, column])
    gram[row, column] += error * size
    if row != column:
        gram[column, row] += error * size
    with pytest.raises(ValueError, match="did not pass validation"):
        design.gram_from(gram)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 17.0])
@pytest.mark.parametrize("centred", [False, True])
def test_gram_with_weights_in_either_unit(rng, scale, centred):
    # S unchanged, or divided by its mean
    X, y = problems.make_data(rng, 40, 5, offset=1.0)
    s = scale * rng.uniform(0.5, 2.0, 40)
    design = Design(X, y, s, standardize=True)
    seen = X - np.average(X, axis=0, weights=s) if centred else X
    gram = seen.T @ (s[:, None] * seen)
    for given in (gram, gram / s.mean()):
        assert_allclose(design.gram_from(given), design.gram, atol=1e-12)


@pytest.mark.parametrize("loss", ["float32", "offset", "a small error"])
def test_a_gram_matrix_that_lost_digits_is_computed_afresh(rng, loss):
    X, y = problems.make_data(rng, 40, 5)
    X += 1e5 if loss == "offset" else 0.0
    gram = X.T @ X
    if loss == "float32":
        gram = gram.astype(np.float32)
    if loss == "a small error":
        gram[0, 1] *= 1.0 + 1e-6
    design = Design(X, y)
    assert_array_equal(design.gram_from(gram), design.gram)


def test_a_gap_with_a_given_gram_matrix_is_that_of_X(rng):
    # undetected errors show in the gap, which is never below the excess
    X, y = problems.make_data(rng, 60, 6)
    centred = X - X.mean(axis=0)
    gram = centred.T @ centred
    noise = 1e-12 * np.sqrt(np.outer(np.diag(gram), np.diag(gram))) * rng.uniform(-1, 1, (6, 6))
    exact = oracles.problem_of(X, y, alpha=0.1)
    for given in (gram, gram + noise + noise.T):
        fit = solve(X, y, alpha=0.1, precompute=given)
        found = exact.certificate(fit.coef, fit.intercept)
        assert fit.converged
        assert fit.strategy == "gram"
        assert fit.gap >= found.primal - exact.certificate(*_best(X, y)).primal - 1e-15
        assert fit.gap <= found.gap + 1e-14


def _best(X, y):
    fit = solve(X, y, alpha=0.1, precompute=False, tol=1e-14)
    return fit.coef, fit.intercept
