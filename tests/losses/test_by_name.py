"""Losses by name, and targets and numbers that a loss refuses."""

import doctest
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from softreg_fast import losses
from softreg_fast.losses import (
    SQUARED,
    Gamma,
    Huber,
    Logistic,
    NegativeBinomial,
    Poisson,
    Probit,
    SquaredHinge,
    Tweedie,
    as_loss,
)


def test_names_and_losses_are_losses():
    assert as_loss("squared") is SQUARED
    assert as_loss("binomial") == as_loss("logistic") == Logistic()
    assert as_loss("poisson") == Poisson()
    assert as_loss("gamma") == Gamma()
    assert as_loss("inverse_gaussian").parameters == (3.0,)
    assert as_loss("probit") == Probit()
    assert as_loss("squared_hinge") == SquaredHinge()
    loss = Huber(2.0)
    assert as_loss(loss) is loss


@pytest.mark.parametrize("value", ["logit", None, 3, Poisson, ["poisson"]])
def test_other_values_are_refused(value):
    with pytest.raises(ValueError, match=r"^loss must be one of 'squared', .*Huber\(.*; got "):
        as_loss(value)


@pytest.mark.parametrize("name", ["tweedie", "negative_binomial", "huber"])
def test_a_loss_with_a_number_says_how_to_give_it(name):
    with pytest.raises(ValueError, match=r"needs its number: loss=sf\.losses\.\w+\(\w+=[\d.]+\)"):
        as_loss(name)


@pytest.mark.parametrize(
    ("loss", "bad", "said"),
    [
        (Logistic(), 2, "for classes 0 and 1, or proportions between them, but y[2] is 2.0; code"),
        (Probit(), -1, "but y[2] is -1.0"),
        (Poisson(), -1, "Poisson() is for targets >= 0, but y[2] is -1.0; check y, or use loss="),
        (Tweedie(1.5), -0.5, "Tweedie(power=1.5) is for targets >= 0, but y[2] is -0.5"),
        (Gamma(), 0, "Gamma() is for targets > 0, but y[2] is 0.0; check y, or use sf.losses.Twee"),
        (Tweedie(3.0), 0, "for targets > 0, but y[2] is 0.0"),
        (NegativeBinomial(1.0), -3, "for targets >= 0, but y[2] is -3.0"),
        (SquaredHinge(), 0.5, "for two classes, 0 and 1, but y[2] is 0.5; code one class as 0"),
        (SquaredHinge(), -1, "for two classes, -1 and 1, but y[0] is 0.0"),
    ],
)
def test_the_first_target_outside_the_domain_is_named(loss, bad, said):
    y = np.array([1.0, 1, bad, bad])
    if isinstance(loss, SquaredHinge):
        y[0] = 0.0
    with pytest.raises(ValueError) as error:
        loss.check(y)
    assert said in str(error.value)
    with pytest.raises(ValueError, match=r"y\[\d, 0\]"):
        loss.check(y[:, np.newaxis])


def test_classes_of_the_hinge_become_signs():
    for y in ([0.0, 1, 1], [-1.0, 1, 1]):
        assert_array_equal(SquaredHinge().check(np.array(y)), [-1, 1, 1])
    assert_array_equal(SquaredHinge().check(np.zeros(2)), [-1, -1])
    assert_array_equal(SquaredHinge().check(np.ones(2)), [1, 1])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Tweedie(0.5), r"^power must be >= 1 .*got 0\.5; no distribution has a power bet"),
        (lambda: Tweedie(0), r"got 0; with a log link it is not convex, and for 0 there"),
        (lambda: Tweedie(-1.0), r"got -1\.0; with a log link"),
        (lambda: Tweedie(np.nan), r"power must be a finite number"),
        (lambda: NegativeBinomial(0.0), r"theta must be a finite number > 0"),
        (lambda: Huber(-1.0), r"delta must be a finite number > 0"),
    ],
)
def test_numbers_out_of_range_are_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()


@pytest.mark.skipif(sys.flags.optimize > 1, reason="python -OO has no docstrings")
@pytest.mark.parametrize("name", [name for name in losses.__all__ if name != "SQUARED"])
def test_examples_of_losses_run(name):
    thing = getattr(losses, name)
    test = doctest.DocTestParser().get_doctest(thing.__doc__, {}, name, None, None)
    assert test.examples or name in ("Loss", "Squared")
    assert doctest.DocTestRunner(verbose=False).run(test).failed == 0
