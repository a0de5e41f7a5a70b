"""Every loss with every verb: it fits, or it says in one sentence why not."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp

import softreg_fast as sf
from softreg_fast import losses
from softreg_fast.losses.by_name import BY_NAME

N, P = 90, 6

LOSSES = {
    **{name: loss for name, loss in BY_NAME.items() if name != "binomial"},
    "grouped multinomial": losses.Multinomial(grouped=True),
    "negative_binomial": losses.NegativeBinomial(2.0),
    "tweedie": losses.Tweedie(1.5),
    "tweedie 2.5": losses.Tweedie(2.5),
    "huber": losses.Huber(1.35),
    "cox efron": losses.Cox("efron"),
}

NO_LIKELIHOOD = ("huber", "quantile", "squared_hinge")
AMOUNTS = ("deviance", "mse", "mae")
OF_CLASSES = ("auc", "accuracy")
MEASURES = (*AMOUNTS, *OF_CLASSES, "brier", "concordance")


def sample(rng, name):
    X = rng.standard_normal((N, P))
    eta = 0.8 * X[:, 0] - 0.5 * X[:, 1]
    if name in ("logistic", "probit", "cloglog", "squared_hinge"):
        return X, np.where(eta + rng.logistic(size=N) > 0, "yes", "no")
    if "multinomial" in name:
        return X, np.array(["a", "b", "c"])[np.digitize(eta + rng.logistic(size=N), [-0.7, 0.7])]
    if name.startswith("cox"):
        time = np.ceil(9 * rng.exponential(np.exp(-eta)))
        return X, sf.survival(time, rng.random(N) < 0.7, strata=rng.integers(0, 2, N))
    if name in ("poisson", "negative_binomial"):
        return X, rng.poisson(np.exp(eta)).astype(float)
    if name in ("squared", "huber", "quantile"):
        return X, eta + rng.standard_normal(N)
    return X, np.exp(eta) * rng.gamma(2.0, 0.5, N) + 0.01


def kinds_of(loss):
    has = {"class": "classes", "proba": "probabilities"}
    return ["response", "link", *(kind for kind, method in has.items() if hasattr(loss, method))]


def check(fits, X, **given):
    assert fits.converged
    for kind in kinds_of(fits.loss):
        found = fits.predict(X, kind=kind, **given)
        assert len(found) == N
        assert found.dtype.kind in "U" or np.isfinite(found).all()


every = pytest.mark.parametrize("name", LOSSES)


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", sf.EndOfGridWarning)
        yield


@every
def test_fits_and_paths(rng, name):
    X, y = sample(rng, name)
    loss, shape = LOSSES[name], (N, 3) if "multinomial" in name else (N,)
    weight, offset = rng.integers(1, 4, N).astype(float), 0.1 * rng.standard_normal(shape)
    own = {"loss": loss, "n_alphas": 8, "eps": 0.02}
    check(sf.solve(X, y, alpha=0.05, loss=loss), X)
    check(sf.solve(X, y, alpha=0.05, loss=loss, l1_ratio=0.0), X)
    check(sf.path(X, y, sample_weight=weight, offset=offset, **own), X, offset=offset)
    free = np.append(0.0, np.ones(P - 1))
    check(sf.path(X, y, l1_weights=free, l1_ratio=0.6, standardize=True, **own), X)
    rare = sp.csc_array(np.where(np.abs(X) > 0.8, X, 0.0).astype(np.float32))
    check(sf.path(rare, y, **own), rare)
    if name == "grouped multinomial":
        with pytest.raises(ValueError, match="positive and bounds are not for several"):
            sf.path(X, y, bounds=(-0.2, 0.2), **own)
    else:
        bounded = sf.path(X, y, bounds=(-0.2, 0.2), **own)
        check(bounded, X)
        assert np.abs(bounded.coefs.data).max() <= 0.2


@every
def test_callbacks_and_interrupts(rng, name):
    X, y = sample(rng, name)
    own, seen = {"loss": LOSSES[name], "n_alphas": 8, "eps": 0.02}, []
    fits = sf.path(X, y, callback=lambda step: seen.append(step) or len(seen) == 3, **own)
    assert len(fits) == len(seen) == 3
    assert [step.df for step in seen] == fits.df.tolist()
    assert sf.path(X, y, max_df=2, **own).df[-1] >= 2

    def interrupt(step):
        if step.position == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sf.path(X, y, callback=interrupt, **own)


@every
@pytest.mark.parametrize("measure", MEASURES)
def test_searches(rng, name, measure):
    X, y = sample(rng, name)
    loss = LOSSES[name]
    own = {"loss": loss, "n_alphas": 6, "eps": 0.05, "cv": 3, "rule": "1se"}
    of = {"deviance"} if name.startswith("cox") else {*AMOUNTS}
    of |= {"concordance"} if name.startswith("cox") else set()
    of |= {*OF_CLASSES} if hasattr(loss, "classes") else set()
    of |= {"brier"} if hasattr(loss, "probabilities") else set()
    if measure not in of:
        with pytest.raises(ValueError, match=f"measure='{measure}' is "):
            sf.cv_path(X, y, measure=measure, **own)
        return
    found = sf.cv_path(X, y, measure=measure, **own)
    assert np.isfinite(found.errors).all()
    assert found.index_1se <= found.index_min


@every
def test_relaxed_fits(rng, name):
    X, y = sample(rng, name)
    own = {"loss": LOSSES[name], "n_alphas": 5, "eps": 0.1}
    fits = sf.relaxed_path(X, y, **own)
    assert (fits.refits.dev_ratio >= fits.path.dev_ratio - 1e-6).all()
    check(fits.at(0.5), X)
    found = sf.cv_path(X, y, relax=True, cv=3, **own)
    assert np.isfinite(found.errors_by_gamma).all()


@every
@pytest.mark.parametrize("criterion", ["aic", "aicc", "bic", "ebic"])
def test_criteria(rng, name, criterion):
    X, y = sample(rng, name)
    for ratio in (1.0, 0.5):
        own = {"loss": LOSSES[name], "n_alphas": 5, "eps": 0.1, "l1_ratio": ratio}
        if name in NO_LIKELIHOOD:
            with pytest.raises(ValueError, match="needs a likelihood"):
                sf.cv_path(X, y, criterion=criterion, **own)
        else:
            found = sf.cv_path(X, y, criterion=criterion, **own)
            assert np.isfinite(found.errors).all()
            assert found.path[found.index].converged


@every
def test_stability_selection(rng, name):
    X, y = sample(rng, name)
    found = sf.stability_path(
        X, y, loss=LOSSES[name], n_alphas=5, eps=0.2, n_subsamples=8, random_state=0
    )
    assert found.frequencies.toarray().max(axis=1).argmax() in (0, 1)
