"""The scripts in examples/ run, and their claims hold."""

import os
import runpy
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from oracles import problem_of

from softreg_fast import gradient_descent

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name):
    """Return the functions of an example."""
    return runpy.run_path(str(EXAMPLES / name), run_name="example")


SCRIPTS = sorted(set(EXAMPLES.glob("*.py")) - {EXAMPLES / "keras_sparse_dense.py"})  # below


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_runs_as_a_script(path, capsys, monkeypatch):
    if path.name.startswith("torch"):
        pytest.importorskip("torch")
    monkeypatch.setattr("sys.argv", [str(path)])
    runpy.run_path(str(path), run_name="__main__")
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) > 5
    assert not printed.err


# --- soft_regularisation.py -------------------------------------------------------------------


def numpy_descent(X, y, omega, strength, learning_rate, n_iter):
    """Return every hundredth iterate of gradient descent on J, by the formula of its gradient."""
    m = len(y)
    theta = np.zeros(X.shape[1])
    for iteration in range(1, n_iter + 1):
        slope = X.T @ (X @ theta - y) / m + strength / m * omega * theta
        theta = theta - learning_rate * slope
        if iteration % 100 == 0:
            yield iteration, theta


@pytest.mark.parametrize("columns", [1, 3])
def test_gradient_descent_follows_the_formula(columns):
    example = load("soft_regularisation.py")
    X, y = example["make_data"]()
    X = X ** np.arange(1, columns + 1)  # x alone, then with its square and cube
    omega = np.array([1.0, 0.0, 30.0][:columns])
    rate = example["LEARNING_RATE"]
    l2 = example["l2_vector"](len(y), omega)
    assert_allclose(l2, 0.1 * omega / 100)
    loop = numpy_descent(X, y, omega, 0.1, rate, 1000)
    chained = np.zeros(columns)
    for iteration, theta in loop:
        at_once = gradient_descent(X, y, learning_rate=rate, n_iter=iteration, l2=l2)
        chained = gradient_descent(X, y, learning_rate=rate, n_iter=100, l2=l2, coef_init=chained)
        assert_allclose(at_once, theta, rtol=0, atol=1e-12)
        assert_allclose(chained, theta, rtol=0, atol=1e-12)


def test_soft_regularisation_claims(capsys):
    example = load("soft_regularisation.py")
    theta, exact, fit = example["main"]()
    X, y = example["make_data"]()
    assert X.shape == (100, 1)
    assert ((X >= 0) & (X <= 2)).all()
    assert abs(exact - 4) < 0.5  # the slope in the generated data
    problem = problem_of(X, y, l2=0.1 * np.ones(1) / 100, fit_intercept=False)
    assert np.max(problem.kkt(exact, 0.0)) < 1e-15
    assert_allclose(fit.coef, exact, rtol=1e-9)
    assert fit.converged

    # each step leaves the printed fraction of the distance, so a thousand leave its power
    rate = example["contraction"](X, [1.0])
    assert_allclose(abs(theta - exact), abs(exact) * rate**1000, rtol=1e-6)
    assert f"leaves {rate:.4f} of the way" in capsys.readouterr().out
    settled = gradient_descent(
        X, y, learning_rate=example["LEARNING_RATE"], n_iter=3000, l2=0.1 / 100
    )
    assert_allclose(settled, exact, rtol=1e-13)


# --- sparse_truth.py --------------------------------------------------------------------------


def test_sparse_truth_claims(capsys):
    example = load("sparse_truth.py")
    first, final, truth = example["main"]()
    printed = capsys.readouterr().out
    support = np.flatnonzero(truth)
    assert len(support) == 10
    assert set(support) <= set(np.flatnonzero(first.coef))
    assert first.df > 10
    assert np.array_equal(np.flatnonzero(final.coef), support)
    assert np.array_equal(np.sign(final.coef), np.sign(truth))
    assert_allclose(final.coef, truth, atol=0.2)
    assert "is the true one" in printed

    (X, y), _, _ = example["make_data"]()
    with np.errstate(divide="ignore"):
        weights = 1 / np.abs(first.coef)
    problem = problem_of(X, y, alpha=first.alpha, l1_weights=weights)
    certificate = problem.certificate(final.coef, final.intercept)
    assert certificate.gap <= 1.01 * final.gap + 1e-15 * problem.null_loss
    assert f"at most {final.gap:.1e} above" in printed


# --- smooth_curves.py -------------------------------------------------------------------------


def test_smooth_curves_claims():
    example = load("smooth_curves.py")
    x, y = example["make_data"]()
    found = example["smooth"](x, y)
    grid = np.linspace(0.0, 1.0, 300)
    basis, curve = example["splines"](grid), example["truth"](grid)
    errors = np.sqrt(np.mean((found.path.predict(basis) - curve[:, np.newaxis]) ** 2, axis=0))
    assert errors[found.index] < 0.1
    assert errors[found.index] < 0.3 * min(errors[0], errors[-1])
    assert found.path.converged


