"""Arguments of the command line: help, and one line for each mistake."""

import subprocess
import sys

import pytest
from datafiles import file_with, write_table

import softreg_fast

USAGE_ERRORS = [
    ((), "COMMAND"),
    (("fly",), "fly"),
    (("fit",), "FILE"),
    (("fit", "data.csv", "--target"), "--target"),
    (("fit", "data.csv", "--nonsense"), "--nonsense"),
    (("fit", "data.csv", "--alpha", "x"), "'x' is not a number >= 0"),
    (("fit", "data.csv", "--alpha", "-1"), "'-1' is not a number >= 0"),
    (("fit", "data.csv", "--alpha", "nan"), "'nan' is not a number"),
    (("fit", "data.csv", "--alphas", "1,,2"), "'' is not a number"),
    (("fit", "data.csv", "--alpha", "1", "--alphas", "1,2"), "not allowed with"),
    (("fit", "data.csv", "--alpha", "1", "--eps", "0.1"), "--eps"),
    (("fit", "data.csv", "--alphas", "1", "--n-alphas", "7"), "--n-alphas"),
    (("fit", "data.csv", "--alpha", "1", "--select", "dev=0.5"), "--select"),
    (("fit", "data.csv", "--l1-ratio", "1.5"), "'1.5' is not a number >= 0 and <= 1"),
    (("fit", "data.csv", "--eps", "0"), "'0' is not a number > 0"),
    (("fit", "data.csv", "--tol", "0"), "'0' is not a number > 0"),
    (("fit", "data.csv", "--max-iter", "0"), "'0' is not >= 1"),
    (("fit", "data.csv", "--n-alphas", "1.5"), "'1.5' is not a whole number"),
    (("fit", "data.csv", "--threads", "0"), "0 has no meaning"),
    (("fit", "data.csv", "--delimiter", "ab"), "'ab' is not one character"),
    (("fit", "data.csv", "--select", "best"), "'best' is not dev="),
    (("fit", "data.csv", "--select", "dev=2"), "'2' is not a number"),
    (("fit", "data.csv", "--format", "xls"), "xls"),
    (("fit", "data.csv", "--cv", "1"), "'1' is not >= 2"),
    (("fit", "data.csv", "--cv", "five"), "'five' is not a whole number"),
    (("fit", "data.csv", "--cv", "5", "--rule", "2se"), "2se"),
    (("fit", "data.csv", "--cv", "5", "--seed", "-1"), "'-1' is not from 0 to"),
    (("fit", "data.csv", "--cv", "5", "--alpha", "1"), "leave it out, or --alpha"),
    (("fit", "data.csv", "--cv", "5", "--select", "dev=0.5"), "--cv and --select"),
    (("fit", "data.csv", "--rule", "1se"), "--rule is for cross-validation; say --cv K"),
    (("fit", "data.csv", "--seed", "0"), "--seed is for cross-validation"),
    (("fit", "data.csv", "--seed", "none"), "--seed is for cross-validation"),
    (("predict", "m.json"), "FILE"),
]


@pytest.mark.parametrize(("argv", "words"), USAGE_ERRORS)
def test_usage_errors(fails, argv, words):
    write_table()
    assert words in fails(*argv)


def test_help_and_version(call):
    code, out, err = call("--version")
    assert (code, out, err) == (0, f"softreg_fast {softreg_fast.__version__}\n", "")
    for name in ("", "fit", "predict", "demo", "info", "evaluate", "completion"):
        command = (name,) if name else ()
        code, out, err = call(*command, "--help")
        assert (code, err) == (0, "")
        assert "usage: softreg_fast" in out
    assert "examples:" in call("--help")[1]


def test_options_and_help_do_without_pandas():
    # scikit-learn may import it itself: it is hidden here, and must not be needed
    hidden = "import sys; sys.modules['pandas'] = None; from softreg_fast.__main__ import main; "
    for words, code in ((["--version"], 0), (["fit", "x", "--alpha", "y"], 2)):
        command = [sys.executable, "-c", f"{hidden} sys.exit(main({words}))"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, "pandas" in done.stderr) == (code, False)


OPTIONS = [
    ("--target a", "--target is given twice"),
    ("--alpha 1 --alpha 2", "--alpha is given twice"),
    ("--standardize --no-standardize", "contradict each other"),
    ("--no-normalize", "did you mean --no-standardize?"),
    ("--one-hot a", "did you mean --categories?"),
    ("--alpha 1 --rows 3", "--rows is for the table of a path"),
    ("--lambda 3", "did you mean --alpha?"),
    ("--lambdas=3", "did you mean --alphas?"),
    ("--nfolds 3", "did you mean --cv?"),
    ("--penalty-factor 1", "did you mean --penalty-weights?"),
    ("--penalty_factor 1", "did you mean --penalty-weights?"),
    ("--lower-limits 0", "--positive bounds"),
    ("--n-jobs 2", "did you mean --threads?"),
    ("--family binomial", "did you mean --loss?"),
    ("--l1_ratio 1", "did you mean --l1-ratio?"),
    ("--alhpa 1", "did you mean --alpha?"),
    ("--zzzzzz", "unrecognized arguments: --zzzzzz"),
    ("--\x1b[31m", "\\x1b[31m"),
    ("--n-alphas 1_0", "'1_0' is not a whole number"),
    ("--alpha 1_0", "'1_0' is not a number"),
    ("--alpha １", "is not a number"),
    ("--format npz --decimal ,", "--decimal is for text tables"),
    ("--max-iter 1000000000000000000000", "is not < 2^63"),
    ("--eps auto", "--eps auto is for cross-validation"),
    ("--model ", "the name of a file to write is empty"),
    ("--delimiter é", "not one character"),
    ("--delimiter §", "ASCII"),
]


@pytest.mark.parametrize(("words", "said"), OPTIONS)
def test_options_that_contradict_or_are_not_ours(fails, words, said):
    file_with("a,y\n1,2\n3,4\n")
    assert said in fails("fit", "data.csv", "--target", "y", *words.split(" "))
