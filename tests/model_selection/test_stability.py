"""Stability selection: frequencies compared with fits to subsets of rows, and error bounds."""

import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import problems
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import linear_model as theirs
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from softreg_fast import (
    Design,
    Lasso,
    StabilityPath,
    StabilitySelector,
    losses,
    path,
    stability_path,
)
from softreg_fast.data.given import as_design
from softreg_fast.model_selection.entries import Entries
from softreg_fast.model_selection.subsamples import subsamples
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.problem import Problem

QUICK = {"n_subsamples": 12, "n_alphas": 12, "eps": 0.05, "random_state": 0}


def rows_of(n, n_subsamples, *, fraction=0.5, complementary=True, weight=None, random_state=0):
    design = Design(np.arange(float(n))[:, np.newaxis], np.arange(float(n)), weight)
    return list(subsamples(design, n_subsamples, fraction, complementary, random_state))


def entered(coefs, norm, max_selected):
    """Return which features have entered, 0 or 1, (n_features, n_alphas), by a plain loop."""
    flags, so_far = np.zeros(coefs.shape), []
    for k, w in enumerate(coefs.T):
        new = [j for j in np.flatnonzero(w) if j not in so_far]
        new.sort(key=lambda j: -abs(w[j]) * norm[j])
        so_far += new[: max_selected - len(so_far)]
        flags[so_far, k] = 1.0
    return flags


