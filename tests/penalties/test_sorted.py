"""SLOPE: its value, proximal step and violation, by sorted sums and by isotonic regression."""

import numpy as np
import penalty_oracles
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.isotonic import IsotonicRegression

from softreg_fast.penalties import L1, SLOPE

PENALTIES = {
    "bh": SLOPE(strength=0.4),
    "bh 0.5": SLOPE(strength=0.2, q=0.5),
    "oscar": SLOPE(strength=0.05, weights="oscar", q=0.2),
}

each_penalty = pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)


def by_isotonic_regression(z, t, lambdas):
    order = np.argsort(-np.abs(z), kind="stable")
    model = IsotonicRegression(increasing=False)
    falling = model.fit_transform(np.arange(z.size), np.abs(z)[order] - t * lambdas)
    x = np.zeros(z.size)
    x[order] = np.maximum(falling, 0.0)
    return np.sign(z) * x


@each_penalty
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_value_and_prox(rng, penalty, dtype):
    z = (2.0 * rng.standard_normal((3, 4, 5))).astype(dtype)
    lambdas = penalty.strength * penalty.lambdas(60)
    close = {"rtol": 1e-12} if dtype is np.float64 else {"rtol": 1e-5, "atol": 1e-6}
    assert penalty.value(z) == pytest.approx(
        float(penalty_oracles.sorted_l1(z.ravel(), lambdas)), rel=1e-5
    )
    for t in (0.0, 0.3, 2.0):
        x = penalty.prox(z, t)
        assert x.dtype == dtype
        assert x.shape == z.shape
        assert not np.signbit(x[x == 0.0]).any()
        right = by_isotonic_regression(z.ravel().astype(np.float64), t, lambdas)
        assert_allclose(x.ravel(), right, **close)
        assert penalty.violation(x, x - z, scale=t).max() <= (
            1e-13 if dtype is np.float64 else 1e-5
        )
    half = penalty.prox(z, 1.0, scale=0.5)
    assert_allclose(half, penalty.prox(z, 0.5), rtol=1e-6)


def test_ties_are_exactly_equal(rng):
    x = SLOPE(weights="oscar", q=0.9).prox(rng.uniform(50.0, 60.0, 50), 0.5)
    sizes = np.abs(x[x != 0.0])
    assert np.unique(sizes).size < sizes.size
    unique = np.unique(sizes)
    assert np.diff(unique).min(initial=np.inf) > 1e-12


@each_penalty
def test_steps_of_each_weight(rng, penalty):
    z = 2.0 * rng.standard_normal(40)
    t = np.exp(rng.standard_normal(40))
    x = penalty.prox(z, t)
    assert penalty.violation(x, (x - z) / t).max() <= 1e-12
    assert_allclose(penalty.prox(z, np.full(40, 0.7)), penalty.prox(z, 0.7), rtol=1e-12)
    t[::4] = 0.0
    x = penalty.prox(z, t)
    assert_array_equal(x[::4], z[::4])
    moving = t > 0.0
    objective = np.sum((x - z)[moving] ** 2 / (2.0 * t[moving])) + penalty.value(x)
    for size in (1e-4, 1e-2):
        for _ in range(20):
            other = x + size * rng.standard_normal(40) * moving
            there = np.sum((other - z)[moving] ** 2 / (2.0 * t[moving])) + penalty.value(other)
            assert there >= objective - 1e-8
    with pytest.raises(ValueError, match="must be >= 0, got -1"):
        penalty.prox(z, -1.0)


def test_subgradients_are_stationary(rng):
    penalty = SLOPE(weights=[4.0, 3.0, 2.0, 1.0, 0.5])
    w = np.array([-2.0, 0.0, 2.0, 5.0, 0.0])
    for _ in range(20):
        share = rng.random(3)
        one = np.array([3.0, 2.0])  # the lambdas of the cluster, in both orders
        tie = share[0] * one + (1.0 - share[0]) * one[::-1]
        zeros = share[1] * np.array([1.0, 0.5]) + (1.0 - share[1]) * np.array([-0.5, 1.0])
        slope = np.array([-tie[0], zeros[0], tie[1], 4.0, zeros[1]])
        assert_allclose(penalty.violation(w, -slope), 0.0, atol=1e-14)
    beyond = np.array([-3.5, 0.0, 1.5, 4.0, 0.0])  # the cluster would be split
    assert_allclose(penalty.violation(w, -beyond), [0.5, 0.0, 0.5, 0.0, 0.0])
    low = np.array([-2.0, 0.0, 2.0, 4.0, 2.0])  # the cluster would shrink, a zero would enter
    assert_allclose(penalty.violation(w, -low), [0.5, 0.0, 0.5, 0.0, 1.0])


