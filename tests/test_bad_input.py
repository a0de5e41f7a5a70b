"""Invalid input: an error that says so, no crash, and no input modified.

Every message must say what was given and what was expected; the pattern beside a case checks both.
Run as a script, this file passes every malformed sparse matrix to every function.
"""

import inspect
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from problems import snapshot
from sklearn.model_selection import GroupKFold

from softreg_fast import (
    Design,
    ElasticNet,
    Lasso,
    LassoCV,
    MultiTaskLasso,
    Path,
    Penalty,
    Ridge,
    RidgeCV,
    cv_path,
    effective_n_threads,
    enet_path,
    gradient_descent,
    lasso_path,
    path,
    relaxed_path,
    solve,
    stability_path,
)
from softreg_fast.data.design import MultiTaskDesign

INF, NAN = np.inf, np.nan
N, P = 12, 4


def _fitter(Estimator):
    def fit(X, y, sample_weight=None, **params):
        return Estimator(**params).fit(X, y, sample_weight=sample_weight)

    fit.__signature__ = inspect.signature(Estimator)
    return fit


FACES = {
    "solve": solve,
    "path": path,
    "Lasso": _fitter(Lasso),
    "ElasticNet": _fitter(ElasticNet),
    "Ridge": _fitter(Ridge),
}


def good():
    """Return arguments that every entry point can fit."""
    rng = np.random.default_rng(0)
    X = np.asfortranarray(rng.standard_normal((N, P)))
    return {"X": X, "y": X @ [3.0, -2.0, 0.0, 1.0] + rng.standard_normal(N)}


def put(array, k, value):
    """Return a copy with entry k, counted row by row, replaced."""
    array = np.array(array, dtype=np.result_type(array, type(value)))
    array.flat[k] = value
    return array


GOOD = good()
X, y = GOOD["X"], GOOD["y"]
ONES = np.ones(N)


def cases():
    """Yield (entry point, name, arguments, error, pattern)."""
    for name, arguments, error, pattern in _cases():
        for face, function in FACES.items():
            known = {"X", "y", "sample_weight", *inspect.signature(function).parameters}
            if set(arguments) <= known:
                yield pytest.param(function, arguments, error, pattern, id=f"{face}: {name}")


def _cases():
    yield from _matrices()
    yield from _targets()
    yield from _sample_weights()
    yield from _numbers()
    yield from _vectors()
    yield from _choices()


def _matrices():
    frame = pd.DataFrame(X.copy(), columns=list("abcd"))
    frame.loc[3, "c"] = NAN
    for name, bad, pattern in [
        ("NaN", put(X, 5, NAN), "X contains NaN, the first in feature 1; leave out"),
        ("infinity", put(X, 7, INF), "X contains infinity, the first in feature 3; leave out"),
        ("-infinity", put(X, 7, -INF), "X contains infinity, the first in feature 3"),
        ("NaN in float32", put(X, 5, NAN).astype(np.float32), "X contains NaN"),
        ("NaN in CSC", sp.csc_array(put(X, 5, NAN)), "X contains NaN, the first in feature 1"),
        ("NaN in CSR", sp.csr_matrix(put(X, 5, NAN)), "X contains NaN, the first in feature 1"),
        ("NaN in a frame", frame, "X contains NaN, the first in feature c; leave out"),
        ("NaN in polars", pl.DataFrame(put(X, 5, NAN)), "X contains NaN"),
        ("NaN in lists", put(X, 5, NAN).tolist(), "X contains NaN"),
        ("None in lists", [[1.0, None]] * N, "X contains NaN"),
        (
            "too large",
            1.7e308 * np.sign(X),
            "feature 0 .* leave the range of float64 .* divide the column",
        ),
        ("one dimension", X[:, 0], "Expected 2D array, got 1D .*Reshape your data"),
        ("three dimensions", X[:, :, None], "X must hold .* dim 3.* <= 2"),
        ("no rows", X[:0], r"X .* 0 sample\(s\) .* minimum of 1 is required"),
        ("no columns", X[:, :0], r"X .* 0 feature\(s\) .* minimum of 1 is required"),
        ("sparse without rows", sp.csr_array((0, P)), r"0 sample\(s\) .* minimum of 1"),
        ("sparse without columns", sp.csc_array((N, 0)), r"0 feature\(s\) .* minimum of 1"),
        ("a number", 3.0, "X must hold real numbers.* got scalar"),
        ("None", None, "X is None; expected an array"),
        ("a word", "abc", "X must hold real numbers"),
        ("words", np.full((N, P), "a"), "X must hold real numbers, but it holds text: expand"),
        (
            "objects",
            np.full((N, P), "a", object),
            "X must hold real numbers, but it holds text: expand",
        ),
        ("ragged lists", [[1, 2], [3]], "X must hold real numbers, one row for each sample"),
        ("complex", X + 1j, "Complex data not supported: X has dtype complex128; use real"),
        ("complex lists", (X + 1j).tolist(), "Complex data not supported: X has dtype complex128"),
        ("sparse complex", sp.csc_array(X + 1j), "Complex data not supported: X has dtype comp"),
    ]:
        yield f"X, {name}", {"X": bad}, ValueError, pattern
    for name, bad, pattern in [
        ("dictionaries", np.full((N, P), {}, object), "X must hold real.* string or a real number"),
        (
            "dates",
            np.full((N, P), np.datetime64("2020-01-01")),
            "holds dates or durations: turn them",
        ),
        (
            "durations",
            np.full((N, P), np.timedelta64(1, "s")),
            "holds dates or durations: turn them",
        ),
    ]:
        yield f"X, {name}", {"X": bad}, TypeError, pattern


