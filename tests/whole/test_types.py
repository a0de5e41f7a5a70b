"""Types that users see: the program that checkers read runs, and help shows its signatures."""

import inspect
import pydoc
import re
import runpy
import typing
from pathlib import Path

import pytest

import softreg_fast as sf
from softreg_fast.options import choices

SCRIPT = Path(__file__).with_name("typed_script.py")


@pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")
def test_the_program_that_checkers_read_runs():
    runpy.run_path(str(SCRIPT), run_name="__main__")


@pytest.mark.parametrize("name", ["path", "solve", "cv_path", "Lasso", "LogisticRegressionCV"])
def test_help_shows_types_without_quotes(name):
    shown = pydoc.plain(pydoc.render_doc(getattr(sf, name)))
    signature = re.search(r"\n\n.*?\n \n|\n\n.*?\) ->", shown, re.DOTALL)[0]
    assert "'MatrixLike'" not in signature
    assert re.search(r"\w: [A-Z]\w+ \| None = None", signature)


@pytest.mark.parametrize("thing", [sf.path, sf.cv_path, sf.solve, sf.Lasso.__init__])
def test_annotations_can_be_evaluated(thing):
    hints = typing.get_type_hints(thing)
    assert set(inspect.signature(thing).parameters) - {"self"} <= set(hints)


def refused(call, **option):
    """Return the words in quotes, or listed, of the message for an unknown word."""
    with pytest.raises(ValueError, match="must be one of") as error:
        call(**option)
    return re.findall(r"[\w-]+", str(error.value).partition("one of ")[2].partition("got")[0])


X, Y = [[1.0, 0.0], [2.0, 1.0], [3.0, 0.0]] * 4, [1.0, 2.0, 4.0] * 4


@pytest.mark.parametrize(
    ("kind", "call", "option"),
    [
        (choices.Rule, lambda **o: sf.cv_path(X, Y, **o), "rule"),
        (choices.Solver, lambda **o: sf.solve(X, Y, **o), "solver"),
        (choices.Criterion, lambda **o: sf.cv_path(X, Y, **o), "criterion"),
        (choices.FoldWeights, lambda **o: sf.cv_path(X, Y, **o), "fold_weights"),
        (choices.Prediction, lambda **o: sf.solve(X, Y).predict(X, **o), "kind"),
        (choices.Ties, lambda **o: sf.losses.Cox(**o), "ties"),
        (choices.LossName, lambda **o: sf.solve(X, Y, **o), "loss"),
        (choices.Link, lambda **o: sf.TweedieRegressor(**o).fit(X, Y), "link"),
        (choices.TweedieSolver, lambda **o: sf.PoissonRegressor(**o).fit(X, Y), "solver"),
        (choices.Against, lambda **o: sf.PathDisplay.from_path(sf.path(X, Y), **o), "against"),
    ],
)
def test_a_type_has_the_words_that_a_message_lists(kind, call, option):
    listed = refused(call, **{option: "no such word"})
    assert listed[: len(typing.get_args(kind))] == list(typing.get_args(kind))
