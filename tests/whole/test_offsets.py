"""Offsets: under squared error a fit with one is the fit to y minus it, whatever else is given."""

import pickle

import numpy as np
import pandas as pd
import problems
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast import Design, cv_path, path, relaxed_path, solve, stability_path
from softreg_fast.data.multi_task_design import MultiTaskDesign

pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")

N = {"tall": 60, "wide": 30, "sparse": 50}
SETTINGS = {
    "plain": lambda rng, n: {},
    "no intercept": lambda rng, n: {"fit_intercept": False},
    "standardized": lambda rng, n: {"standardize": True},
    "weighted": lambda rng, n: {"sample_weight": problems.sample_weights(rng, n)},
    "elastic net": lambda rng, n: {"l1_ratio": 0.4},
    "positive": lambda rng, n: {"positive": True},
}
functions = pytest.mark.parametrize(
    "function", [solve, path, cv_path, relaxed_path, stability_path]
)
predicting = pytest.mark.parametrize("function", [solve, path, cv_path, relaxed_path])


@pytest.fixture(params=SETTINGS)
def settings(request, rng, kind):
    return SETTINGS[request.param](rng, N[kind])


@pytest.fixture(params=problems.KINDS)
def kind(request):
    return request.param


@pytest.fixture
def data(rng, kind):
    X, y = problems.make_kind(rng, kind)
    return X, y, 5.0 * rng.standard_normal(len(y)) + 3.0


@pytest.fixture
def small(rng):
    X, y = problems.make_data(rng, 40, 6)
    return X, y, rng.standard_normal(40)


def same_fits(a, b):
    assert_array_equal(a.coefs.toarray(), b.coefs.toarray())
    for name in ("alphas", "intercepts", "gaps", "tols", "dev_ratio", "null_loss"):
        assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    assert a.has_offset
    assert not b.has_offset


@pytest.mark.parametrize("solver", ["auto", "cd", "gradient"])
def test_single_fits(data, settings, solver):
    X, y, offset = data
    options = {"alpha": 0.1, "solver": solver, **settings}
    fit, other = solve(X, y, offset=offset, **options), solve(X, y - offset, **options)
    assert_array_equal(fit.coef, other.coef)
    assert (fit.intercept, fit.gap, fit.null_loss) == (other.intercept, other.gap, other.null_loss)
    assert_allclose(fit.predict(X, offset=offset), other.predict(X) + offset, rtol=1e-12)


def test_ridge(data):
    X, y, offset = data
    options = {"alpha": 0.1, "l1_ratio": 0.0}
    fit, other = solve(X, y, offset=offset, **options), solve(X, y - offset, **options)
    assert_array_equal(fit.coef, other.coef)


def test_paths(data, settings):
    X, y, offset = data
    options = {"n_alphas": 12, "eps": 0.02, **settings}
    fits, others = path(X, y, offset=offset, **options), path(X, y - offset, **options)
    same_fits(fits, others)
    assert_allclose(fits.predict(X, offset=offset), others.predict(X) + offset[:, None])
    part = fits[3:5]
    assert part.has_offset
    assert part[0].has_offset
    between = float(fits.alphas[2:4].mean())
    expected = others.predict(X, [between, fits.alphas[1]]) + offset[:, None]
    assert_allclose(fits.predict(X, [between, fits.alphas[1]], offset=offset), expected)
    assert_allclose(fits.predict(X, between, offset=offset), expected[:, 0])


@pytest.mark.parametrize("change", [{}, {"relax": True}, {"criterion": "bic"}, {"patience": 2}])
def test_cross_validation(data, settings, change):
    X, y, offset = data
    options = {"n_alphas": 10, "eps": 0.05, **settings, **change}
    found, other = cv_path(X, y, offset=offset, **options), cv_path(X, y - offset, **options)
    assert_array_equal(found.errors_by_gamma, other.errors_by_gamma)
    assert_array_equal(found.alphas, other.alphas)
    same_fits(found.path, other.path)
    assert all(fits.has_offset for fits in found.fold_paths)
    assert found.noise_variance == other.noise_variance
    assert_allclose(found.predictions, other.predictions + offset)
    assert_allclose(found.predict(X, offset=offset), other.predict(X) + offset)