def _targets():
    for name, bad, pattern in [
        ("NaN", put(y, 5, NAN), "y contains NaN; leave out"),
        ("infinity", put(y, 5, -INF), "y contains infinity; leave out"),
        ("NaN in pandas", pd.Series(put(y, 5, NAN)), "y contains NaN"),
        ("too large", y * 1e200, "largest .y. is .* divide y by a constant"),
        ("short", y[:-1], "inconsistent numbers of samples: X has 12, y has 11"),
        ("long", np.append(y, 1.0), "inconsistent numbers of samples: X has 12, y has 13"),
        ("empty", y[:0], r"y .* 0 sample\(s\) .* minimum of 1"),
        ("a number", 1.0, "y is 1.0; expected one target value for each row"),
        ("None", None, "y.*(missing|None); give one target value for each row of X"),
        (
            "words",
            np.full(N, "a"),
            "y must hold .* holds classes: .* code two classes as 0 and 1",
        ),
        ("complex", y + 1j, "Complex data not supported: y has dtype complex128; use real"),
        ("three dimensions", y[:, None, None], r"y has shape \(12, 1, 1\); expected"),
        ("no targets", np.zeros((N, 0)), r"y .* 0 feature\(s\)|y has shape \(12, 0\)"),
    ]:
        yield f"y, {name}", {"y": bad}, ValueError, pattern
    yield "y, sparse", {"y": sp.csc_array(y[:, None])}, TypeError, "y .* dense data is required"


def _sample_weights():
    for name, bad, pattern in [
        ("NaN", put(ONES, 3, NAN), "sample_weight contains NaN or infinity; .* finite"),
        ("infinity", put(ONES, 3, INF), "sample_weight contains NaN or infinity; .* finite"),
        ("negative", put(ONES, 3, -2.0), "sample_weight contains negative .*-2.* use weights >= 0"),
        ("a negative number", -1.0, "sample_weight contains negative .* use weights >= 0"),
        ("all zero", 0.0 * ONES, "sample_weight is zero for every .* must be positive"),
        ("zero", 0.0, "sample_weight is zero for every .* must be positive"),
        ("short", ONES[:5], r"sample_weight has shape \(5,\), X has 12 .* one weight for each"),
        ("a column", ONES[:, None], r"sample_weight has shape \(12, 1\), X has 12 samples"),
    ]:
        yield f"sample_weight, {name}", {"sample_weight": bad}, ValueError, pattern
    for name, bad, pattern in [
        ("words", ["a"] * N, "sample_weight has dtype <U1; use real numbers"),
        ("complex", ONES + 1j, "sample_weight has dtype complex128; use real numbers"),
        ("objects", ONES.astype(object), "sample_weight has dtype object; use real numbers"),
    ]:
        yield f"sample_weight, {name}", {"sample_weight": bad}, TypeError, pattern


def _numbers():
    """Yield cases of scalar arguments outside their ranges."""
    finite = "must be a finite number"
    for name, bad, pattern in [
        ("alpha", [-1.0, NAN, INF, -INF], f"{finite} >= 0"),
        ("l1_ratio", [-0.1, 1.1, NAN, INF], rf"{finite} in \[0, 1\]"),
        ("tol", [-1.0, NAN, INF], f"{finite} >= 0"),
        ("eps", [0.0, -1.0, 1.5, NAN], rf"{finite} in \(0, 1\]"),
        ("max_dev_ratio", [-0.1, 1.1, NAN], rf"{finite} in \[0, 1\]"),
        ("max_df", [-1, NAN], f"{finite} >= 0"),
        ("gram_memory", [-1.0, NAN, INF], f"{finite} >= 0"),
        ("max_iter", [0, -1, True, 2.5, "2", INF, 1j], "must be an integer >= 1"),
        ("n_alphas", [0, -1, True, 2.5, "2", None, INF], "must be an integer >= 1"),
    ]:
        for value in bad:
            yield (
                f"{name}={value!r}",
                {name: value},
                ValueError,
                f"^{name} {pattern}, got {re.escape(repr(value))}",
            )
    for name in ("alpha", "l1_ratio", "tol", "eps", "max_dev_ratio", "max_df", "gram_memory"):
        for value in (True, np.True_, "1.0", 1j, {}, b"1"):
            pattern = f"^{name} must be a real number, got .*{type(value).__name__[:4]}"
            yield f"{name}={value!r}", {name: value}, TypeError, pattern
    for value in (True, 2.0, "2", NAN):
        pattern = f"n_threads must be an integer or None, got {value!r}"
        yield f"n_threads={value!r}", {"n_threads": value}, TypeError, pattern
    yield (
        "n_threads=0",
        {"n_threads": 0},
        ValueError,
        "n_threads=0 .* use None or -1 for every core",
    )
    for name in ("fit_intercept", "standardize", "positive"):
        for value in ("yes", 1, NAN):
            pattern = f"{name} must be True or False, got {value!r}"
            yield f"{name}={value!r}", {name: value}, TypeError, pattern