def their_path(X, y, alphas, l1_ratio, weight):
    """Return the coefficients of scikit-learn, (n_features, n_alphas)."""
    model = theirs.ElasticNet(l1_ratio=l1_ratio, tol=1e-20, max_iter=20_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fits = [clone(model).set_params(alpha=a).fit(X, y, sample_weight=weight) for a in alphas]
    return np.column_stack([fit.coef_ for fit in fits])


@pytest.mark.parametrize(("weighted", "l1_ratio"), [(False, 1.0), (True, 1.0), (True, 0.6)])
@pytest.mark.parametrize(("complementary", "max_selected"), [(True, 4), (True, 15), (False, 8)])
def test_frequencies_are_those_of_rows_taken_out(
    rng, weighted, l1_ratio, max_selected, complementary
):
    X, y = problems.make_data(rng, 41, 15)
    weight = problems.sample_weights(rng, 41) if weighted else None
    fraction = 0.5 if complementary else 0.7
    found = stability_path(
        X,
        y,
        l1_ratio=l1_ratio,
        sample_weight=weight,
        max_selected=max_selected,
        complementary=complementary,
        fraction=fraction,
        tol=1e-12,
        **(QUICK | {"n_subsamples": 4}),
    )
    options = {"fraction": fraction, "complementary": complementary, "weight": weight}
    expected = np.zeros((15, 12))
    for rows in rows_of(41, 4, **options):
        part = None if weight is None else weight[rows]
        coefs = their_path(X[rows], y[rows], found.alphas, l1_ratio, part)
        expected += entered(
            coefs, np.sqrt(np.cov(X[rows].T, aweights=part).diagonal()), max_selected
        )
    assert_allclose(found.frequencies.toarray(), expected / 4, rtol=1e-14)
    assert_array_equal(found.max_frequencies, found.frequencies.toarray()[:, -1])
    assert found.mean_selected == pytest.approx(expected[:, -1].sum() / 4)


def test_complementary_pairs_are_disjoint_halves():
    drawn = rows_of(31, 20)
    for one, other in zip(drawn[::2], drawn[1::2], strict=True):
        assert len(np.unique(one)) == len(np.unique(other)) == 15
        assert not np.intersect1d(one, other).size
    assert len({tuple(np.sort(rows)) for rows in drawn}) == 20
    often = np.bincount(np.concatenate(rows_of(10, 2000, fraction=0.3)), minlength=10)
    assert_allclose(often / 2000, 0.3, atol=0.1)


def test_subsamples_without_pairs():
    drawn = rows_of(100, 7, fraction=0.57, complementary=False)
    assert [len(np.unique(rows)) for rows in drawn] == [57] * 7


def test_samples_without_weight_are_never_drawn(rng):
    X, y = problems.make_data(rng, 40, 10)
    weight = np.ones(40)
    weight[[3, 8, 20, 39]] = 0.0
    here = stability_path(X, y, sample_weight=weight, **QUICK)
    used = weight > 0.0
    there = stability_path(X[used], y[used], **QUICK)
    assert_allclose(here.alphas, there.alphas, rtol=1e-12)
    assert_array_equal(here.frequencies.toarray(), there.frequencies.toarray())
    rows = np.concatenate(rows_of(40, 10, weight=weight))
    assert_array_equal(np.unique(rows), np.flatnonzero(used))


def test_the_order_of_features_does_not_matter(rng):
    X, y = problems.make_data(rng, 40, 25)
    order = rng.permutation(25)
    here, there = (stability_path(Z, y, **QUICK) for Z in (X, X[:, order]))
    assert_array_equal(here.frequencies.toarray()[order], there.frequencies.toarray())


def test_the_scale_of_weights_and_target_does_not_matter(rng):
    X, y = problems.make_data(rng, 40, 25)
    weight = rng.uniform(0.5, 2.0, 40)
    here = stability_path(X, y, sample_weight=weight, **QUICK)
    for scaled in (weight * 1e5, weight * 1e-5):
        there = stability_path(X, 7.0 * y + 3.0, sample_weight=scaled, **QUICK)
        assert_allclose(7.0 * here.alphas, there.alphas, rtol=1e-10)
        assert_array_equal(here.frequencies.toarray(), there.frequencies.toarray())


def test_standardised_columns_may_have_any_units(rng):
    X, y = problems.make_data(rng, 40, 12)
    units = 10.0 ** rng.integers(-3, 4, 12)
    here, there = (stability_path(Z, y, standardize=True, **QUICK) for Z in (X, X * units))
    assert_array_equal(here.frequencies.toarray(), there.frequencies.toarray())


def test_sparse_and_dense_agree(rng):
    X, y = problems.make_data(rng, 60, 30, density=0.3)
    dense = stability_path(X, y, **QUICK)
    sparse = stability_path(sp.csr_array(X), y, **QUICK)
    assert_allclose(dense.alphas, sparse.alphas, rtol=1e-12)
    assert_array_equal(dense.frequencies.toarray(), sparse.frequencies.toarray())


def test_a_design_may_be_given(rng):
    X, y = problems.make_data(rng, 40, 6)
    weight = rng.uniform(0.5, 2.0, 40)
    here = stability_path(X, y, sample_weight=weight, standardize=True, **QUICK)
    there = stability_path(Design(X, y, weight, standardize=True), **QUICK)
    assert_array_equal(here.frequencies.toarray(), there.frequencies.toarray())


def test_random_state(rng):
    X, y = problems.make_data(rng, 40, 30, noise=2.0)
    options = QUICK | {"random_state": 3}
    one, again = (stability_path(X, y, **options) for _ in range(2))
    assert_array_equal(one.frequencies.toarray(), again.frequencies.toarray())
    other = stability_path(X, y, **(QUICK | {"random_state": np.random.RandomState(3)}))
    assert_array_equal(one.frequencies.toarray(), other.frequencies.toarray())
    assert any(
        (one.frequencies != stability_path(X, y, **(QUICK | {"random_state": k})).frequencies).nnz
        for k in range(4, 8)
    )


@pytest.mark.parametrize("shape", [(300, 12), (40, 200)])
def test_threads_change_nothing(rng, monkeypatch, shape):
    monkeypatch.setattr("softreg_fast.system.threads.SMALLEST_PARALLEL_WORK", 1)
    X, y = problems.make_data(rng, *shape)
    one, two = (stability_path(X, y, n_threads=k, **QUICK) for k in (1, 2))
    assert_array_equal(one.frequencies.toarray(), two.frequencies.toarray())


def test_planted_features_are_found(rng):
    X = rng.standard_normal((120, 200))
    planted = rng.permutation(200)[:4]
    y = X[:, planted] @ (3.0 * rng.choice([-1.0, 1.0], 4)) + rng.standard_normal(120)
    found = stability_path(X, y, n_alphas=40, n_subsamples=40, random_state=rng.integers(1000))
    assert found.max_selected == 10  # sqrt(0.5 * 200)
    assert set(found.support(0.9)) >= set(planted)
    assert found.max_frequencies[planted].min() >= 0.975
    assert np.delete(found.max_frequencies, planted).mean() < 7.0 / 196
    assert len(found.support(0.9)) <= 8


def test_the_bound_holds_for_noise(rng):
    found = []
    for _ in range(40):
        X, y = rng.standard_normal((40, 60)), rng.standard_normal(40)
        options = QUICK | {"random_state": rng.integers(1000), "n_alphas": 30}
        found.append(stability_path(X, y, max_selected=6, threshold=0.6, **options))
    bound = np.mean([fits.expected_false() for fits in found])
    assert bound == pytest.approx(6**2 / (0.2 * 60), rel=0.1)
    assert np.mean([len(fits.support()) for fits in found]) < bound
    # every subsample selects as many noise features as requested
    assert np.mean([fits.max_frequencies for fits in found]) == pytest.approx(6 / 60, rel=0.05)


def test_the_bound(rng):
    X, y = problems.make_data(rng, 60, 40)
    found = stability_path(X, y, max_selected=5, **QUICK)
    q = found.max_frequencies.sum()
    assert found.mean_selected == pytest.approx(q)
    assert q <= 5
    assert found.expected_false() == pytest.approx(q**2 / (0.5 * 40))
    assert found.expected_false(0.9) == pytest.approx(q**2 / (0.8 * 40))
    for threshold in (0.5, 0.2, 1.1):
        with pytest.raises(ValueError, match=r"threshold must be a finite number in \(0.5, 1\]"):
            found.expected_false(threshold)
    large = stability_path(X, y, fraction=0.8, complementary=False, **QUICK)
    with pytest.raises(ValueError, match="no bound for subsamples of a fraction of"):
        large.expected_false()
    assert "expected false" not in str(large)
    default = stability_path(X, y, threshold=0.9, **QUICK)
    assert default.max_selected == int(np.sqrt(0.8 * 40))
    assert default.expected_false() <= 1.0


def test_features_that_are_not_chosen_among(rng):
    X, y = problems.make_data(rng, 60, 12)
    l1_weights = np.ones(12)
    l1_weights[[0, 1]] = 0.0
    l1_weights[2] = np.inf
    lower, upper = np.full(12, -np.inf), np.full(12, np.inf)
    lower[3], upper[4] = 0.1, -0.1
    options = QUICK | {"l1_weights": l1_weights, "bounds": (lower, upper), "eps": 1e-4}
    found = stability_path(X, y, max_selected=2, **options)
    frequencies = found.frequencies.toarray()
    assert found.n_candidates == 7
    assert_array_equal(frequencies[[0, 1, 3, 4]], 1.0)
    assert_array_equal(frequencies[2], 0.0)
    assert found.mean_selected == pytest.approx(2.0)
    assert frequencies[5:, -1].sum() == pytest.approx(2.0)
    assert found.expected_false() == pytest.approx(2.0**2 / (0.5 * 7))


def test_options_reach_the_fits(rng):
    X, y = problems.make_data(rng, 40, 8)
    alphas = [1.0, 0.3, 0.1]
    options = {"l1_ratio": 0.7, "positive": True, "fit_intercept": False, "standardize": True}
    options |= {"l2_weights": rng.uniform(0.5, 2.0, 8), "l1_weights": rng.uniform(0.5, 2.0, 8)}
    found = stability_path(
        X, y, alphas=alphas, n_subsamples=4, max_selected=8, random_state=0, **options
    )
    expected = np.zeros((8, 3))
    for rows in rows_of(40, 4):
        coefs = path(X[rows], y[rows], alphas=alphas, **options).coefs.toarray()
        expected += entered(coefs, np.ones(8), 8)
    assert_array_equal(found.alphas, alphas)
    assert_allclose(found.frequencies.toarray(), expected / 4)


def test_the_grid(rng):
    X, y = problems.make_data(rng, 40, 8)
    largest = path(X, y, n_alphas=1).alphas[0]
    expected = largest * np.geomspace(1.0, 0.01, 100) * np.sqrt(2.0)
    options = {"n_subsamples": 2, "random_state": 0}
    assert_allclose(stability_path(X, y, **options).alphas, expected)
    assert_allclose(
        stability_path(X, y, alphas=3, **options).alphas, expected[[0, 0, -1]] * [1, 0.1, 1]
    )
    assert_array_equal(stability_path(X, y, alphas=[1, 3, 2], **options).alphas, [3.0, 2.0, 1.0])


def test_a_target_that_is_constant(rng):
    X = rng.standard_normal((30, 5))
    found = stability_path(X, np.full(30, 2.0), **QUICK)
    assert found.frequencies.nnz == 0
    assert found.selected() == []
    assert found.expected_false() == 0.0


def test_nothing_of_the_callers_is_changed(rng):
    X, y = problems.make_data(rng, 40, 6)
    weight = rng.uniform(0.5, 2.0, 40)
    X, copies = np.asfortranarray(X), (X.copy(), y.copy(), weight.copy())
    for array in (X, y, weight):
        array.flags.writeable = False
    stability_path(X, y, sample_weight=weight, **QUICK)
    for given, kept in zip((X, y, weight), copies, strict=True):
        assert_array_equal(given, kept)


def test_what_is_printed(rng):
    X, y = problems.make_data(rng, 60, 6)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    found = stability_path(frame, y, max_selected=4, **QUICK)
    assert isinstance(found, StabilityPath)
    chosen = found.selected()
    frequencies = [frequency for _, frequency in chosen]
    assert frequencies == sorted(frequencies, reverse=True)
    assert chosen == [("abcdef"[j], found.max_frequencies[j]) for j in found.support()]
    assert found.selected(0.5)[: len(chosen)] == chosen
    text = str(found)
    assert text.startswith(f"StabilityPath(12 subsamples, 12 alphas, {len(chosen)} of 6 features")
    for name, frequency in chosen:
        j = "abcdef".index(name)
        first = next(a for k, a in enumerate(found.alphas) if found.frequencies[j, k] >= 0.75)
        assert f"{frequency:>9.2f} {first:>12.6g}  {name}" in text
    assert f"at most {found.expected_false():.3g}" in text


def test_fits_that_do_not_converge_warn_once(rng):
    X, y = problems.make_data(rng, 40, 30)
    with pytest.warns(ConvergenceWarning, match="of 12 subsamples") as caught:
        stability_path(X, y, tol=0.0, max_iter=1, **QUICK)
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0.5}, r"threshold must be a finite number in \(0.5, 1\]"),
        ({"n_subsamples": 0}, "n_subsamples must be an integer >= 1, got 0"),
        ({"n_subsamples": 11}, "n_subsamples is 11, but complementary pairs"),
        ({"fraction": 0.6}, "fraction is 0.6, but complementary pairs"),
        ({"fraction": 0.0}, "fraction must be"),
        ({"fraction": 0.1}, "with weight is 1; every subsample needs at least 2"),
        ({"max_selected": 0}, "max_selected must be an integer >= 1, got 0"),
        ({"max_selected": 1.5}, "max_selected must be an integer >= 1, got 1.5"),
        ({"l1_ratio": 0.0}, r"l1_ratio must be a finite number in \(0, 1\]"),
        ({"alphas": [1.0, -1.0]}, "alphas"),
        ({"tol": -1.0}, "tol"),
        ({"random_state": "seven"}, "seven"),
        ({"sample_weight": np.eye(12)[0]}, "with weight is 0"),
    ],
)
def test_bad_options(rng, options, message):
    X, y = problems.make_data(rng, 12, 4)
    with pytest.raises(ValueError, match=message):
        stability_path(X, y, **options)


