"""path(): every fit is checked by the independent certificate of oracles.py."""

import warnings

import numpy as np
import problems
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import certified
from problems import make_problem

from softreg_fast import ElasticNet, path, solve
from softreg_fast.system import threads as thread_rules

fit_intercepts = pytest.mark.parametrize("fit_intercept", [True, False], ids=["b", "no b"])
standardizes = pytest.mark.parametrize("standardize", [True, False], ids=["std", "raw"])
weightings = pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "plain"])


@pytest.mark.parametrize("layout", ["fortran", "csc_array"])
@pytest.mark.parametrize("precompute", [False, True])
def test_threads_do_not_change_a_bit(rng, monkeypatch, layout, precompute):
    monkeypatch.setattr(thread_rules, "SMALLEST_PARALLEL_WORK", 1)
    X, y = problems.make_data(rng, 60, 150, density=0.4)
    X = problems.LAYOUTS[layout](np.asfortranarray(X))
    one, two = (path(X, y, n_alphas=8, precompute=precompute, n_threads=k) for k in (1, 2))
    assert_array_equal(one.coefs.toarray(), two.coefs.toarray())
    assert_array_equal(one.gaps, two.gaps)
    assert_array_equal(one.intercepts, two.intercepts)


@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("layout", problems.SPARSE_LAYOUTS)
@standardizes
@weightings
def test_sparse_layouts_give_the_same_bits(rng, layout, dtype, standardize, weighted):
    X, y = problems.make_data(rng, 50, 12, density=0.4)
    X = np.asfortranarray(problems.DTYPES[dtype](X))
    options = {"standardize": standardize, "precompute": False}
    if weighted:
        options["sample_weight"] = problems.sample_weights(rng, 50)
    stored = layout if layout == "csc with zeros" else "csc_array"  # a full column is centred
    reference = problems.LAYOUTS[stored](X).astype(np.float64)
    one = path(reference, y, n_alphas=8, n_threads=1, **options)
    two = path(problems.LAYOUTS[layout](X), y, n_alphas=8, n_threads=2, **options)
    assert_array_equal(one.coefs.toarray(), two.coefs.toarray())
    assert_array_equal(one.gaps, two.gaps)
    fits = [
        solve(given, y, alpha=one.alphas[4], l1_ratio=0.5, **options)
        for given in (reference, problems.LAYOUTS[layout](X))
    ]
    assert_array_equal(fits[0].coef, fits[1].coef)


@pytest.mark.parametrize("precompute", [True, False])
@pytest.mark.parametrize("shape", ["tall", "wide", "degenerate", "with holes"])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.01])
@fit_intercepts
@weightings
def test_every_alpha_of_a_path_is_certified(
    rng, shape, l1_ratio, precompute, fit_intercept, weighted
):
    X, y = problems.SHAPES[shape](rng)
    options = {"l1_ratio": l1_ratio, "fit_intercept": fit_intercept}
    if weighted:
        options["sample_weight"] = problems.sample_weights(rng, len(y))
    fits = path(X, y, n_alphas=7, eps=1e-2, tol=1e-7, precompute=precompute, **options)
    assert fits.converged
    assert len(fits) == 7
    assert np.all(np.diff(fits.alphas) < 0)
    for k, fit in enumerate(fits):
        assert fit.alpha == fits.alphas[k]
        certified(X, y, {"alpha": fit.alpha, **options}, fit)
    # the loss falls with alpha
    assert np.all(np.diff(fits.dev_ratio) >= -1e-6)


@pytest.mark.parametrize("penalty", ["positive", "box", "some unpenalised", "ridge", "weighted"])
@standardizes
def test_paths_of_other_penalties(rng, penalty, standardize):
    X, y, options = make_problem(rng, "tall", penalty, weighted=True, standardize=standardize)
    del options["alpha"]
    fits = path(X, y, n_alphas=5, **options)
    for fit in fits:
        certified(X, y, {"alpha": fit.alpha, **options}, fit)