def _vectors():
    """Yield cases of weights, bounds, grids and starting points."""
    for name in ("l1_weights", "l2_weights"):
        for what, bad, pattern in [
            ("short", [1.0, 1.0], r"has shape \(2,\); expected .* shape \(4,\)"),
            ("a column", np.ones((P, 1)), r"has shape \(4, 1\); expected .* shape \(4,\)"),
            ("negative", [1, -1, 1, 1], r"\[1\] is -1.0; every entry must be >= 0"),
            ("a negative number", -1.0, r"\[0\] is -1.0; every entry must be >= 0"),
            ("NaN", [1, 1, NAN, 1], r"\[2\] is nan; every entry must be >= 0"),
        ]:
            yield f"{name}, {what}", {name: bad}, ValueError, f"^{name}{pattern}| {pattern}"
        for what, bad in [("words", "a"), ("complex", 1j), ("objects", [None] * P)]:
            yield f"{name}, {what}", {name: bad}, TypeError, f"{name} must hold real numbers, got"
        excluded = {name: [1, INF, 1, 1], "bounds": (0.5, 2.0)}
        pattern = r"Feature 1 is excluded .* bounds \[0.5, 2\] leave out 0; widen the bounds or"
        yield f"{name}, excluded from 0", excluded, ValueError, pattern
    empty = "which holds no number; give lower <= upper"
    for what, bad, pattern in [
        ("crossed", (1.0, -1.0), rf"bounds of feature 0 are \[1, -1\], {empty}"),
        ("crossed at one", ([0, 0, 2, 0], 1.0), rf"bounds of feature 2 are \[2, 1\], {empty}"),
        ("all above", (INF, INF), rf"bounds of feature 0 are \[inf, inf\], {empty}"),
        ("all below", (-INF, -INF), rf"bounds of feature 0 are \[-inf, -inf\], {empty}"),
        ("lower NaN", (NAN, 1.0), "lower bound of feature 0 is NaN; use a number"),
        ("upper NaN", (None, [1, 1, NAN, 1]), "upper bound of feature 2 is NaN; use a number"),
        ("short", ([0.0, 0.0], 1.0), r"lower bounds has shape \(2,\); expected .* \(4,\)"),
        ("three", (1, 2, 3), r"bounds must be a pair \(lower, upper\), got \(1, 2, 3\)"),
        ("a number", 3.0, r"bounds must be a pair \(lower, upper\), got 3.0"),
        ("one pair each", [(0, 1)] * P, r"bounds must be a pair \(lower, upper\)"),
    ]:
        yield f"bounds, {what}", {"bounds": bad}, ValueError, pattern
    positive = {"bounds": (None, -1.0), "positive": True}
    pattern = r"feature 0 are \[0, -1\] \(positive=True asks for w >= 0\)"
    yield "bounds, positive and negative", positive, ValueError, pattern
    for what, bad in [("words", ("a", "b")), ("complex", (0.0, 1j))]:
        yield f"bounds, {what}", {"bounds": bad}, TypeError, "bounds must hold real numbers, got"
    for what, bad, pattern in [
        ("none", [], r"alphas must be a vector .* got shape \(0,\)"),
        ("a matrix", [[1.0, 2.0]], r"alphas must be a vector .* got shape \(1, 2\)"),
        ("a number", 0.5, r"alphas must be a vector .* got shape \(\); .* use \[alpha\]"),
        ("NaN", [1.0, NAN], r"alphas\[1\] == nan, must be >= 0.0 and finite"),
        ("infinity", [INF, 1.0], r"alphas\[0\] == inf, must be >= 0.0 and finite"),
        ("negative", [1.0, -1.0], r"alphas\[1\] == -1.0, must be >= 0.0 and finite"),
        ("too few", 0, "n_alphas must be an integer >= 1, got 0"),
    ]:
        yield f"alphas, {what}", {"alphas": bad}, ValueError, pattern
    for what, bad in [("words", ["a"]), ("complex", [1j]), ("bools", [True]), ("None", [None])]:
        pattern = rf"alphas\[0\] must be an instance of float, not {type(bad[0]).__name__}"
        yield f"alphas, {what}", {"alphas": bad}, TypeError, pattern
    for what, bad, pattern in [
        ("short", np.zeros(3), r"coef_init has shape \(3,\); expected .* \(4,\)"),
        ("a number", 1.0, r"coef_init has shape \(\); expected .* \(4,\)"),
        ("NaN", [NAN] * P, "coef_init contains NaN or infinity; start from finite"),
    ]:
        yield f"coef_init, {what}", {"coef_init": bad}, ValueError, pattern
    for what, bad in [("words", ["a"] * P), ("complex", [1j] * P)]:
        yield f"coef_init, {what}", {"coef_init": bad}, TypeError, "coef_init must hold real numbe"
    gram = X.T @ X
    for what, bad, pattern in [
        ("a word", "yes", "precompute must be True, False, 'auto' or .*; got 'yes'"),
        ("a number", 1, r"precompute has shape \(\), expected \(4, 4\)"),
        ("small", gram[:3, :3], r"precompute has shape \(3, 3\), expected \(4, 4\)"),
        ("NaN", put(gram, 0, NAN), "precompute contains NaN or infinity; pass X.T @ X"),
        ("NaN at the end", put(gram, 15, NAN), "precompute contains NaN or infinity; pass X.T"),
        ("of other data", np.eye(P), "Gram matrix .* did not pass validation.* or precompute=True"),
        ("wrong at the start", put(gram, 0, 9.9), "did not pass validation"),
    ]:
        yield f"precompute, {what}", {"precompute": bad}, ValueError, pattern
    for what, bad in [("complex", gram + 1j), ("objects", gram.astype(object))]:
        pattern = "precompute must be .* the matrix X'X, got .* data"
        yield f"precompute, {what}", {"precompute": bad}, TypeError, pattern