def test_folds_whose_products_come_from_one_pass(rng):
    X, y = problems.make_data(rng, 300, 9)
    offset = rng.standard_normal(300)
    found, other = cv_path(X, y, offset=offset), cv_path(X, y - offset)
    assert found.fold_paths[0].strategy == "products"
    assert_array_equal(found.errors, other.errors)
    assert_allclose(found.predictions, other.predictions + offset)


def test_scorers_see_targets_and_predictions_with_the_offset(small):
    X, y, offset = small
    y, offset = 50.0 + y, 30.0 + offset
    by_errors = cv_path(X, y, offset=offset, alphas=[1.0, 0.1])
    squared = cv_path(X, y, offset=offset, alphas=[1.0, 0.1], scoring="neg_mean_squared_error")
    assert_allclose(squared.errors, by_errors.errors, rtol=1e-9)
    found = cv_path(
        X, y, offset=offset, alphas=[1.0], scoring="neg_mean_absolute_percentage_error", cv=4
    )
    fold = found.errors[0, 0]
    apart = np.abs(1.0 - found.predictions / y)
    assert_allclose(fold.mean(), apart.mean(), rtol=1e-9)


def test_splitters_see_the_target_itself(small):
    X, y, offset = small
    seen = []

    class Spy:
        def split(self, X, y=None, groups=None):
            seen.append(np.array(y))
            yield np.arange(20), np.arange(20, 40)

        def get_n_splits(self, X=None, y=None, groups=None):
            return 1

    cv_path(X, y, offset=offset, cv=Spy(), seed=0, alphas=[0.1])
    assert_array_equal(seen[0], y)


def test_relaxed_fits(data, settings):
    X, y, offset = data
    options = {"n_alphas": 10, "eps": 0.05, **settings}
    found = relaxed_path(X, y, offset=offset, **options)
    other = relaxed_path(X, y - offset, **options)
    same_fits(found.path, other.path)
    same_fits(found.refits, other.refits)
    assert_array_equal(found.overlap, other.overlap)
    assert_allclose(
        found.predict(X, gamma=0.5, offset=offset),
        other.predict(X, gamma=0.5) + offset[:, None],
    )


def test_stability_selection(data, settings):
    X, y, offset = data
    options = {"n_subsamples": 10, "n_alphas": 8, "random_state": 0, **settings}
    found = stability_path(X, y, offset=offset, **options)
    other = stability_path(X, y - offset, **options)
    assert_array_equal(found.alphas, other.alphas)
    assert_array_equal(found.frequencies.toarray(), other.frequencies.toarray())


@predicting
def test_a_constant_offset_is_absorbed_by_the_intercept(small, function):
    X, y, _ = small
    seven = np.full(40, 7.0)
    with_it, without = function(X, y, offset=seven), function(X, y)
    assert_allclose(with_it.predict(X, offset=seven), without.predict(X))


@pytest.mark.parametrize("function", [solve, path, cv_path, relaxed_path])
def test_a_design_remembers_its_offset(small, function):
    X, y, offset = small
    design = Design(X).with_target(y, offset=offset)
    assert_array_equal(design.described_target.observed, y)
    for known in (design, pickle.loads(pickle.dumps(design))):
        found, other = function(known), function(X, y, offset=offset)
        again = function(Design(X, -y), y, offset=offset)
        for each in (found, again):
            assert_array_equal(each.predict(X, offset=offset), other.predict(X, offset=offset))