def test_bad_types(rng):
    X, y = problems.make_data(rng, 12, 4)
    with pytest.raises(TypeError, match="complementary must be True or False, got 1"):
        stability_path(X, y, complementary=1)
    with pytest.raises(TypeError, match="fraction must be a real number"):
        stability_path(X, y, fraction="half")
    with pytest.raises(ValueError, match="y is missing"):
        stability_path(X)
    found = stability_path(X, y, **QUICK)
    with pytest.raises(ValueError, match="threshold must be"):
        found.selected(0.0)


def test_progress(rng, monkeypatch):
    X, y = problems.make_data(rng, 30, 4)
    seen = []

    class Bar:
        n = 0

        def __init__(self, total, unit):
            self.total, self.unit = total, unit

        def __enter__(self):
            return self

        def __exit__(self, *_):
            seen.append((self.total, self.n, self.unit))

        def update(self):
            self.n += 1

    monkeypatch.setitem(sys.modules, "tqdm", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "tqdm.auto", SimpleNamespace(tqdm=Bar))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    stability_path(X, y, progress=True, **QUICK)
    assert seen == [(12, 12, "subsample")]


# ---------------------------------------------------------------------------------------------
# The selector.


def test_the_selector_keeps_what_the_path_selects(rng):
    X, y = problems.make_data(rng, 80, 8)
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    options = {"n_subsamples": 12, "random_state": 0, "max_selected": 5, "standardize": True}
    found = stability_path(frame, y, n_alphas=30, **options)
    selector = clone(StabilitySelector(alphas=30, **options)).fit(frame, y)
    assert_array_equal(selector.frequencies_, found.max_frequencies)
    assert selector.expected_false_ == found.expected_false()
    support = np.sort(found.support())
    assert_array_equal(selector.get_support(indices=True), support)
    assert list(selector.get_feature_names_out()) == [list("abcdefgh")[j] for j in support]
    kept = selector.set_output(transform="pandas").transform(frame)
    pd.testing.assert_frame_equal(kept, frame.iloc[:, support])
    selector = StabilitySelector(alphas=30, **options)
    selector.fit(sp.csr_array(X), y)
    assert_array_equal(selector.transform(sp.csr_array(X)).toarray(), X[:, support])