def _choices():
    for value in ("newton", "CD", None, 3):
        pattern = f"solver must be one of auto, cd, .*; got {value!r}"
        yield f"solver={value!r}", {"solver": value}, ValueError, pattern
    for value in ("forward", None):
        pattern = f"selection must be 'cyclic' or 'random', got {value!r}"
        yield f"selection={value!r}", {"selection": value}, ValueError, pattern
    seed = {"selection": "random", "random_state": "a"}
    yield "random_state, a word", seed, ValueError, "'a' cannot be used to seed"
    yield "callback=3", {"callback": 3}, TypeError, "callback must be a function .* got 3"


@pytest.mark.parametrize("solver", ["auto", "cd", "gradient"])
def test_as_many_epochs_as_there_can_be(solver):
    fit = solve(X, y, alpha=0.1, solver=solver, max_iter=sys.maxsize)
    assert_allclose(fit.coef, solve(X, y, alpha=0.1).coef, rtol=1e-3, atol=1e-3)
    for call in (solve, path, cv_path, lasso_path):
        with pytest.raises(ValueError, match=f"max_iter must be an integer <= {sys.maxsize}, got"):
            call(X, y, max_iter=10**30)
    for make in (Lasso, ElasticNet, Ridge, LassoCV):
        with pytest.raises(ValueError, match=f"max_iter must be an integer <= {sys.maxsize}, got"):
            make(max_iter=10**30).fit(X, y)


# in solve and path None means the Design's value; estimators have no Design
@pytest.mark.parametrize("name", ["fit_intercept", "standardize"])
@pytest.mark.parametrize("estimator", [Lasso, ElasticNet, Ridge])
def test_estimators_want_true_or_false(estimator, name):
    with pytest.raises(TypeError, match=f"{name} must be True or False, got None"):
        estimator(**{name: None}).fit(X, y)


@pytest.mark.parametrize(("function", "change", "error", "pattern"), list(cases()))
def test_says_what_is_wrong(function, change, error, pattern):
    arguments = {**good(), **change}
    arrays = [value for value in arguments.values() if isinstance(value, np.ndarray)]
    arrays += [value for value in arguments.values() if sp.issparse(value)]
    before = snapshot(*arrays)
    with pytest.raises((ValueError, TypeError)) as caught:
        function(**arguments)
    assert isinstance(caught.value, error), repr(caught.value)
    assert re.search(pattern, str(caught.value), re.DOTALL), str(caught.value)
    assert snapshot(*arrays) == before


@pytest.mark.parametrize("face", FACES)
def test_the_good_arguments_are_good(face):
    FACES[face](**good())