def test_other_weights_keep_the_offset(rng, small):
    X, y, offset = small
    weight = problems.sample_weights(rng, 40)
    design = Design(X).with_target(y, offset=offset).with_weight(weight)
    fit = solve(design, alpha=0.1)
    assert_array_equal(fit.coef, solve(X, y - offset, sample_weight=weight, alpha=0.1).coef)
    assert fit.has_offset


def test_frames_and_series(small):
    X, y, offset = small
    frame = pd.DataFrame(X, columns=list("abcdef"))
    series = pd.Series(offset)
    fit = solve(frame, y, offset=series, alpha=0.1)
    expected = solve(X, y, offset=offset, alpha=0.1).predict(X, offset=offset)
    for given in (series, offset.reshape(-1, 1), offset.tolist(), offset.astype(object)):
        assert_allclose(fit.predict(frame, offset=given), expected, rtol=1e-12)


# ---------------------------------------------------------------------------------------------
# What cannot be used.

WRONG = {
    "short": (np.ones(39), r"offset has shape \(39,\), X has 40 samples; expected one number"),
    "wide": (np.ones((40, 2)), r"offset has shape \(40, 2\), X has 40 samples"),
    "number": (3.0, r"offset is 3.0; expected one number for each row of X"),
    "nan": (np.append(np.nan, np.ones(39)), "Input offset contains NaN; leave out such samples"),
    "inf": (np.append(np.inf, np.ones(39)), "Input offset contains infinity"),
    "text": (["a"] * 40, "offset must hold real numbers"),
    "masked": (np.ma.masked_less(np.arange(40.0), 3), "offset"),
}


@pytest.mark.parametrize("wrong", WRONG)
@functions
def test_offsets_that_cannot_be_used(small, function, wrong):
    X, y, _ = small
    given, said = WRONG[wrong]
    with pytest.raises((ValueError, TypeError), match=said):
        function(X, y, offset=given)


@pytest.mark.parametrize("wrong", WRONG)
@predicting
def test_offsets_that_cannot_be_used_in_predictions(small, function, wrong):
    X, y, offset = small
    given, said = WRONG[wrong]
    found = function(X, y, offset=offset)
    with pytest.raises((ValueError, TypeError), match=said):
        found.predict(X, offset=given)


@functions
def test_rows_in_another_order(small, function):
    X, y, offset = small
    turned = pd.Series(offset).iloc[::-1]
    with pytest.raises(ValueError, match=r"index of offset holds .* another order.*offset.loc"):
        function(pd.DataFrame(X), y, offset=turned)


@predicting
def test_a_prediction_needs_what_the_fit_had(small, function):
    X, y, offset = small
    found = function(X, y, offset=offset)
    with pytest.raises(ValueError, match=r"fitted with an offset, and offset is missing; give"):
        found.predict(X)
    with pytest.raises(ValueError, match="another order"):
        found.predict(pd.DataFrame(X), offset=pd.Series(offset).iloc[::-1])
    with pytest.raises(ValueError, match=r"fitted without one; leave it out, or fit with"):
        function(X, y).predict(X, offset=offset)


@functions
def test_beside_a_design_with_a_target(small, function):
    X, y, offset = small
    with pytest.raises(ValueError, match=r"offset is given without y, .*; give y too, or Design"):
        function(Design(X, y), offset=offset)


@pytest.mark.parametrize("function", [solve, path, cv_path])
def test_several_targets_have_none(small, function):
    X, y, offset = small
    with pytest.raises(ValueError, match="offset is for one target; subtract it from the columns"):
        function(MultiTaskDesign(X), np.column_stack([y, -y]), offset=offset)
    fits = path(MultiTaskDesign(X, np.column_stack([y, -y])))
    with pytest.raises(ValueError, match="fitted without one"):
        fits.predict(X, offset=offset)


def test_differences_out_of_range(small):
    X = small[0]
    with pytest.raises(ValueError, match="y - offset contains infinity"):
        solve(X, np.full(40, 1e308), offset=np.full(40, -1e308))
