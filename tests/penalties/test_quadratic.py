"""Tikhonov's penalty: its formula, proximal steps, cuts, matrices for it, what it refuses."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast.nn import Tikhonov as InNetworks
from softreg_fast.penalties import Tikhonov, difference_matrix, graph_laplacian

FORMS = {
    "root": lambda D: {"root": D},
    "sparse root": lambda D: {"root": sp.csr_array(D)},
    "matrix": lambda D: {"matrix": D.T @ D},
    "sparse matrix": lambda D: {"matrix": sp.coo_array(D.T @ D)},
}


@pytest.fixture(params=FORMS)
def form(request):
    """Return a function from a root D to the arguments of Tikhonov."""
    return FORMS[request.param]


@pytest.fixture
def D(rng):
    return rng.standard_normal((4, 6)) * (rng.random((4, 6)) < 0.7)


def test_value_and_violation_are_the_formula(rng, form, array, D):
    penalty = Tikhonov(strength=0.7, **form(D))
    w, gradient = rng.standard_normal((2, 6))
    assert_allclose(penalty.value(array(w)), 0.35 * np.sum((D @ w) ** 2))
    assert_allclose(float(penalty.term(array(w))), penalty.value(w))
    found = np.asarray(penalty.violation(array(w), array(gradient), scale=2.0))
    assert_allclose(found, np.abs(gradient + 1.4 * D.T @ D @ w), atol=1e-12)


def test_proximal_points_are_stationary(rng, form, array, D):
    penalty = Tikhonov(strength=0.7, **form(D))
    z, t = rng.standard_normal(6), np.exp(2.0 * rng.standard_normal(6))
    x = np.asarray(penalty.prox(array(z), array(t), scale=3.0))
    assert np.asarray(penalty.violation(array(x), array((x - z) / t), scale=3.0)).max() <= 1e-9
    t[2] = 0.0
    assert np.asarray(penalty.prox(array(z), array(t)))[2] == z[2]
    single = np.asarray(penalty.prox(array(z.astype(np.float32)), 0.5))
    assert single.dtype == np.float32
    assert_allclose(single, penalty.prox(z, 0.5), rtol=1e-5, atol=1e-6)


def test_weights_of_any_shape(rng, array, D):
    penalty = Tikhonov(root=D)
    w, t = rng.standard_normal((2, 3)), rng.random((2, 3))
    assert_allclose(penalty.value(array(w)), penalty.value(w.ravel()))
    assert_allclose(
        penalty.prox(array(w), array(t)), penalty.prox(w.ravel(), t.ravel()).reshape(2, 3)
    )
    assert np.shape(penalty.violation(array(w), array(w))) == (2, 3)


def test_cuts_leave_the_value(rng, form, D):
    penalty = Tikhonov(strength=2.0, **form(D))
    w = rng.standard_normal((2, 3))
    w[:, 1] = 0.0
    left = penalty.take((2, 3), [None, np.array([0, 2])])
    assert_allclose(left.value(w[:, [0, 2]]), penalty.value(w))
    assert left.n_weights == 4


def test_networks_have_it_too():
    assert InNetworks is Tikhonov


@pytest.mark.parametrize("order", range(4))
def test_differences(rng, order):
    w = rng.standard_normal(9)
    D = difference_matrix(9, order)
    assert D.shape == (9 - order, 9)
    assert_allclose(D @ w, np.diff(w, order))
    assert_allclose(D @ np.arange(9.0) ** max(order - 1, 0), 0.0 if order else 1.0, atol=1e-12)


def test_laplacians_are_sums_over_edges(rng):
    A = rng.random((7, 7)) * (rng.random((7, 7)) < 0.4)
    A = A + A.T
    w = rng.standard_normal(7)
    edges = 0.5 * np.sum(A * (w[:, np.newaxis] - w) ** 2)
    for given in (A, sp.csc_array(A), sp.coo_matrix(A)):
        P = graph_laplacian(given)
        assert_allclose(w @ (P @ w), edges)
        assert_allclose(Tikhonov(matrix=P).value(w), 0.5 * edges)


def test_matrices_are_copied():
    D = np.eye(3)
    penalty = Tikhonov(root=D)
    D[:] = 5.0
    assert_array_equal(penalty.root, np.eye(3))


def test_rounding_is_no_fault(rng):
    D = np.diff(np.eye(60), 2, axis=0) * np.exp(rng.standard_normal(58))[:, np.newaxis]
    P = D.T @ D
    P += 1e-15 * rng.standard_normal(P.shape) * P.max()
    for given in (P, sp.csr_array(P)):
        stored = Tikhonov(matrix=given).matrix
        assert abs(stored - stored.T).max() == 0.0


INDEFINITE = np.array([[1.0, 2.0], [2.0, 1.0]])
BAD = {
    "neither": ({}, "neither was given"),
    "both": ({"matrix": np.eye(2), "root": np.eye(2)}, "both were given"),
    "vector": ({"root": np.ones(3)}, r"root has shape \(3,\); expected a matrix"),
    "not square": ({"matrix": np.ones((2, 3))}, r"matrix has shape \(2, 3\); expected a square"),
    "not symmetric": ({"matrix": np.array([[1.0, 0.5], [0.0, 1.0]])}, "is not symmetric"),
    "indefinite": ({"matrix": INDEFINITE}, "negative eigenvalue"),
    "indefinite, sparse": ({"matrix": sp.csr_array(INDEFINITE)}, "negative eigenvalue"),
    "negative": ({"matrix": -np.eye(3)}, "negative eigenvalue"),
    "NaN": ({"root": np.array([[np.nan, 1.0]])}, "root contains NaN or infinity"),
    "NaN, sparse": ({"matrix": sp.csr_array([[np.nan]])}, "matrix contains NaN or infinity"),
    "text": ({"matrix": np.array([["a"]])}, "matrix must hold real numbers"),
    "strength": ({"root": np.eye(2), "strength": -1.0}, "strength must be a number >= 0"),
}


@pytest.mark.parametrize(("settings", "said"), BAD.values(), ids=BAD)
def test_what_is_no_penalty_is_refused_in_one_sentence(settings, said):
    with pytest.raises((ValueError, TypeError), match=said) as error:
        Tikhonov(**settings)
    assert str(error.value).endswith(".")
    assert ". " not in str(error.value)


def test_other_shapes_are_refused(D):
    penalty = Tikhonov(root=D)
    said = r"is for 6 weights, but there are 5, of shape \(5,\)"
    w = np.zeros(5)
    for call in (
        lambda: penalty.value(w),
        lambda: penalty.prox(w, 1.0),
        lambda: penalty.violation(w, w),
        lambda: penalty.check_fits((5,)),
        lambda: penalty.take((5,), [None]),
    ):
        with pytest.raises(ValueError, match=said):
            call()
    with pytest.raises(ValueError, match="Steps t of a proximal step must be >= 0"):
        penalty.prox(np.zeros(6), -1.0)


def test_matrices_that_cannot_be_made():
    with pytest.raises(ValueError, match="order is 4, but 4 weights have differences of order 3"):
        difference_matrix(4, 4)
    with pytest.raises(ValueError, match="order must be an integer >= 0"):
        difference_matrix(4, -1)
    with pytest.raises(ValueError, match="adjacency is not symmetric"):
        graph_laplacian(np.array([[0, 1], [0, 0]]))
    with pytest.raises(ValueError, match="an edge of weight -1"):
        graph_laplacian(np.array([[0, -1], [-1, 0]]))