def test_the_selector_in_a_pipeline(rng):
    X = rng.standard_normal((100, 30))
    y = X[:, 3] - 2.0 * X[:, 7] + 0.1 * rng.standard_normal(100)
    model = make_pipeline(StabilitySelector(random_state=0), Lasso(alpha=0.01)).fit(X, y)
    assert {3, 7} <= set(model[0].get_support(indices=True))
    assert model.score(X, y) > 0.9


def test_the_selector_without_a_bound(rng):
    X, y = problems.make_data(rng, 40, 6)
    selector = StabilitySelector(fraction=0.8, complementary=False, n_subsamples=5).fit(X, y)
    assert np.isnan(selector.expected_false_)
    with pytest.raises(ValueError, match="requires y to be passed"):
        selector.fit(X, None)


def test_check_estimator():
    selector = StabilitySelector(n_subsamples=4, alphas=10, max_selected=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_estimator(selector)


@pytest.mark.parametrize("weighted", [False, True])
def test_subsamples_hold_both_classes_in_equal_shares(rng, weighted):
    y = np.append(np.ones(11), np.zeros(60))
    weight = np.append(0.0, np.ones(70)) if weighted else None
    X = Design(rng.standard_normal((71, 3)), sample_weight=weight)
    design = X.with_target(y, loss="logistic")
    drawn = list(subsamples(design, 10, 0.5, True, 0))
    for first, second in zip(drawn[::2], drawn[1::2], strict=True):
        assert np.intersect1d(first, second).size == 0
        for part in (first, second):
            assert (y[part].sum(), len(part)) == (5, 35)
            assert not (weighted and 0 in part)
    share = X.with_target(0.2 + 0.5 * y, loss="logistic")
    two = (subsamples(each, 4, 0.5, True, 1) for each in (share, X.with_target(y)))
    for a, b in zip(*two, strict=True):
        assert_array_equal(a, b)
    with pytest.raises(ValueError, match=r"of class 1 with weight is 0; .*at least 1"):
        subsamples(design, 10, 0.04, True, 0)


@pytest.mark.parametrize("loss", ["logistic", "poisson", "squared_hinge"])
def test_stability_finds_the_features_of_other_losses(rng, loss):
    X = rng.standard_normal((300, 30))
    eta = X[:, :2] @ [1.2, -1.2]
    y = rng.poisson(np.exp(eta)) if loss == "poisson" else (eta + rng.logistic(size=300) > 0) * 1.0
    found = stability_path(X, y, loss=loss, n_subsamples=40, random_state=0)
    assert sorted(name for name, _ in found.selected()) == [0, 1]


@pytest.mark.parametrize("grouped", [False, True])
def test_features_enter_for_any_class(rng, grouped):
    X = rng.standard_normal((90, 8))
    y = np.digitize(X[:, 5] + 0.5 * X[:, 2] + 0.5 * rng.standard_normal(90), [-0.6, 0.6])
    fits = path(X, y, loss=losses.Multinomial(grouped), n_alphas=12, eps=0.1)
    design = as_design(X, y, None, None, None, None, losses.Multinomial(grouped))
    entries = Entries(Problem(design, Penalty()), 3, 0.75)
    entries.add(fits, np.ones(8))
    coefs = fits.coefs.toarray().reshape(8, -1, 3)
    size = np.linalg.norm(coefs, axis=2)
    first = np.where(size.any(axis=1), (size > 0).argmax(axis=1), 99)
    order = sorted(range(8), key=lambda j: (first[j], -size[j, min(first[j], 11)]))[:3]
    assert entries.features[0].tolist() == order
    assert entries.positions[0].tolist() == first[order].tolist()
    found = stability_path(X, y, loss="multinomial", n_subsamples=10, random_state=0)
    assert dict(found.selected())[5] == 1.0