@pytest.mark.parametrize("face", FACES)
def test_one_dimensional_sparse(face):
    vector = sp.coo_array(ONES)
    if vector.ndim == 2:
        pytest.skip("this SciPy knows no sparse vectors")
    with pytest.raises(ValueError, match=r"X must be two-dimensional, got .* \(12,\)"):
        FACES[face](vector, y)


def test_targets_one_at_a_time():
    Y = np.c_[y, y]
    for function in (solve, path, Design):
        with pytest.raises(ValueError, match=r"y has shape \(12, 2\); expected a vector \(12,\)"):
            function(X, Y)


@pytest.mark.parametrize(
    ("alpha", "pattern"),
    [
        ([1.0, 2.0, 3.0], r"alpha has shape \(3,\); expected one number, or one for each of .* 2"),
        ([[1.0, 2.0]], r"alpha has shape \(1, 2\); expected one number, or one for each of .* 2"),
        ([], r"alpha has shape \(0,\); expected one number"),
        ([1.0, -2.0], "alpha must be a finite number >= 0, got .*-2.0"),
        ([1.0, NAN], "alpha must be a finite number >= 0, got .*nan"),
        (["1", "2"], "alpha must be a real number, got .*1"),
        ([1.0, None], "alpha must be a real number, got None"),
    ],
)
def test_alpha_of_each_target(alpha, pattern):
    with pytest.raises((ValueError, TypeError), match=pattern):
        Ridge(alpha=alpha).fit(X, np.c_[y, y])


def test_one_target_takes_one_alpha():
    with pytest.raises(
        ValueError, match=r"alpha has shape \(2,\); expected .* each of the 1 targets"
    ):
        Ridge(alpha=[1.0, 2.0]).fit(X, y)


@pytest.mark.parametrize("solver", ["cholesky", "cg"])
@pytest.mark.parametrize("change", [{"alpha": 1.0}, {"l1_ratio": 0.0, "bounds": (0.0, 1.0)}])
def test_solvers_for_l2_alone(solver, change):
    with pytest.raises(
        ValueError, match=r"solves pure L2 problems; .* use solver='auto', 'cd' or 'grad"
    ):
        solve(X, y, solver=solver, **change)


def test_one_way_to_say_the_penalty():
    for change in ({"alpha": 2.0}, {"l1_ratio": 0.5}, {"l1_weights": np.ones(P)}):
        (name,) = change
        with pytest.raises(ValueError, match=f"l1 and l2 give the penalty outright, but {name}"):
            solve(X, y, l1=1.0, **change)
        with pytest.raises(ValueError, match=f"but {name} was given too; use either"):
            Penalty(l2=np.ones(P), **change)


def test_a_design_without_a_target():
    for function in (solve, path):
        with pytest.raises(ValueError, match="This Design has no target; give y"):
            function(Design(X))


@pytest.mark.parametrize("function", [lasso_path, enet_path])
def test_paths_of_sklearn_check_too(function):
    with pytest.raises(ValueError, match="X contains NaN"):
        function(put(X, 5, NAN), y)
    with pytest.raises(ValueError, match="Unexpected parameters in params: n_alpha"):
        function(X, y, n_alpha=3)
    if function is enet_path:
        for alphas in (None, 5):
            with pytest.raises(ValueError, match=r"not supported for l1_ratio=0.*supply a grid"):
                function(X, y, l1_ratio=0.0, alphas=alphas)


@pytest.mark.parametrize("bad", [0, True, 1.0, "1"])
def test_number_of_threads(bad):
    with pytest.raises((ValueError, TypeError), match=rf"n_threads.*{bad}"):
        effective_n_threads(bad)


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        ({"learning_rate": 0.0}, "learning_rate must be a finite number > 0, got 0.0"),
        ({"learning_rate": NAN}, "learning_rate must be a finite number > 0, got nan"),
        ({"learning_rate": True}, "learning_rate must be a real number, got True"),
        ({"learning_rate": 50.0}, "diverged with learning_rate=50.0; .* Use a smaller one"),
        ({"learning_rate": 1e300}, r"diverged with learning_rate=1e\+300"),
        ({"n_iter": -1}, "n_iter must be an integer >= 0, got -1"),
        ({"n_iter": 2.5}, "n_iter must be an integer >= 0, got 2.5"),
        ({"l2": -1.0}, r"l2\[0\] is -1.0; every entry must be >= 0"),
        ({"l2": [1.0, 2.0]}, r"l2 has shape \(2,\); expected .* \(4,\)"),
        ({"coef_init": [0.0]}, r"coef_init .*\(1,\)"),
        ({"coef_init": [NAN] * P}, "coef_init .*(finite|NaN)"),
        ({"coef_init": ["a"] * P}, "coef_init must hold real numbers"),
        ({"sample_weight": -ONES}, "sample_weight contains negative"),
        ({"X": put(X, 5, NAN)}, "X contains NaN"),
    ],
)
def test_gradient_descent(change, pattern):
    arguments = {**good(), "learning_rate": 0.01, **change}
    with pytest.raises((ValueError, TypeError), match=pattern):
        gradient_descent(**arguments)


