"""Invalid input: an error that says so, no crash, and no input modified.

Every message must say what was given and what was expected; the pattern beside a case checks both.
"""

import inspect
import re
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from problems import snapshot

from softreg_fast import (
    Design,
    ElasticNet,
    Lasso,
    LassoCV,
    Path,
    Ridge,
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
        ("NaN in a frame", frame, r"X contains NaN in the column 'c' \(1 row\).*'drop'"),
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
        ("a word", "abc", "X must hold real numbers|X is the text 'abc', a formula, without data"),
        ("words", np.full((N, P), "a"), "X must hold real numbers, .* text: give a frame"),
        (
            "objects",
            np.full((N, P), "a", object),
            "X must hold real numbers, .* text: give a frame",
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
            "holds dates or durations: state their",
        ),
        (
            "durations",
            np.full((N, P), np.timedelta64(1, "s")),
            "holds dates or durations: state their",
        ),
    ]:
        yield f"X, {name}", {"X": bad}, TypeError, pattern


def _targets():
    for name, bad, pattern in [
        ("NaN", put(y, 5, NAN), "y contains NaN in 1 row, the first in row 5; leave out"),
        ("infinity", put(y, 5, -INF), "y contains infinity in 1 row, the first"),
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
            "y must hold .* holds classes: loss='logistic' takes the labels",
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
    for function in (Design, relaxed_path, stability_path):
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
