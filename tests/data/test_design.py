"""Design: data used without a copy, data converted, and the statistics computed from them."""

import copy
import pickle

import numpy as np
import oracles
import pandas as pd
import problems
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import INF

from softreg_fast import Design, path
from softreg_fast.data.multi_task_design import MultiTaskDesign

UNTOUCHED_DENSE = ("fortran", "row slice", "column stride", "memmap")
UNTOUCHED_SPARSE = ("csc_array", "csc_matrix", "csc_array int64", "csc with zeros")


def base_matrix(rng, dtype="float64", n=11, p=5):
    """Return numbers that are exact in the dtype, some of them 0."""
    X = rng.standard_normal((n, p)) * (rng.random((n, p)) < 0.7)
    return np.asfortranarray(problems.DTYPES[dtype](X))


# ---------------------------------------------------------------------------------------------
# layouts


@pytest.mark.parametrize("read_only", [False, True], ids=["writeable", "read-only"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("layout", UNTOUCHED_DENSE)
def test_dense_columns_are_used_where_they_lie(rng, layout, dtype, read_only):
    X = problems.LAYOUTS[layout](base_matrix(rng, dtype))
    if read_only:
        problems.make_read_only(X)
    design = Design(X, np.arange(11.0))
    assert np.shares_memory(design.X, X)
    assert design.X.dtype == X.dtype
    assert_array_equal(design.X, X)


@pytest.mark.parametrize("read_only", [False, True], ids=["writeable", "read-only"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("layout", UNTOUCHED_SPARSE)
def test_canonical_csc_is_used_where_it_lies(rng, layout, dtype, read_only):
    X = problems.LAYOUTS[layout](base_matrix(rng, dtype))
    if read_only:
        problems.make_read_only(X)
    design = Design(X, np.arange(11.0))
    assert np.shares_memory(design.X.data, X.data)
    assert np.shares_memory(design.X.indices, X.indices)
    assert design.X.dtype == X.dtype


def test_single_rows_and_columns_of_any_memory_order(rng):
    for shape in ((1, 6), (6, 1), (1, 1)):
        X = rng.standard_normal(shape)
        for given in (X, np.asfortranarray(X), X.astype(np.float32), sp.csc_array(X)):
            columns = Design(given, np.ones(shape[0])).X
            assert_allclose(oracles.dense(columns), X, rtol=1e-7)


# ---------------------------------------------------------------------------------------------
# numbers


@pytest.mark.parametrize("layout", ["fortran", "csc_array", "csc with zeros"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_description(rng, layout, fit_intercept, weighted, offset):
    X, y = problems.make_data(rng, 30, 6, offset=offset)
    y += offset
    weights = problems.sample_weights(rng, 30) if weighted else None
    design = Design(problems.LAYOUTS[layout](X), y, weights, fit_intercept=fit_intercept)
    problem = oracles.problem_of(X, y, sample_weight=weights, fit_intercept=fit_intercept)
    s = problem.s * (30 / problem.s.sum())
    assert (design.n_samples, design.n_features) == (30, 6)
    assert_allclose(design.center, problem.mean(X).astype(float), rtol=1e-15, atol=1e-14)
    assert_allclose(design.norm, np.sqrt(s @ problem.X_centered**2).astype(float), rtol=1e-13)
    y_norm = np.sqrt(s @ problem.y_centered**2)
    assert_allclose(design.y_mean, float(problem.mean(problem.y)), rtol=1e-14)
    assert_allclose(design.y_norm, float(y_norm), rtol=1e-13)
    target = s * problem.y_centered / y_norm
    assert_allclose(design.target[:-1], target.astype(float), atol=1e-13 + 1e-15 * offset)
    assert design.target[-1] == 0.0
    if fit_intercept:
        assert abs(design.target.sum()) <= 1e-15 * 30
    assert design.target_sumsq == 1.0
    assert_array_equal(design.curvature, np.ones(6))
    assert_allclose(design.objective_unit, float(2 * problem.null_loss), rtol=1e-13)


def test_constant_columns_and_targets():
    X = np.array([[2.0, 1.0, 0.0], [2.0, 3.0, 0.0], [2.0, 4.0, 0.0]])
    design = Design(X, np.full(3, 0.1))
    assert_array_equal(design.norm == 0.0, [True, False, True])
    assert_array_equal(design.curvature, [0.0, 1.0, 0.0])
    assert design.is_null
    assert design.target_sumsq == 0.0
    assert not design.target.any()
    without = Design(X, np.full(3, 0.1), fit_intercept=False)
    assert_array_equal(without.norm == 0.0, [False, False, True])
    assert not without.is_null
    assert Design(X, np.zeros(3), fit_intercept=False).is_null


@pytest.mark.parametrize("layout", ["fortran", "csc_array"])
def test_samples_without_weight_do_not_count(rng, layout):
    # whatever these rows hold; a column that varies only there is constant
    X, y = problems.make_data(rng, 12, 4)
    X[:9, 3] = 0.0
    weights = np.where(np.arange(12) < 9, 1.0, 0.0)
    less = Design(problems.LAYOUTS[layout](np.asfortranarray(X[:9])), y[:9])
    for value in (20_000.0, -1e100):
        X[9:], y[9:] = value, value
        design = Design(problems.LAYOUTS[layout](X), y, weights)
        scale = np.sqrt(12 / 9)
        assert_allclose(design.center, less.center, rtol=1e-14, atol=1e-15)
        assert_allclose(design.norm, scale * less.norm, rtol=1e-14)
        assert_allclose(design.y_mean, less.y_mean, rtol=1e-13)
        assert_allclose(design.y_norm, scale * less.y_norm, rtol=1e-13)
        y[9:] = 1e100 * value  # the squares overflow float64
        design = Design(problems.LAYOUTS[layout](X), y, weights)
        assert_allclose(design.y_norm, scale * less.y_norm, rtol=1e-13)
        assert_allclose(design.target[:9] / scale, less.target[:9], atol=1e-13)
        assert_array_equal(design.target[9:], 0.0)


def test_a_target_that_the_caller_changes_later(rng):
    # y is not copied, but the engine fits the values from when the Design was made
    X, y = problems.make_data(rng, 20, 5)
    design, again = Design(X, y), Design(X, y.copy())
    y[:] = rng.standard_normal(20)
    assert_array_equal(design.target, again.target)
    assert_array_equal(design.gradient_at_zero(), again.gradient_at_zero())


def test_another_target_leaves_the_first_alone(rng):
    X, y = problems.make_data(rng, 20, 5)
    design = Design(X, y)
    before = design.target.copy()
    other = design.with_target(-3 * y)
    assert_array_equal(design.target, before)
    assert_array_equal(design.y, y)
    assert_allclose(other.target, -before, atol=1e-15)
    assert_allclose(other.y_norm, 3 * design.y_norm)
    assert np.shares_memory(other.X, design.X)
    assert not hasattr(Design(X), "target")


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_engine_units_are_those_of_the_objective(rng, standardize, fit_intercept):
    # the engine's objective at u, times objective_unit, is the user's at w
    X, y = problems.make_data(rng, 25, 6)
    options = {
        "sample_weight": problems.sample_weights(rng, 25),
        "fit_intercept": fit_intercept,
        "standardize": standardize,
    }
    l1, l2 = rng.uniform(0, 1, 6), rng.uniform(0, 1, 6)
    problem = oracles.problem_of(X, y, l1=l1, l2=l2, **options)
    design = Design(X, y, **options)
    u = rng.standard_normal(6)
    everything = np.full(6, -INF), np.full(6, INF)
    w, offsets = design.to_user(np.arange(6), u, np.array([0, 6]), *everything)
    assert_allclose(design.from_user(w), u, rtol=1e-13)
    e1, e2, _, _ = design.to_engine(l1, l2, *everything)
    v = design.target.copy()
    design.columns.subtract_product(u, v)
    value = design.columns.residual_sumsq(v) / 2 + e1 @ np.abs(u) + e2 @ u**2 / 2
    b = design.y_mean - offsets[0]
    assert_allclose(offsets[0], design.center @ w, atol=1e-14 * np.abs(design.center).max())
    assert_allclose(value * design.objective_unit, float(problem.objective(w, b)), rtol=1e-12)


def test_bounds_and_exclusions_in_engine_units(rng):
    X, y = problems.make_data(rng, 25, 4)
    X[:, 3] = 1.0
    design = Design(X, y)
    lower, upper = np.array([-INF, 0.0, -0.5, 0.2]), np.array([1.0, INF, 0.5, 0.3])
    l1, l2, low, high = design.to_engine(np.ones(4), np.ones(4), lower, upper)
    ratio = design.norm / design.y_norm
    assert_allclose(low[:3], (lower * ratio)[:3])
    assert_allclose(high[:3], (upper * ratio)[:3])
    # a constant column is not fitted, but its coefficient stays inside its bounds
    assert_array_equal([l1[3], l2[3], low[3], high[3]], 0.0)
    assert_array_equal(design.fixed(lower, upper), [3])
    constant, _ = design.to_user(np.array([3]), np.zeros(1), np.array([0, 1]), lower, upper)
    assert_array_equal(constant, [0.2])
    with pytest.raises(ValueError, match=r"feature 4 is outside 0\.\.3"):
        design.to_user(np.array([4]), np.zeros(1), np.array([0, 1]), lower, upper)
    with pytest.raises(ValueError, match="starts must end where the coefficients do"):
        design.to_user(np.array([3]), np.zeros(1), np.array([0, 2]), lower, upper)
    # rounding does not move a coefficient beyond its bound
    w, _ = design.to_user(np.arange(4), high, np.array([0, 4]), lower, upper)
    assert np.all(w <= upper)
    # and a coefficient at the engine's bound is at the user's
    for upper in rng.uniform(0.1, 2.0, (50, 4)):
        box = design.to_engine(np.ones(4), np.ones(4), -upper, upper)[2:]
        for bound, expected in zip(box, (-upper, upper), strict=True):
            w, _ = design.to_user(np.arange(3), bound[:3], np.array([0, 3]), -upper, upper)
            assert_array_equal(w, expected[:3])


def test_from_user_wants_one_coefficient_per_feature(rng):
    design = Design(*problems.make_data(rng, 9, 4))
    with pytest.raises(ValueError, match=r"\(4,\)"):
        design.from_user(np.zeros(3))


@pytest.mark.parametrize("form", [np.asarray, sp.csc_array, sp.csr_array, pd.DataFrame])
@pytest.mark.parametrize("weighted", [False, True])
def test_designs_can_be_pickled_and_copied(rng, form, weighted):
    X, y = problems.make_data(rng, 30, 5)
    weight = rng.random(30) if weighted else None
    for design in (
        Design(form(X), y, weight, standardize=True),
        MultiTaskDesign(form(X), np.c_[y, -y], weight, fit_intercept=False),
    ):
        expected = path(design, n_alphas=5)
        for other in (pickle.loads(pickle.dumps(design)), copy.deepcopy(design), copy.copy(design)):
            assert_array_equal(path(other, n_alphas=5).coefs.toarray(), expected.coefs.toarray())
            assert_array_equal(other.gram, design.gram)
            assert other.unscaled_columns is not None


def test_a_copy_of_a_design_shares_its_matrix(rng):
    design = Design(*problems.make_data(rng, 30, 5))
    assert copy.copy(design).X is design.X
    assert copy.copy(design).columns is design.columns
