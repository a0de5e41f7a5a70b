"""Models at any alpha: labelled coefficients, exact fits, the words of glmnet."""

import numpy as np
import pandas as pd
import problems
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import softreg_fast as sf
from softreg_fast import path, relaxed_path, solve


@pytest.fixture
def data(rng):
    return problems.make_data(rng, 40, 8)


@pytest.fixture
def frame(data):
    return pd.DataFrame(data[0], columns=problems.names(8))


def test_coefficients_have_the_names_of_their_features(data, frame):
    y = data[1]
    fits = path(frame, y, n_alphas=6, eps=0.05)
    alpha = float(fits.alphas[3])
    one = fits.coef(alpha)
    assert isinstance(one, pd.Series)
    assert one.index.tolist() == list(frame.columns)
    assert_array_equal(one.to_numpy(), fits.coef_at(alpha))
    several = fits.coef([alpha, float(fits.alphas[4])])
    assert_array_equal(several.to_numpy(), fits.coef_at([alpha, fits.alphas[4]]))
    assert several.columns.tolist() == [alpha, fits.alphas[4]]
    assert fits.coef().shape == (8, 6)
    with_b = fits.coef(alpha, intercept=True)
    assert with_b.index[0] == "(Intercept)"
    assert_allclose(frame @ with_b[1:] + with_b.iloc[0], fits.predict(frame, alpha))
    assert fits[3].named_coef().equals(one)
    assert path(*data, n_alphas=3).coef().index.tolist() == list(range(8))


def test_coefficients_of_several_outputs(rng, data):
    X = data[0]
    labels = rng.choice(["a", "b", "c"], 40)
    fits = path(X, labels, loss="multinomial", n_alphas=4, eps=0.1)
    alpha = float(fits.alphas[-1])
    assert fits.coef(alpha).columns.tolist() == ["a", "b", "c"]
    assert_array_equal(fits.coef(alpha).T, fits.coef_at(alpha))
    whole = fits.coef(intercept=True)
    assert_allclose(whole[(alpha, "b")].iloc[1:], fits.coef_at(alpha)[1])
    assert_allclose(whole.loc["(Intercept)", (alpha, "c")], fits.intercepts[-1][2])


@pytest.mark.parametrize("loss", ["squared", "poisson"])
def test_exact_fits_are_those_of_solve(rng, data, frame, loss):
    y = data[1] if loss == "squared" else rng.poisson(2.0, 40).astype(float)
    weight, offset = rng.uniform(0.5, 2.0, 40), 0.1 * rng.standard_normal(40)
    options = {"loss": loss, "l1_weights": {"x1": 0.3}, "standardize": True, "l1_ratio": 0.8}
    samples = {"sample_weight": weight, "offset": offset}
    fits = path(frame, y, n_alphas=6, eps=0.05, tol=1e-10, **options, **samples)
    alpha = float(np.sqrt(fits.alphas[2] * fits.alphas[3]))
    exact = {"X": frame[frame.columns[::-1]], "y": y, **samples}
    one = solve(frame, y, alpha=alpha, tol=1e-10, **options, **samples)
    assert_allclose(fits.coef(alpha, exact=exact), one.coef, atol=1e-8)
    found = fits.at(alpha, exact=exact)
    assert found.converged
    assert found.alpha == alpha
    both = fits.predict(frame, [alpha, 2 * alpha], offset=offset, exact=exact)
    assert both.shape == (40, 2)
    assert_allclose(both[:, 0], one.predict(frame, offset=offset), atol=1e-7)
    assert fits.at(float(fits.alphas[1])).df == fits.df[1]


def test_exact_fits_do_not_follow_what_the_caller_changes(data):
    X, y = data
    weights = np.ones(8)
    fits = path(X, y, n_alphas=4, l1_weights=weights)
    weights[:] = 100.0
    alpha = float(fits.alphas[2])
    assert_allclose(fits.coef_at(alpha), fits.at(alpha, exact=(X, y)).coef, atol=1e-8)


def test_exact_fits_of_coded_frames(rng, frame, data):
    frame = frame.assign(colour=pd.Categorical(rng.choice(["red", "blue"], 40)))
    penalty = sf.penalties.GroupLasso(groups="columns")
    fits = path(frame, data[1], n_alphas=5, penalty=penalty, tol=1e-10)
    alpha = float(fits.alphas[3])
    assert_allclose(fits.at(alpha, exact=(frame, data[1])).coef, fits.coef_at(alpha), atol=1e-6)


def test_what_exact_needs(data):
    X, y = data
    fits = path(X, y, n_alphas=4)
    alpha = float(fits.alphas[2])
    with pytest.raises(TypeError, match=r"keeps no samples.*exact=\(X, y\)"):
        fits.coef(alpha, exact=True)
    with pytest.raises(ValueError, match="other samples than the path"):
        fits.coef(alpha, exact=(X, y + X[:, 0]))
    with pytest.raises(ValueError, match="unknown are 'weights'"):
        fits.coef(alpha, exact={"X": X, "y": y, "weights": y})
    with pytest.raises(ValueError, match="features"):
        fits.coef(alpha, exact=(X[:, :5], y))
    with pytest.raises(ValueError, match="none of the path's"):
        fits.at(1.01 * alpha)
    relaxed = relaxed_path(X, y, n_alphas=4)
    with pytest.raises(ValueError, match="does not have"):
        relaxed.refits.at(alpha, exact=(X, y))


def test_words_of_glmnet(data):
    fits = path(*data, n_alphas=4)
    with pytest.raises(ValueError, match="rule of cross-validation"):
        fits.coef("lambda.min")
    with pytest.raises(TypeError, match="here it is called alpha"):
        fits.predict(data[0], s=0.1)
    with pytest.raises(TypeError, match="here it is called kind"):
        fits.predict(data[0], 0.1, type="link")
    with pytest.raises(TypeError, match="here it is called X"):
        fits.predict(newx=data[0])
