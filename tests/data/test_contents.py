"""Non-numeric data, and numbers that float64 does not hold, are refused at every entry point."""

import datetime
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

import softreg_fast as sf

N = 8
DAYS = pd.date_range("2020-01-01", periods=N)
LETTERS = list("abab" * (N // 4))
HUGE = 2**53 + 1  # float64 has 2**53 and 2**53 + 2
y = np.cos(np.arange(N))


def table(**columns):
    return {"x": np.sin(np.arange(N)), **columns}


def pandas(**columns):
    return pd.DataFrame(table(**columns))


def polars(**columns):
    return pl.DataFrame(table(**columns))


def arrow(**columns):
    return pa.table(table(**columns))


def fits(X, y=y):
    """Return a call of every entry point that takes X."""
    numbers = pd.DataFrame(np.random.default_rng(0).random((N, 2)), columns=["x", "c"])
    solution, lasso = sf.solve(numbers, y, alpha=0.01), sf.Lasso(alpha=0.01).fit(numbers, y)
    return {
        "solve": lambda: sf.solve(X, y),
        "path": lambda: sf.path(X, y),
        "cv_path": lambda: sf.cv_path(X, y, cv=2),
        "Lasso": lambda: sf.Lasso().fit(X, y),
        "LassoCV": lambda: sf.LassoCV(cv=2).fit(X, y),
        "RidgeCV": lambda: sf.RidgeCV().fit(X, y),
        "gradient_descent": lambda: sf.gradient_descent(X, y, learning_rate=0.1),
        "Solution.predict": lambda: solution.predict(X),
        "Lasso.predict": lambda: lasso.predict(X),
    }


DATES = r"(dates or durations in|dates are in the|times of day are in the) column 'c'"

REFUSED = {
    "pandas dates": (pandas(c=DAYS), DATES),
    "pandas dates with a zone": (pandas(c=DAYS.tz_localize("UTC")), DATES),
    "pandas durations": (pandas(c=DAYS - DAYS[0]), DATES),
    "pandas periods": (pandas(c=DAYS.to_period("D")), DATES),
    "pandas dates of arrow": (
        pandas(c=pd.array(DAYS, dtype="timestamp[ns][pyarrow]")),
        DATES,
    ),
    "pandas objects that are dates": (
        pandas(c=pd.Series([datetime.date(2020, 1, 1)] * N, dtype=object)),
        DATES,
    ),
    "pandas integers": (
        pandas(c=np.arange(N) + HUGE),
        r"column 'c' .* 9007199254740993",
    ),
    "pandas integers that may be missing": (
        pandas(c=pd.array([HUGE, *[None] * (N - 1)], dtype="Int64")),
        "integers in column 'c' that float64 cannot tell",
    ),
    "polars dates": (polars(c=DAYS.to_list()), DATES),
    "polars durations": (polars(c=(DAYS - DAYS[0]).to_list()), DATES),
    "polars integers": (polars(c=np.arange(N) + HUGE), "integers in column 'c' that float64"),
    "arrow dates": (arrow(c=pa.array(DAYS)), DATES),
    "arrow integers": (arrow(c=np.arange(N) + HUGE), "integers in column 'c' that float64"),
    "an array of text": (np.full((N, 2), "1"), "text: "),
    "an array of bytes": (np.full((N, 2), b"1"), "text: "),
    "lists of text": ([["1", "2"]] * N, "text: "),
    "objects with text among them": (np.array([[1.0, "2"]] * N, object), "text: "),
    "objects with dates among them": (
        np.array([[1.0, datetime.timedelta(1)]] * N, object),
        "dates or durations: ",
    ),
    "an array of integers": (np.full((N, 2), HUGE), "integers that float64 cannot tell"),
    "unsigned integers": (np.full((N, 2), 2**64 - 1, np.uint64), "18446744073709551615"),
    "lists of integers": ([[HUGE, 1]] * N, "integers that float64 cannot tell"),
    "masked entries": (
        np.ma.masked_greater(np.arange(2.0 * N).reshape(N, 2), 12),
        "X is a masked array with 3 masked entries",
    ),
}

# A fit codes these columns, but they are no numbers where a model was fitted to numbers.
CODED = {
    "pandas categories of numbers": (pandas(c=pd.Categorical([10, 20] * (N // 2))), "categories"),
    "pandas categories of words": (pandas(c=pd.Categorical(LETTERS)), "categories in column 'c'"),
    "pandas words": (pandas(c=LETTERS), "text in column 'c'"),
    "polars categories": (
        polars(c=pl.Series(LETTERS, dtype=pl.Categorical)),
        "categories in column 'c'",
    ),
    "polars enumerations": (
        polars(c=pl.Series(LETTERS, dtype=pl.Enum(["a", "b"]))),
        "categories in column 'c'",
    ),
    "polars words": (polars(c=LETTERS), "text in column 'c'"),
    "arrow categories": (arrow(c=pa.array(LETTERS).dictionary_encode()), "categories in column"),
    "arrow words": (arrow(c=LETTERS), "text in column 'c'"),
}


@pytest.mark.parametrize("way", list(fits(np.zeros((N, 2)))))
@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, way):
    X, pattern = REFUSED[case]
    with pytest.raises((TypeError, ValueError), match=pattern):
        fits(X)[way]()


@pytest.mark.parametrize("case", CODED)
def test_categories_are_coded_but_are_no_numbers(case):
    X, pattern = CODED[case]
    for way, call in fits(X).items():
        if way.endswith("predict"):
            with pytest.raises((TypeError, ValueError), match=pattern):
                call()
        else:
            call()


def test_all_columns_of_a_kind_are_named_at_once():
    frame = pandas(c=DAYS, d=LETTERS, e=DAYS)
    with pytest.raises(ValueError, match=r"dates are in the 2 columns 'c', 'e': state the parts"):
        sf.solve(frame, y)
    many = pd.DataFrame({f"day{j}": DAYS - DAYS[0] for j in range(9)})
    with pytest.raises(ValueError, match=r"are in the 9 columns 'day0', .*'day7', 'day8': turn"):
        sf.solve(many, y)


TARGETS = {
    "dates": (DAYS, TypeError, "dates or durations"),
    "a series of dates": (pd.Series(DAYS), TypeError, "dates or durations"),
    "durations of arrow": (pa.array(DAYS - DAYS[0]), TypeError, "dates or durations"),
    "classes": (np.array(LETTERS), ValueError, "classes: loss='logistic' takes"),
    "a list of classes": (LETTERS, ValueError, "classes: loss='logistic' takes"),
    "a series of classes": (pd.Series(LETTERS), ValueError, "classes: loss='logistic' takes"),
    "categories": (pd.Series(LETTERS, dtype="category"), TypeError, "classes|categories"),
    "masked": (np.ma.masked_less(y, 0), ValueError, "y is a masked array with 3 masked entries"),
    "integers": (np.arange(N) + HUGE, ValueError, "y holds integers that float64 cannot tell"),
}


@pytest.mark.parametrize("case", TARGETS)
def test_targets_refused(case):
    target, error, pattern = TARGETS[case]
    X = np.random.default_rng(0).random((N, 2))
    for fit in (sf.solve, sf.path, sf.cv_path, sf.Lasso().fit, sf.LassoCV().fit, sf.Ridge().fit):
        with pytest.raises(error, match=pattern):
            fit(X, target)


def test_masked_vectors_are_refused():
    X = np.random.default_rng(0).random((N, 2))
    masked = np.ma.masked_less(np.arange(float(N)), 3)
    for name, value in {
        "sample_weight": masked,
        "l1_weights": masked[2:4],
        "coef_init": masked[2:4],
        "lower bounds": None,
    }.items():
        given = {"bounds": (masked[2:4], None)} if value is None else {name: value}
        with pytest.raises(ValueError, match=f"{name} is a masked array"):
            sf.solve(X, y, **given)


TAKEN = {
    "booleans": lambda c: pandas(c=c > 0),
    "booleans that may be missing": lambda c: pandas(c=pd.array(c > 0, dtype="boolean")),
    "integers that may be missing": lambda c: pandas(c=pd.array(c > 0, dtype="Int64")),
    "arrow numbers in pandas": lambda c: pandas(c=pd.array(c > 0, dtype="double[pyarrow]")),
    "polars booleans": lambda c: polars(c=c > 0),
    "polars decimals": lambda c: polars(c=pl.Series(1.0 * (c > 0)).cast(pl.Decimal(10, 2))),
    "arrow booleans": lambda c: arrow(c=c > 0),
    "objects": lambda c: pandas(
        c=pd.Series([decimal.Decimal(int(v > 0)) for v in c], dtype=object)
    ),
    "a mask without masked entries": lambda c: np.ma.array(pandas(c=c > 0).to_numpy(float)),
}


@pytest.mark.parametrize("case", TAKEN)
def test_numbers_in_other_types_are_taken(case):
    c = np.random.default_rng(1).standard_normal(N)
    expected = sf.solve(np.c_[np.sin(np.arange(N)), c > 0], y, alpha=0.01)
    assert_array_equal(sf.solve(TAKEN[case](c), y, alpha=0.01).coef, expected.coef)


def test_large_integers_that_float64_holds_are_taken():
    nanoseconds = 1_600_000_000_000_000_000 + 1_000_000_000 * np.arange(N)
    assert (nanoseconds.astype(np.float64).astype(np.int64) == nanoseconds).all()
    frame = pandas(c=nanoseconds)
    assert sf.Design(frame, y).n_features == 2
    assert_allclose(sf.Design(nanoseconds[:, None], y).center[0], nanoseconds.mean(), rtol=1e-15)


def test_missing_values_of_every_library_are_missing():
    for X in (
        pandas(c=pd.array([1, None] * (N // 2), dtype="Int64")),
        polars(c=[1, None] * (N // 2)),
        arrow(c=pa.array([1, None] * (N // 2))),
    ):
        with pytest.raises(ValueError, match="X contains NaN in the column 'c'"):
            sf.solve(X, y)


@pytest.mark.parametrize(
    ("X", "problem"),
    [
        (pandas(c=pd.Series([HUGE] * N, dtype=object)), f"column 'c'.* such as {HUGE}"),
        (pandas(c=pd.Series([1.5, 10**400] * (N // 2), dtype=object)), "column 'c'"),
        (pandas(c=pd.Series([1.5, np.int64(HUGE)] * (N // 2), dtype=object)), "column 'c'"),
        ([[HUGE, 2**70]] * N, "integers that float64 cannot tell"),
        (pandas(c=pd.Series([1.5, pd.NA] * (N // 2), dtype=object)), "missing values.*'c'"),
        (polars(c=[b"1"] * N), "text in column 'c'"),
        (arrow(c=[b"1"] * N), "text in column 'c'"),
        (pandas(c=[1.0] * N).to_records(index=False), "pandas.DataFrame"),
    ],
    ids=["large", "beyond float64", "NumPy's", "list", "NA", "bytes", "bytes of arrow", "fields"],
)
def test_what_objects_hold(X, problem):
    for call in (lambda: sf.solve(X, y), lambda: sf.Lasso().fit(X, y)):
        with pytest.raises((ValueError, TypeError), match=problem):
            call()


@pytest.mark.skipif(not hasattr(pl, "Int128"), reason="polars without integers of 128 bits")
def test_integers_of_128_bits():
    wide = pl.Series([2**70 + i for i in range(N)], dtype=pl.Int128)
    with pytest.raises(TypeError, match="128 bits in column 'c'"):
        sf.solve(polars(c=wide), y)


def test_large_integers_of_arrow_in_y():
    with pytest.raises(ValueError, match=str(HUGE)):
        sf.solve(np.eye(N), pa.chunked_array([[HUGE] * N]))


def test_objects_that_are_numbers_are_fitted():
    values = [1, 2.5, True, 3, decimal.Decimal("0.5"), np.float32(2), 2**60, -(2**53)]
    X = np.c_[np.sin(np.arange(N)), np.array(values, dtype=float)]
    found = sf.solve(pandas(c=pd.Series(values, dtype=object)), y, alpha=1e-3)
    assert_allclose(found.coef, sf.solve(X, y, alpha=1e-3).coef)


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "dok", "dia"])
def test_large_integers_of_sparse_matrices(kind):
    X = sp.coo_array(np.full((N, 2), HUGE)).asformat(kind)
    for name, fit in fits(X).items():
        if kind in ("csr", "csc", "coo") or "predict" not in name:
            with pytest.raises(ValueError, match=str(HUGE)):
                fit()
    exact = sp.coo_array(np.arange(2 * N).reshape(N, 2) * 2**40).asformat(kind)
    assert sf.solve(exact, y, alpha=1.0).converged


def test_masks_in_lists_and_alphas():
    X = np.c_[y, y**2]
    path = sf.path(X, y, alphas=[0.2, 0.1])
    masked = np.ma.array([0.2, 0.1], mask=[False, True])
    for call in (
        lambda: sf.solve([np.ma.array(row, mask=[False, True]) for row in X], y),
        lambda: sf.solve(X, tuple(np.ma.array(y, mask=y > 0.5))),
        lambda: sf.path(X, y, alphas=masked),
        lambda: sf.LassoCV(alphas=masked).fit(X, y),
        lambda: path.coef_at(masked),
        lambda: path.predict(X, masked),
    ):
        with pytest.raises((ValueError, TypeError), match="masked"):
            call()