@pytest.mark.parametrize("face", FACES)
def test_predict(face):
    fitted = FACES[face](X, y)
    with pytest.raises(ValueError, match=r"3 features.*4"):
        fitted.predict(X[:, :3])
    with pytest.raises(ValueError, match="NaN"):
        fitted.predict(put(X, 5, NAN))
    with pytest.raises(ValueError, match="1D array"):
        fitted.predict(X[0])
    if isinstance(fitted, Path):
        with pytest.raises(ValueError, match=r"alpha=1e\+300 lies outside this path \(.* to .*\)"):
            fitted.predict(X, alpha=1e300)


# --- malformed sparse matrices ----------------------------------------------------------------

FORMATS = {
    "csc_array": sp.csc_array,
    "csc_matrix": sp.csc_matrix,
    "csr_array": sp.csr_array,
    "csr_matrix": sp.csr_matrix,
}
# A compressed matrix with values 1 .. 5 at these positions; each defect replaces one part.
SOUND = {
    "data": [1.0, 2.0, 3.0, 4.0, 5.0],
    "indices": [0, 2, 1, 3, 0],
    "indptr": [0, 2, 4, 5],
}
DEFECTS = {
    "index too large": ({"indices": [0, 2, 1, 4, 0]}, r"index 4 is outside 0\.\.3"),
    "index huge": ({"indices": [0, 2, 1, 2**31 - 1, 0]}, r"index 2147483647 is outside 0\.\.3"),
    "index negative": ({"indices": [0, -1, 1, 3, 0]}, r"index -1 is outside 0\.\.3"),
    "indptr falls": ({"indptr": [0, 4, 2, 5]}, "indptr decreases .* at position 2"),
    "indptr negative": ({"indptr": [0, -2, 4, 5]}, "indptr decreases .* at position 1"),
    "indptr leaves in between": ({"indptr": [0, 20, 4, 5]}, "indptr .* leaves .* position 1"),
    "indptr starts late": ({"indptr": [1, 2, 4, 5]}, "indptr does not start with 0"),
    "indptr ends late": ({"indptr": [0, 2, 4, 9]}, "indptr ends beyond the stored entries"),
    "indptr short": ({"indptr": [0, 2, 5]}, "wrong lengths for its shape"),
    "indptr long": ({"indptr": [0, 2, 4, 5, 5]}, "wrong lengths for its shape"),
    "indptr empty": ({"indptr": []}, "wrong lengths for its shape"),
    "indices short": ({"indices": [0, 2, 1, 3]}, "wrong lengths for its shape"),
    "data short": ({"data": [1.0, 2.0, 3.0, 4.0]}, "wrong lengths for its shape"),
    "indices a matrix": ({"indices": [[0, 2, 1, 3, 0]]}, "must be vectors of integers"),
}
each_format = pytest.mark.parametrize("kind", FORMATS)
each_index = pytest.mark.parametrize("index", [np.int32, np.int64])


def compressed(kind, index, change=None):
    """Return a CSC or CSR matrix made of arrays that were not validated."""
    parts = {**SOUND, **(change or {})}
    matrix = FORMATS[kind]((4, 3) if "csc" in kind else (3, 4))
    matrix.data = np.array(parts["data"])
    matrix.indices = np.array(parts["indices"], index)
    matrix.indptr = np.array(parts["indptr"], index)
    return matrix


def coordinates(kind, index, row, col, data):
    matrix = kind((4, 3))
    matrix.row, matrix.col = np.array(row, index), np.array(col, index)
    matrix.data = np.array(data)
    return matrix


COO_DEFECTS = {
    "row too large": ([0, 4], [0, 1], [1.0, 2.0], r"row indices leave 0\.\.3"),
    "row negative": ([0, -1], [0, 1], [1.0, 2.0], r"row indices leave 0\.\.3"),
    "column too large": ([0, 1], [0, 3], [1.0, 2.0], r"col indices leave 0\.\.2"),
    "rows long": ([0, 1, 2], [0, 1], [1.0, 2.0], "3 row indices for 2 values"),
    "columns short": ([0, 1], [0], [1.0, 2.0], "1 col indices for 2 values"),
}


