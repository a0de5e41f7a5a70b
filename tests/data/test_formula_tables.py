"""Formulas: fits against the same columns made by hand, and what they refuse."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import softreg_fast as sf

pytest.importorskip("formulaic")


@pytest.fixture
def frame(rng):
    n = 80
    return pd.DataFrame(
        {
            "price": rng.standard_normal(n) + 3.0,
            "carat": rng.random(n) + 0.5,
            "cut": rng.choice(["fair", "good", "ideal"], n),
            "sold": rng.choice(["yes", "no"], n),
            "table size": rng.standard_normal(n),
        }
    )


def by_hand(frame):
    X = pd.get_dummies(frame[["cut"]], dtype=float)
    return X.assign(carat=frame["carat"], log=np.log(frame["carat"]))


def test_a_formula_is_its_columns(frame):
    formula = "price ~ C(cut) + carat + np.log(carat)"
    found, hand = sf.path(formula, data=frame), sf.path(by_hand(frame), frame["price"])
    names = ["C(cut)[fair]", "C(cut)[good]", "C(cut)[ideal]", "carat", "np.log(carat)"]
    assert found.feature_names.tolist() == names
    assert_allclose(found.coefs.toarray(), hand.coefs.toarray(), atol=1e-7)
    assert_allclose(found.predict(frame[:7]), hand.predict(by_hand(frame)[:7]), atol=1e-7)
    cv = sf.cv_path(formula, data=frame, cv=4)
    assert_allclose(cv.errors, sf.cv_path(by_hand(frame), frame["price"], cv=4).errors, rtol=1e-5)
    given = {"random_state": 0, "n_subsamples": 6, "n_alphas": 6}
    stable = sf.stability_path(formula, data=frame, **given)
    same = sf.stability_path(by_hand(frame), frame["price"], **given)
    assert_array_equal(stable.frequencies.toarray(), same.frequencies.toarray())
    relaxed = sf.relaxed_path(formula, data=frame, n_alphas=5)
    assert relaxed.predict(frame).shape == (80, 5)
    assert sf.adaptive_path(formula, data=frame, n_alphas=5).predict(frame).shape == (80, 5)


@pytest.mark.parametrize("term", ["bs(carat, df=5)", "scale(carat)", "poly(carat, 2)", "cut:carat"])
def test_new_tables_are_transformed_as_that_of_the_fit(frame, term):
    fit = pickle.loads(pickle.dumps(sf.solve(f"price ~ {term} + cut", data=frame, alpha=0.001)))
    whole = fit.predict(frame)
    assert_allclose(fit.predict(frame[20:30][list(frame)[::-1]]), whole[20:30], rtol=1e-12)
    for kind in (pytest.importorskip("polars"), pytest.importorskip("pyarrow").Table):
        new = kind.from_pandas(frame)
        assert_allclose(fit.predict(new), whole, rtol=1e-12)
        other = sf.solve(f"price ~ {term} + cut", data=new, alpha=0.001)
        assert_allclose(other.coef, fit.coef, rtol=1e-9)


def test_the_intercept_is_that_of_the_formula(frame):
    with_one, without = "price ~ carat", "price ~ 0 + carat"
    assert sf.solve(with_one, data=frame, alpha=0.01).intercept != 0.0
    fit = sf.solve(without, data=frame, alpha=0.01)
    assert fit.intercept == 0.0
    assert fit.feature_names.tolist() == ["carat"]
    hand = sf.solve(frame[["carat"]], frame["price"], alpha=0.01, fit_intercept=False)
    assert_allclose(fit.coef, hand.coef)
    sf.solve(without, data=frame, fit_intercept=False)
    with pytest.raises(
        ValueError, match="fit_intercept=True contradicts the formula, which has no"
    ):
        sf.solve(without, data=frame, fit_intercept=True)
    with pytest.raises(
        ValueError, match="fit_intercept=False contradicts the formula, which has an"
    ):
        sf.solve(with_one, data=frame, fit_intercept=False)


def test_targets(frame):
    labels = sf.solve("sold ~ carat", data=frame, loss="logistic", alpha=1e-3)
    hand = sf.solve(frame[["carat"]], frame["sold"], loss="logistic", alpha=1e-3)
    assert labels.classes.tolist() == ["no", "yes"]
    assert_allclose(labels.coef, hand.coef)
    logs = sf.solve("np.log(price**2) ~ .", data=frame[["price", "carat"]], alpha=1e-3)
    hand = sf.solve(frame[["carat"]], np.log(frame["price"] ** 2), alpha=1e-3)
    assert_allclose(logs.coef, hand.coef)
    odd = sf.solve("price ~ `table size`", data=frame, alpha=1e-3)
    assert odd.feature_names.tolist() == ["table size"]


def test_weights_by_terms(frame):
    formula = "price ~ C(cut) + carat"
    fit = sf.solve(formula, data=frame, alpha=10.0, l1_weights={"C(cut)": 0.0})
    assert (fit.coef[:3] != 0.0).sum() >= 2
    assert fit.coef[3] == 0.0
    group = sf.penalties.GroupLasso(groups="columns")
    found = sf.solve(formula, data=frame, alpha=1e-3, penalty=group)
    assert {name for name, _ in found.selected()} == {"C(cut)", "carat"}


def test_missing_values(frame):
    holes = frame.assign(carat=frame["carat"].where(frame.index > 4), sold=None)
    weight = np.arange(80.0)
    with pytest.raises(
        ValueError, match=r"missing in the column 'carat' \(5 rows\) .*missing='drop'"
    ):
        sf.solve("price ~ carat", data=holes)
    with pytest.warns(UserWarning, match="leaves out 5 of 80 rows"):
        fit = sf.solve(
            "price ~ carat", data=holes, missing="drop", sample_weight=weight, alpha=0.01
        )
    hand = sf.solve("price ~ carat", data=frame[5:], sample_weight=weight[5:], alpha=0.01)
    assert_allclose(fit.coef, hand.coef)
    with pytest.raises(ValueError, match=r"missing in the column 'carat' \(5 rows\)"):
        fit.predict(holes)


def test_unknown_levels(frame):
    new = frame[:3].assign(cut=["fair", "great", "good"])
    with pytest.raises(
        ValueError, match=r"Column 'cut' has the level 'great' in row 1.*'fair', 'go"
    ):
        sf.solve("price ~ C(cut)", data=frame, alpha=0.01).predict(new)
    fit = sf.solve("price ~ cut", data=frame, alpha=0.001, unknown="zero")
    assert fit.predict(new)[1] == pytest.approx(fit.intercept)


def test_a_formula_is_not_written_as_json(frame):
    coding = sf.solve("price ~ carat", data=frame).coding
    with pytest.raises(
        ValueError, match="cannot be written as JSON, since reading it would execute"
    ):
        json.dumps(coding.to_dict())


def test_names_and_values_of_a_table_are_not_evaluated(frame):
    evil = frame.rename(columns={"carat": "__import__('os').abort()"})
    evil["cut"] = np.where(np.arange(80) % 2, "exit()", "{os.abort()}")
    fit = sf.solve("price ~ .", data=evil[["price", "__import__('os').abort()", "cut"]])
    assert fit.coef.shape == (3,)
    assert np.isfinite(fit.predict(evil)).all()
    with pytest.raises(ValueError, match="'cut' of the formula has the level '__a', which begins"):
        sf.solve("price ~ cut", data=evil.assign(cut=np.where(np.arange(80) % 2, "__a", "b")))


@pytest.mark.parametrize(
    ("formula", "match"),
    [
        ("price ~ karat", r"names 'karat', which is neither a column.*; did you mean 'carat'\?"),
        (
            "price ~ foo(carat)",
            r"names 'foo', which is neither a column of the table nor a function",
        ),
        ("price ~ price + carat", r"has 'price' on both sides of ~"),
        ("price ~ np.log(price)", r"has 'price' on both sides of ~"),
        ("carat + cut", r"has no target; write it on the left of ~"),
        ("~ carat", r"has no target; write it on the left of ~"),
        ("price ~ 1", r"has no features; name columns on the right"),
        ("price ~ carat + (", r"cannot be evaluated \(.*\); check it"),
        ("price ~ carat | cut", r"has several parts; write one"),
        ("price ~ np.log(cut)", r"cannot be evaluated"),
        ("price ~ np.log(carat - 10)", r"contains NaN"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_what_is_refused(frame, formula, match):
    with pytest.raises(ValueError, match=match):
        sf.path(formula, data=frame)


def test_arguments_that_do_not_fit(frame):
    with pytest.raises(ValueError, match="y is given beside the formula 'price ~ carat'"):
        sf.path("price ~ carat", frame["price"], data=frame)
    with pytest.raises(ValueError, match=r"a formula, without data; .*y is a table: write data="):
        sf.path("price ~ carat", frame)
    with pytest.raises(TypeError, match="data is a dict; expected a frame"):
        sf.path("price ~ carat", data={"price": [1.0]})
    with pytest.raises(ValueError, match="dates is for a frame as X"):
        sf.path("price ~ carat", data=frame, dates=["year"])