@pytest.mark.parametrize("precompute", [True, False])
@pytest.mark.parametrize("shape", ["tall", "wide"])
def test_warm_starts_do_not_change_the_answer(rng, shape, precompute):
    X, y = problems.SHAPES[shape](rng)
    fits = path(X, y, n_alphas=6, eps=0.05, tol=1e-12, precompute=precompute)
    for fit in fits:
        cold = solve(X, y, alpha=fit.alpha, tol=1e-12)
        assert_allclose(fit.coef, cold.coef, atol=1e-4 * np.abs(fit.coef).max())
        assert_allclose(fit.intercept, cold.intercept, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("precompute", [True, False])
def test_a_shorter_path_is_the_beginning_of_a_longer_one(rng, precompute):
    X, y = problems.make_data(rng, 40, 15)
    longer = path(X, y, n_alphas=12, precompute=precompute)
    shorter = path(X, y, alphas=longer.alphas[:5], precompute=precompute)
    assert_array_equal(shorter.coefs.toarray(), longer.coefs.toarray()[:, :5])
    assert_array_equal(shorter.gaps, longer.gaps[:5])


def test_paths_that_end_early(rng):
    X, y = problems.make_data(rng, 40, 15)
    whole = path(X, y, n_alphas=20)

    def is_beginning(fits):
        k = len(fits)
        assert_array_equal(fits.coefs.toarray(), whole.coefs.toarray()[:, :k])
        assert_array_equal(fits.alphas, whole.alphas[:k])
        return k

    middle = (whole.dev_ratio[8] + whole.dev_ratio[9]) / 2
    assert is_beginning(path(X, y, n_alphas=20, max_dev_ratio=middle)) == 10
    assert is_beginning(path(X, y, n_alphas=20, max_df=3)) == 1 + np.argmax(whole.df >= 3)
    assert is_beginning(path(X, y, n_alphas=20, max_df=99)) == 20


def test_callback(rng):
    X, y = problems.make_data(rng, 40, 15)
    whole = path(X, y, n_alphas=6)
    seen = []
    fits = path(X, y, n_alphas=6, callback=seen.append)
    assert_array_equal(fits.coefs.toarray(), whole.coefs.toarray())
    assert [step.position for step in seen] == list(range(6))
    for k, step in enumerate(seen):
        assert step.n_alphas == 6
        assert (step.alpha, step.df) == (whole.alphas[k], whole.df[k])
        assert (step.dev_ratio, step.gap) == (whole.dev_ratio[k], whole.gaps[k])
        assert step.tol == whole.tols[k]
    assert len(path(X, y, n_alphas=6, callback=lambda step: step.position == 2)) == 3


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.parametrize("shape", [(60, 8), (30, 50)])
def test_watched_paths_are_the_same(rng, shape, l1_ratio):
    X, y = rng.standard_normal(shape), rng.standard_normal(shape[0])
    alone = path(X, y, l1_ratio=l1_ratio, precompute=True)
    watched = path(X, y, l1_ratio=l1_ratio, precompute=True, callback=lambda step: None)
    assert np.array_equal(alone.coefs.toarray(), watched.coefs.toarray())
    for name in ("gaps", "n_epochs", "status", "dev_ratio"):
        assert np.array_equal(getattr(alone, name), getattr(watched, name))


def test_callback_may_raise(rng):
    X, y = problems.make_data(rng, 40, 15)

    def fail(step):
        raise KeyError(step.alpha)

    with pytest.raises(KeyError):
        path(X, y, n_alphas=6, callback=fail)


@pytest.mark.parametrize("l1_ratio", [0.9, 0.5])
def test_alphas_far_apart(rng, l1_ratio):
    # coordinate descent from a large alpha to a small one can take thousands of epochs
    X = rng.normal(size=(40, 200))
    y = X[:, :3].sum(axis=1) + rng.normal(size=40)
    assert path(X, y, alphas=[1.0, 1e-4], l1_ratio=l1_ratio, max_iter=1000).converged
    model = ElasticNet(alpha=1.0, l1_ratio=l1_ratio, warm_start=True).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.set_params(alpha=1e-4).fit(X, y)