def malformed():
    """Yield every malformed matrix: (name, matrix, pattern)."""
    for kind in FORMATS:
        for index in (np.int32, np.int64):
            for name, (change, pattern) in DEFECTS.items():
                yield f"{kind}, {index.__name__}, {name}", compressed(kind, index, change), pattern
    for index in (np.int32, np.int64):
        for name, (row, col, data, pattern) in COO_DEFECTS.items():
            matrix = coordinates(sp.coo_array, index, row, col, data)
            yield f"coo_array, {index.__name__}, {name}", matrix, pattern
    blocks = sp.bsr_array(np.ones((4, 4)), blocksize=(2, 2))
    blocks.indices = np.array([0, 9, 0, 1], np.int32)
    yield "bsr_array", blocks, ""


@pytest.mark.parametrize(
    ("matrix", "pattern"),
    [pytest.param(matrix, pattern, id=name) for name, matrix, pattern in malformed()],
)
@pytest.mark.parametrize("face", FACES)
def test_malformed_sparse(face, matrix, pattern):
    before = snapshot(matrix)
    message = f"X is a malformed {matrix.format.upper()} matrix: .*{pattern}.*Build it again"
    with pytest.raises(ValueError, match=message):
        FACES[face](matrix, np.arange(float(matrix.shape[0])))
    assert snapshot(matrix) == before


@pytest.mark.parametrize(
    ("matrix", "pattern"),
    [pytest.param(matrix, pattern, id=name) for name, matrix, pattern in malformed() if pattern],
)
def test_predict_from_malformed_sparse(matrix, pattern):
    model = Lasso(alpha=1e-3).fit(np.eye(5)[:, : matrix.shape[1]], np.arange(5.0))
    for predict in (
        model.predict,
        solve(np.eye(5)[:, : matrix.shape[1]], np.arange(5.0), alpha=1e-3).predict,
        path(np.eye(5)[:, : matrix.shape[1]], np.arange(5.0), n_alphas=2).predict,
    ):
        with pytest.raises(ValueError, match=f"X is a malformed .*{pattern}"):
            predict(matrix)