# --- torch_sparse_dense.py --------------------------------------------------------------------


def test_a_network_finds_its_inputs():
    torch = pytest.importorskip("torch")
    from softreg_fast.nn import compact

    example = load("torch_sparse_dense.py")
    _, dense_error = example["train"](0.0)
    model, error = example["train"](example["STRENGTH"])
    assert torch.nonzero((model[0].weight != 0).any(0))[:, 0].tolist() == [0, 1, 2]
    assert int((model[2].weight != 0).sum()) < 32
    assert error < dense_error
    n_units = int((model[2].weight != 0).sum())
    X = torch.randn(50, 10)
    before = model(X).detach()
    report = compact(model, X[:1])
    assert model[0].out_features == model[2].in_features == n_units
    assert report.unused_inputs == {"input": (1, [3, 4, 5, 6, 7, 8, 9])}
    assert_allclose(model(X).detach().numpy(), before.numpy(), rtol=1e-4, atol=1e-5)


# --- keras_sparse_dense.py --------------------------------------------------------------------


# from PyTorch's tensors, which Keras passes to NumPy
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_keras_network_finds_its_inputs(capsys):
    pytest.importorskip(os.environ.get("KERAS_BACKEND", "torch"))
    keras = pytest.importorskip("keras")
    example = load("keras_sparse_dense.py")
    (_, dense_error, _), (model, error, zeros) = example["main"]()
    printed = capsys.readouterr()
    assert "inputs used                [0, 1, 2]\n" in printed.out
    assert not printed.err
    first, second = (keras.ops.convert_to_numpy(layer.kernel) for layer in model.layers)
    assert np.flatnonzero((first != 0).any(1)).tolist() == [0, 1, 2]
    assert int((second != 0).sum()) < 32
    assert error < dense_error
    used = (first != 0).sum() + (second != 0).sum()
    assert_allclose(zeros[-1], 1.0 - used / (first.size + second.size))


# --- torch_path.py ----------------------------------------------------------------------------


def test_a_network_with_a_fifth_of_its_weights_reads_as_well():
    torch = pytest.importorskip("torch")
    example = load("torch_path.py")
    torch.manual_seed(0)
    training, validation, test = example["make_data"]()
    found = example["search"](training, validation)
    assert found.density[0] == 1.0
    assert found.density[found.index] < 0.2
    dense, chosen = (example["accuracy"](found.model(k), *test)[0] for k in (0, None))
    assert chosen > dense - 0.02


# --- categories.py, less_bias.py, clusters.py -------------------------------------------------


def test_categories_claims():
    pandas = pytest.importorskip("pandas")
    example = load("categories.py")
    found = example["main"]()
    frame, y = example["make_data"]()
    fit = found.path[found.index]
    X = pandas.get_dummies(frame, dtype=float, prefix_sep="=")[fit.feature_names].to_numpy()
    origin = np.array([name.partition("=")[0] for name in fit.feature_names])
    assert len(origin) == sum(example["LEVELS"].values()) + 2
    assert {name for name, _ in fit.selected()} == {"region", "roof", "size"}
    inside = set(origin[fit.coef != 0.0])
    assert inside == {"region", "roof", "size"}
    for name in inside:  # a column enters as a whole
        assert (fit.coef[origin == name] != 0.0).all()
    # the step that the norms of groups allow: S(w - gradient), with roots of sizes as weights
    w = fit.coef - X.T @ (X @ fit.coef + fit.intercept - y) / len(y)
    for name in set(origin):
        size, part = (origin == name).sum(), w[origin == name]
        rest = max(1.0 - fit.alpha * np.sqrt(size) / np.linalg.norm(part), 0.0)
        assert_allclose(rest * part, fit.coef[origin == name], atol=2e-3)


def test_less_bias_claims():
    example = load("less_bias.py")
    fits, truth = example["main"]()
    true = truth != 0.0
    for fit in fits.values():
        assert (fit.coef[true] != 0.0).all()
    false = {name: np.count_nonzero(fit.coef[~true]) for name, fit in fits.items()}
    bias = {name: 2.0 - np.abs(fit.coef[true]).mean() for name, fit in fits.items()}
    assert false["MCP"] < false["L1"] / 10
    assert abs(bias["MCP"]) < 0.05 < 0.1 < bias["L1"]
    assert fits["MCP"].stationarity < 1e-10
    assert fits["L1"].relative_gap < 1e-10


def test_clusters_claims():
    example = load("clusters.py")
    fit, lasso, truth = example["main"]()
    assert set(np.flatnonzero(truth)) <= set(np.flatnonzero(fit.coef))
    clusters = [members for members in fit.clusters() if members[0] < 10]
    assert max(map(len, clusters)) >= 3
    for members in clusters:
        assert len(np.unique(np.abs(fit.coef[members]))) == 1
        assert len(set(example["GROUP"][members])) == 1
    error = [np.abs(each.coef - truth)[:10].mean() for each in (fit, lasso)]
    assert error[0] < error[1]
    assert fit.relative_gap < 1e-12
