"""Docstrings of public names: every parameter and attribute, the defaults, and running examples."""

import doctest
import inspect
import re
import sys
import textwrap
from enum import Enum
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags

import softreg_fast
import softreg_fast as sf
import softreg_fast.penalties

pytestmark = pytest.mark.skipif(sys.flags.optimize > 1, reason="python -OO has no docstrings")

TOOL = Path(__file__).parents[2] / "tools" / "docstrings.py"

PACKAGES = {"": softreg_fast, "penalties.": softreg_fast.penalties}

# Methods for this package's solvers and kernels alone.
INTERNAL = {
    "Design.columns_scaled_by",
    "Design.crossproduct",
    "Design.fixed",
    "Design.from_user",
    "Design.gradient_at_zero",
    "Design.know_gradient",
    "Design.know_gram",
    "Design.to_engine",
    "Design.to_user",
    "Design.reweighted",
    "Design.with_moments",
    "penalties.Elementwise.rule",
    "penalties.Elementwise.weights_as",
}


def methods_of(kind):
    """Return {name: method} of the methods of a class that are this package's."""
    found = {}
    for base in kind.__mro__[::-1]:
        if base.__module__.startswith("softreg_fast."):
            members = {name: getattr(each, "__func__", each) for name, each in vars(base).items()}
            own = {k: f for k, f in members.items() if k[0] != "_" and inspect.isfunction(f)}
            # a method without a docstring has that of the class before
            found |= {name: f for name, f in own.items() if f.__doc__ or name not in found}
    return found


PUBLIC = {
    prefix + name: getattr(package, name)
    for prefix, package in PACKAGES.items()
    for name in package.__all__
}
CLASSES = {name: thing for name, thing in PUBLIC.items() if isinstance(thing, type)}
NOT_CALLED = [Enum, Warning, tuple, sf.Path, sf.Solution, sf.CVPath]
NOT_CALLED += [sf.RelaxedPath, sf.StabilityPath]
RESULTS = {
    name: kind
    for name, kind in CLASSES.items()
    if issubclass(kind, tuple(NOT_CALLED)) and not issubclass(kind, Enum | Warning)
}
CALLED = {
    name: thing
    for name, thing in PUBLIC.items()
    if not (name in CLASSES and issubclass(thing, tuple(NOT_CALLED)))
}
METHODS = {
    name.removesuffix(kind.__qualname__) + method.__qualname__: method
    for name, kind in CLASSES.items()
    for method in methods_of(kind).values()
}
DESCRIBED = {**CALLED, **{name: m for name, m in METHODS.items() if name not in INTERNAL}}


def section(thing, title):
    """Return the body of a section of the docstring, '' without one."""
    text = inspect.getdoc(thing) + "\n"
    found = re.search(rf"^{title}\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", text, re.M | re.S)
    return found.group(1) if found else ""


def entries(thing, title):
    """Return {name: (type, text)} of a section."""
    parts = re.split(r"^(?=\S)", section(thing, title), flags=re.MULTILINE)
    heads = [part.split("\n", 1) for part in parts if part.strip()]
    return {
        head.partition(" : ")[0]: (head.partition(" : ")[2], textwrap.dedent(text).strip())
        for head, text in heads
    }


def parameters_of(thing):
    # the abstract penalty takes anything in __new__, for an error message
    called = thing.__init__ if hasattr(thing, "__dataclass_fields__") else thing
    found = inspect.signature(called).parameters.values()
    return {str(p).split(":")[0].split("=")[0]: p for p in found if p.name not in ("self", "cls")}


@pytest.mark.parametrize("name", DESCRIBED)
def test_every_parameter_is_described(name):
    thing, described = DESCRIBED[name], entries(DESCRIBED[name], "Parameters")
    assert list(described) == list(parameters_of(thing))
    for parameter, (kind, text) in described.items():
        assert text, parameter
        assert kind or parameter.startswith("*"), parameter


@pytest.mark.parametrize("name", DESCRIBED)
def test_stated_defaults_are_those_of_the_signature(name):
    described = entries(DESCRIBED[name], "Parameters")
    for parameter, given in parameters_of(DESCRIBED[name]).items():
        stated = re.search(r", default=(.*)$", described[parameter][0])
        assert bool(stated) == (given.default is not given.empty), parameter
        if stated:
            plain = isinstance(given.default, str | int | float | tuple | type(None))
            value = eval(stated.group(1), {}) if plain else stated.group(1)
            assert value == (given.default if plain else repr(given.default)), parameter


@pytest.mark.parametrize("name", [n for n, f in DESCRIBED.items() if not isinstance(f, type)])
def test_what_is_returned_is_described(name):
    returns = inspect.signature(DESCRIBED[name]).return_annotation
    assert bool(section(DESCRIBED[name], "Returns")) == (returns not in (None, "None"))


@pytest.mark.parametrize("name", RESULTS)
def test_every_field_of_a_result_is_described(name):
    described = entries(RESULTS[name], "Attributes")
    assert list(described) == list(inspect.signature(RESULTS[name]).parameters)
    assert all(kind and text for kind, text in described.values())


@pytest.mark.parametrize("name", [n for n, k in CLASSES.items() if issubclass(k, BaseEstimator)])
def test_every_fitted_attribute_is_described(name, rng):
    kind, options = CLASSES[name], {}
    if "relax" in inspect.signature(kind).parameters:
        options["relax"] = True
    if "store_cv_results" in inspect.signature(kind).parameters:
        options["store_cv_results"] = True
    X, y = np.round(rng.standard_normal((30, 3)), 1), rng.standard_normal(30)
    tags = get_tags(kind())
    target = y if tags.target_tags.single_output else np.column_stack((y, -y))
    if tags.target_tags.positive_only:
        target = np.exp(y)
    if tags.estimator_type == "classifier":
        target = y > 0.0
    if hasattr(kind, "predict_survival_function"):
        target = softreg_fast.survival(np.exp(y), y < 1.0)
    model = kind(**options).fit(X, target)
    kept = {each for each in dir(model) if each.endswith("_") and not each.startswith("_")}
    described = entries(kind, "Attributes")
    assert kept | {"feature_names_in_"} == set(described)
    assert all(kind and text for kind, text in described.values())


@pytest.mark.parametrize(
    ("function", "takes"),
    [
        ("relaxed_path", "path"),
        ("enet_path", "path"),
        ("lasso_path", "path"),
        ("PathDisplay.from_path", "PathDisplay.plot"),
        ("StabilityDisplay.from_estimator", "StabilityDisplay.plot"),
    ],
)
def test_options_passed_on_are_described_too(function, takes):
    text = section(DESCRIBED[function], "Parameters")
    nested = set(re.findall(r"^ *(\w+) : ", text, re.MULTILINE))
    fixed = set()
    if function != "relaxed_path":  # scikit-learn's
        fixed = {"l1_ratio", "penalty", "loss", "offset", "data", "dates", "missing", "unknown"}
    assert set(parameters_of(DESCRIBED[takes])) <= nested | fixed


@pytest.mark.parametrize("name", PUBLIC)
def test_examples_run(name):
    examples = section(PUBLIC[name], "Examples")
    assert ">>>" in examples
    test = doctest.DocTestParser().get_doctest(examples, {}, name, None, None)
    assert doctest.DocTestRunner(verbose=False).run(test).failed == 0


@pytest.mark.skipif(not TOOL.exists(), reason="the tools are not beside the tests")
def test_shared_texts_are_up_to_date(capsys):
    spec = spec_from_file_location("docstrings", TOOL)
    tool = module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.main(["--check"]) == 0, f"{capsys.readouterr().out}run python tools/docstrings.py"