def test_malformed_sparse_crashes_nothing():
    """Repeat in a child process, where a crash can be distinguished from a failure."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", __file__],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-300:]}\n{done.stderr[-3000:]}"
    assert done.stdout.splitlines()[-1] == f"{len(list(malformed()))} malformed matrices refused"


@each_format
@each_index
@pytest.mark.parametrize("kind_of_order", ["sorted", "unsorted", "twice", "unused", "flag lies"])
def test_legal_but_untidy_sparse(kind, index, kind_of_order):
    change = {
        "sorted": {},
        "unsorted": {"indices": [2, 0, 3, 1, 0]},
        "twice": {"indices": [0, 0, 1, 3, 0]},
        "unused": {"data": [1.0, 2.0, 3.0, 4.0, 5.0, NAN], "indices": [0, 2, 1, 3, 0, 99]},
        "flag lies": {"indices": [2, 2, 3, 1, 0]},
    }[kind_of_order]
    matrix = compressed(kind, index, change)
    if kind_of_order == "flag lies":
        matrix.has_canonical_format = True
    dense = np.zeros(matrix.shape)
    for major in range(3):
        for k in range(matrix.indptr[major], matrix.indptr[major + 1]):
            place = (matrix.indices[k], major) if "csc" in kind else (major, matrix.indices[k])
            dense[place] += matrix.data[k]
    target = np.arange(float(len(dense)))
    before = snapshot(matrix)
    fit, expected = (solve(X, target, alpha=0.01, tol=1e-12) for X in (matrix, dense))
    assert_allclose(fit.coef, expected.coef, rtol=1e-6, atol=1e-9)
    assert snapshot(matrix) == before


@pytest.mark.parametrize("kind", [np.int16, np.uint32, np.uint64])
def test_other_index_types(kind):
    matrix = compressed("csc_array", np.int32)
    matrix.indices, matrix.indptr = matrix.indices.astype(kind), matrix.indptr.astype(kind)
    target = np.arange(4.0)
    assert_array_equal(
        solve(matrix, target, alpha=0.01).coef,
        solve(compressed("csc_array", np.int32), target, alpha=0.01).coef,
    )
    matrix.indices = matrix.indices.astype(np.float64)
    with pytest.raises(ValueError, match="must be vectors of integers"):
        solve(matrix, target)


def main():
    """Pass every malformed matrix to every function; print its name first, in case of a crash."""
    count = 0
    for name, matrix, _ in malformed():
        print(name, flush=True)
        target = np.arange(float(matrix.shape[0]))
        features = np.eye(5)[:, : matrix.shape[1]]
        functions = [lambda X, f=f, target=target: f(X, target) for f in FACES.values()]
        functions += [Design]
        if matrix.format != "bsr":
            functions += [
                Lasso(alpha=1e-3).fit(features, np.arange(5.0)).predict,
                solve(features, np.arange(5.0), alpha=1e-3).predict,
            ]
        for function in functions:
            try:
                function(matrix)
            except ValueError:
                continue
            sys.exit(f"{name}: no error")
        count += 1
    print(f"{count} malformed matrices refused")


if __name__ == "__main__":
    main()


# ---------------------------------------------------------------------------------------------
# Contradictions


@pytest.mark.parametrize("function", [solve, path, cv_path, relaxed_path, stability_path])
def test_another_word_beside_a_design_is_an_error(function):
    design = Design(X, y, ONES, n_threads=1)
    for option, pattern in [
        ({"sample_weight": 2 * ONES}, r"beside a Design, .* give Design.with_weight"),
        ({"fit_intercept": False}, "fit_intercept=False contradicts .* made with .*=True; leave"),
        ({"standardize": True}, "standardize=True contradicts the Design, .* standardize=False"),
        ({"n_threads": 2}, "n_threads=2 contradicts the Design, which was made with n_threads=1"),
    ]:
        with pytest.raises(ValueError, match=pattern):
            function(design, **option)
    other = Design(X, y, fit_intercept=False, standardize=True)
    with pytest.raises(ValueError, match="fit_intercept=True contradicts"):
        function(other, fit_intercept=True)
    with pytest.raises(ValueError, match="standardize=False contradicts"):
        function(other, standardize=False)


def test_the_same_word_beside_a_design_is_none():
    design = Design(X, y, fit_intercept=False, standardize=True, n_threads=1)
    said = {"fit_intercept": False, "standardize": True, "n_threads": 1}
    fit = solve(design, alpha=0.1, **said)
    assert_array_equal(fit.coef, solve(design, alpha=0.1).coef)
    assert_array_equal(fit.coef, solve(X, y, alpha=0.1, **said).coef)
    assert_array_equal(fit.coef, solve(X, y, alpha=0.1, fit_intercept=False, standardize=True).coef)


def test_estimators_and_designs_take_no_design():
    design = Design(X, y)
    for estimator in (Lasso(), ElasticNet(), Ridge(), LassoCV(), RidgeCV(), MultiTaskLasso()):
        for more in ((), (y,)):
            with pytest.raises(TypeError, match=r"takes arrays, .* X is a Design, which is"):
                estimator.fit(design, *more)
    with pytest.raises(TypeError, match="X is a Design; expected an array"):
        Design(design, y)


@pytest.mark.parametrize("function", [path, cv_path, relaxed_path, stability_path])
def test_a_grid_is_given_once(function):
    for beside in ({"n_alphas": 7}, {"eps": 0.5}, {"n_alphas": 7, "eps": 0.5}):
        with pytest.raises(ValueError, match=f"^{' and '.join(beside)} would have no effect"):
            function(X, y, alphas=[0.2, 0.1], **beside)
    with pytest.raises(ValueError, match=r"^n_alphas would have no effect beside alphas"):
        function(X, y, alphas=5, n_alphas=7)
    # as in scikit-learn's lasso_path, which ignores them, too
    lasso_path(X, y, alphas=[0.2, 0.1], n_alphas=7, eps=0.5)


def test_groups_are_labelled_as_the_rows():
    frame, groups = pd.DataFrame(X), pd.Series(np.repeat([0, 1, 2], 4))
    folds = GroupKFold(3)
    assert cv_path(frame, y, cv=folds, groups=groups, alphas=[0.1]).alpha == 0.1
    with pytest.raises(ValueError, match="index of groups holds"):
        cv_path(frame, y, cv=folds, groups=groups.sample(frac=1, random_state=0), alphas=[0.1])


@pytest.mark.parametrize("alphas", [[], [[0.1, 0.2]], np.empty((0, 2))], ids=str)
def test_alphas_of_a_path_that_are_no_vector(alphas):
    X = np.random.default_rng(0).random((9, 2))
    fits = path(X, X[:, 0])
    for call in (fits.coef_at, lambda alpha: fits.predict(X, alpha)):
        with pytest.raises(ValueError, match="alpha has shape"):
            call(alphas)
    assert fits.coef_at(np.array(fits.alphas[3])).shape == (2,)


@pytest.mark.parametrize(
    ("position", "error"), [("x", TypeError), ([1, 2], TypeError), (1000, IndexError)]
)
def test_positions_that_a_path_has_not(position, error):
    X = np.random.default_rng(0).random((9, 2))
    with pytest.raises(error, match="no position on a path of 100 alphas"):
        path(X, X[:, 0])[position]


def test_relaxed_fits_of_several_targets():
    X = np.random.default_rng(0).random((20, 3))
    design = MultiTaskDesign(X, X[:, :2])
    for call in (relaxed_path, lambda d: cv_path(d, relax=True)):
        with pytest.raises(ValueError, match="one target"):
            call(design)


def test_estimators_predict_no_design():
    X = np.random.default_rng(0).random((20, 3))
    with pytest.raises(TypeError, match="X is a Design"):
        Lasso().fit(X, X[:, 0]).predict(Design(X))