def test_the_distance_is_the_least(rng):
    # at 0 the subdifferential is where sums of the largest sizes are at most those of the lambdas
    penalty = SLOPE(weights=[2.0, 1.0])
    angles = np.linspace(0.0, 2.0 * np.pi, 200_001)
    ball = np.stack([np.cos(angles), np.sin(angles)])
    ball /= np.maximum(np.abs(ball).max(axis=0) / 2.0, np.abs(ball).sum(axis=0) / 3.0)
    for g in 4.0 * rng.standard_normal((20, 2)):
        found = np.linalg.norm(penalty.violation(np.zeros(2), g))
        inside = np.abs(g).max() <= 2.0 and np.abs(g).sum() <= 3.0
        least = 0.0 if inside else np.min(np.linalg.norm(ball + g[:, np.newaxis], axis=0))
        assert_allclose(found, least, atol=1e-4)


def test_equal_weights_are_l1(rng):
    slope, l1 = SLOPE(strength=0.3, weights=np.ones(30)), L1(strength=0.3)
    w, g = rng.standard_normal((2, 30))
    w[::3] = 0.0
    assert slope.value(w) == pytest.approx(l1.value(w))
    assert_allclose(slope.prox(w, 0.8), l1.prox(w, 0.8), atol=1e-15)
    assert_allclose(slope.violation(w, g), l1.violation(w, g), atol=1e-15)


def test_named_weights():
    ranks = np.arange(1, 8)
    assert_allclose(SLOPE(q=0.2).lambdas(7), norm.isf(ranks * 0.2 / 14))
    assert_allclose(SLOPE(weights="oscar", q=0.2).lambdas(7), 1.0 + 0.2 * (7 - ranks))
    w = np.array([1.0, -3.0, 2.0])  # OSCAR: sum |w| + q sum of the larger of each pair
    assert SLOPE(weights="oscar", q=0.5).value(w) == pytest.approx(6.0 + 0.5 * (3.0 + 3.0 + 2.0))


def test_cut_weights_keep_their_lambdas():
    penalty = SLOPE(strength=0.5)
    left = penalty.take((4, 5), [np.array([0, 2]), None])
    assert_array_equal(left.weights, penalty.lambdas(20)[:10])
    assert left.strength == 0.5
    penalty.check_fits((4, 5))


def test_tensors(rng):
    torch = pytest.importorskip("torch")
    penalty = PENALTIES["bh"]
    z = 2.0 * rng.standard_normal((6, 5))
    w = torch.tensor(z, requires_grad=True)
    term = penalty.term(w)
    term.backward()
    assert term.item() == pytest.approx(penalty.value(z))
    assert_allclose(penalty.violation(z, -w.grad.numpy()), 0.0, atol=1e-14)
    for dtype in (torch.float64, torch.float32, torch.float16):
        x = penalty.prox(torch.tensor(z).to(dtype), 0.5)
        assert x.dtype == dtype
        atol = 1e-14 if dtype == torch.float64 else 1e-2
        assert_allclose(x.numpy(), penalty.prox(z, 0.5), atol=atol)
    found = penalty.violation(torch.tensor(z), torch.tensor(-z))
    assert_allclose(found.numpy(), penalty.violation(z, -z), atol=1e-14)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"weights": "bonferroni"}, "must be 'bh', 'oscar' or an array, got 'bonferroni'"),
        ({"weights": [3.0, 1.0, 2.0]}, r"must not rise, and weights\[2\] = 2.0 is larger"),
        ({"weights": [1.0, -1.0]}, r"weights\[1\] is -1.0; .* finite and >= 0"),
        ({"weights": [np.nan, 1.0]}, r"weights\[0\] is nan; .* finite and >= 0"),
        ({"weights": [np.inf, 1.0]}, r"weights\[0\] is inf; .* finite and >= 0"),
        ({"weights": [0.0, 0.0]}, "all 0, which penalises nothing"),
        ({"weights": []}, "or a vector of numbers, got"),
        ({"weights": [[1.0, 1.0]]}, "of shape"),
        ({"weights": 1.0}, "of shape"),
        ({"weights": [True, False]}, "got bool"),
        ({"q": 0.0}, "q must be a number > 0 and < 1, got 0.0"),
        ({"q": 1.0}, "q must be a number > 0 and < 1, got 1.0"),
        ({"q": "small"}, "q must be a number > 0 and < 1, got 'small'"),
        ({"strength": -1.0}, "strength must be"),
    ],
)
def test_bad_settings(settings, words):
    with pytest.raises(ValueError, match=words):
        SLOPE(**settings)


def test_weights_of_another_length():
    penalty = SLOPE(weights=[2.0, 1.0])
    for use in (penalty.value, lambda w: penalty.prox(w, 1.0), lambda w: penalty.violation(w, w)):
        with pytest.raises(ValueError, match="weights of SLOPE has 2 entries; expected 3, one for"):
            use(np.ones(3))
