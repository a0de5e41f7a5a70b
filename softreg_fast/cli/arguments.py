"""The arguments of the command line: its commands, their options and their help."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, NoReturn

from softreg_fast.cli import values
from softreg_fast.cli.messages import PROGRAM
from softreg_fast.cli.tables.formats import TABLE_FORMATS
from softreg_fast.options.choices import PREDICTIONS, RULES, SHAPES
from softreg_fast.options.hints import OTHER_OPTIONS
from softreg_fast.options.spelling import as_names, composed, nearest, printable

EXAMPLES = """\
examples:
  softreg_fast demo
  softreg_fast fit houses.csv --target price
  softreg_fast fit houses.csv --target price --standardize --select dev=0.6 --model model.json
  softreg_fast fit houses.csv --target price --standardize --cv 10 --rule 1se --report report.html
  softreg_fast predict model.json new_houses.csv --output predictions.csv

softreg_fast COMMAND --help tells more; python -m softreg_fast does the same.
"""

FIT_EXAMPLES = """\
files: text tables with a header (.csv .tsv .txt .dat, also with .gz), Parquet (.parquet .pq),
NumPy archives (.npz with X and y, or a scipy.sparse matrix), svmlight (.svm .svmlight .libsvm,
also with .gz). Nothing is written unless --coefficients, --model or --report says where.

examples:
  softreg_fast fit houses.csv --target price --ignore street,city
  softreg_fast fit houses.csv --target price --alpha 0.1 --l1-ratio 0.5 --coefficients coef.csv
  softreg_fast fit words.svmlight --select dev=0.5 --model model.json
  softreg_fast fit matrix.npz --target y.npy --penalty-weights weights.csv
  softreg_fast fit houses.csv --target price --cv 10 --rule 1se --report report.html
  softreg_fast fit clients.csv --target left --loss logistic --cv 10 --measure auc
  softreg_fast fit houses.csv --target price --penalty mcp --gamma 1.5,3,10 --cv 10
  softreg_fast fit claims.csv --target number --loss poisson --offset log_exposure --cv 10
  softreg_fast fit patients.csv --time days --event died --loss cox --cv 10 --model model.json
"""

PREDICT_EXAMPLES = """\
columns are found by their names, other columns are passed over. Without names they are taken in
order. A model file with many alphas gives a column of predictions for each.

examples:
  softreg_fast predict model.json new_houses.csv > predictions.csv
  softreg_fast predict model.json new_houses.csv --alpha 0.1 --output predictions.csv
  softreg_fast predict model.json patients.csv --kind survival --times 365,730
"""


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands; `command` of its result is the name of the one given."""
    parser = _Parser(
        prog=PROGRAM,
        description="Lasso, elastic net and weighted ridge with a proof of how exact they are.",
        epilog=EXAMPLES,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {version(PROGRAM)}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    demo = commands.add_parser("demo", help="show what it does, on data that come with it")
    demo.add_argument(
        "--report", metavar="OUT.html", help="where its report goes (default: a temporary folder)"
    )
    fit = commands.add_parser(
        "fit",
        help="fit a path of models, or one, to the table in a file",
        description="Fit a path of models, or one model, to the table in a file.",
        epilog=FIT_EXAMPLES,
    )
    _add_data_options(fit)
    _add_penalty_options(fit)
    _add_search_options(fit)
    _add_output_options(fit)
    predict = commands.add_parser(
        "predict",
        help="apply a model to the table in a file",
        description="Apply a model, as written by fit --model, to the table in a file.",
        epilog=PREDICT_EXAMPLES,
    )
    _add_predict_options(predict)
    info = commands.add_parser("info", help="versions, threads and how the kernels were built")
    info.add_argument(
        "--bug-report",
        action="store_true",
        help="a block to paste into an issue, with a test fit, without names of users or folders",
    )
    return parser


# The columns of survival times, by the options that name them.
SURVIVAL_COLUMNS = {
    "--time": "the times",
    "--event": "the events, 1 or 0 if censored",
    "--start": "the times of entry, if samples are at risk later than from the beginning",
    "--strata": "the strata, which have baseline hazards of their own; text or numbers",
}


def _add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the table")
    parser.add_argument("--format", choices=TABLE_FORMATS, help="default: by the ending of FILE")
    parser.add_argument(
        "--delimiter",
        type=values.delimiter,
        help="of a text table: one character, tab or space (default: by the first lines)",
    )
    parser.add_argument(
        "--decimal", choices=(".", ","), help="decimal mark of a text table (default: a point)"
    )


def _add_data_options(parser: argparse.ArgumentParser) -> None:
    _add_file(parser)
    data = parser.add_argument_group("data")
    data.add_argument(
        "--target",
        metavar="COLUMN",
        type=composed,
        help="what to predict; for .npz an array or a .npy file",
    )
    data.add_argument(
        "--weights",
        metavar="COLUMN",
        type=composed,
        help="sample weights; for .npz an array or a .npy file, for svmlight a .npy file",
    )
    data.add_argument(
        "--offset",
        metavar="COLUMN",
        type=composed,
        help="known part of the prediction, added as it is; given as --weights is",
    )
    survival = "of survival times (--loss cox), instead of --target: the column of "
    for option, what in SURVIVAL_COLUMNS.items():
        data.add_argument(option, metavar="COLUMN", type=composed, help=survival + what)
    data.add_argument(
        "--ignore",
        metavar="COL[,COL]",
        action="append",
        type=as_names,
        default=[],
        help="columns to leave out; may be repeated",
    )


def _add_penalty_options(parser: argparse.ArgumentParser) -> None:
    model = parser.add_argument_group("model")
    grid = model.add_mutually_exclusive_group()
    grid.add_argument(
        "--alpha", type=values.nonnegative, help="one strength, instead of a path of them"
    )
    grid.add_argument(
        "--alphas",
        metavar="A[,A]",
        type=values.numbers,
        help="the strengths of the path (default: 100)",
    )
    model.add_argument("--n-alphas", metavar="N", type=values.count, help="how many (default 100)")
    model.add_argument(
        "--eps",
        type=values.eps,
        help="smallest strength over largest (default 0.001; with --cv auto: the path goes on from "
        "there while the error falls)",
    )
    model.add_argument(
        "--loss",
        type=values.loss,
        default="squared",
        help="squared (default), logistic, probit, cloglog or squared_hinge for two classes, "
        "multinomial or multinomial:grouped for more, poisson, negative_binomial:THETA, gamma, "
        "tweedie:POWER, inverse_gaussian, huber:DELTA, quantile:TAU, cox or cox:efron for survival "
        "times; the target may hold the names of classes",
    )
    model.add_argument(
        "--l1-ratio",
        type=values.ratio,
        default=1.0,
        help="1: Lasso (default), 0: ridge, between: elastic net",
    )
    model.add_argument(
        "--penalty",
        choices=tuple(SHAPES),
        help="instead of L1 and L2, with squared error: it does not shrink large coefficients",
    )
    model.add_argument(
        "--gamma",
        metavar="G[,G]",
        type=values.numbers,
        help="shape of --penalty mcp, > 0 (default 3); of several the best is chosen with --cv",
    )
    model.add_argument(
        "--a",
        metavar="A[,A]",
        type=values.numbers,
        help="shape of --penalty scad, > 2 (default 3.7); of several the best is chosen with --cv",
    )
    model.add_argument(
        "--penalty-weights",
        metavar="FILE",
        help="text table with the columns feature and l1, l2 or both; a feature that is not "
        "listed has weight 1, 0 is not penalised, inf is left out",
    )
    model.add_argument(
        "--standardize", action="store_true", help="penalise as if all columns had variance 1"
    )
    model.add_argument("--no-intercept", action="store_true")
    model.add_argument("--positive", action="store_true", help="coefficients >= 0")
    model.add_argument(
        "--tol", type=values.positive, default=1e-6, help="of the gap (default 1e-6)"
    )
    model.add_argument("--max-iter", metavar="N", type=values.count, default=100_000)
    model.add_argument("--threads", metavar="N", type=values.threads, help="default: all cores")


def _add_search_options(parser: argparse.ArgumentParser) -> None:
    search = parser.add_argument_group("cross-validation")
    search.add_argument(
        "--cv",
        metavar="K",
        type=values.folds,
        help="choose the model of the path by its errors on K folds",
    )
    search.add_argument(
        "--measure",
        metavar="NAME",
        help="what the folds compare: deviance (default; under squared error the mean squared "
        "error), mse, mae, for classes auc, accuracy or brier, for survival times concordance, or "
        "a scorer of scikit-learn",
    )
    search.add_argument(
        "--rule",
        choices=RULES,
        help="min: the smallest error (default); 1se: the largest strength whose error is within "
        "one standard error of that",
    )
    search.add_argument(
        "--seed",
        metavar="N",
        type=values.seed,
        help="of the shuffle that deals the rows out to the folds, for rows are often sorted "
        "(default 0); none: K blocks of rows in the order of the file, as for series in time",
    )


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    output = parser.add_argument_group("output")
    output.add_argument(
        "--select",
        metavar="WHICH",
        type=values.selection,
        help="the model of the path that is shown and written: dev=0.9 (the first to explain that "
        "fraction of the deviance), alpha=A (the nearest) or index=K",
    )
    output.add_argument(
        "--rows", metavar="N", type=values.count, help="of the path to show (default 15)"
    )
    output.add_argument(
        "--coefficients", metavar="OUT.csv", help="write the coefficients, for a spreadsheet"
    )
    output.add_argument("--model", metavar="OUT.json", help="write the model, for predict")
    output.add_argument(
        "--report",
        metavar="OUT.html",
        help="write one page with pictures, coefficients, certificate and settings (needs "
        "matplotlib)",
    )


def _add_predict_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL.json", help="written by fit --model")
    _add_file(parser)
    parser.add_argument(
        "--alpha",
        type=values.nonnegative,
        help="strength, if the model file has many; in its range",
    )
    parser.add_argument(
        "--offset",
        metavar="COLUMN",
        type=composed,
        help="offset of a model fitted with one (default: the column that had it in the fit)",
    )
    parser.add_argument(
        "--kind",
        choices=PREDICTIONS,
        help="response: the mean of the target (default, for classes with the class); link: the "
        "linear predictor; class and proba: of classes; survival: the probabilities of no event "
        "up to each time, of a model with --loss cox",
    )
    parser.add_argument(
        "--times",
        metavar="T[,T]",
        type=values.numbers,
        help="of --kind survival (default: all times of events of the fit)",
    )
    parser.add_argument(
        "--strata",
        metavar="COLUMN",
        type=composed,
        help="of --kind survival (default: the column that had them in the fit)",
    )
    parser.add_argument("--output", metavar="OUT.csv", help="default: standard output")


class _Parser(argparse.ArgumentParser):
    """Argument parser that reports errors in one line and rejects repeated options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["allow_abbrev"] = False
        kwargs["formatter_class"] = argparse.RawDescriptionHelpFormatter
        super().__init__(*args, **kwargs)
        self.register("action", None, _Once)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(self._unknown(rest))
        return found, rest

    def _unknown(self, words: Sequence[str]) -> str:
        options = [word.partition("=")[0] for word in words if word.startswith("-")]
        for option in options:
            known = option.lower().replace("_", "-")
            ours = OTHER_OPTIONS.get(known) or nearest(known, [*self._option_string_actions])
            if ours is not None:
                said = f"did you mean {ours}?" if ours in self._option_string_actions else ours
                return f"there is no option {option}; {said}"
        return f"unrecognized arguments: {' '.join(words)}"

    def error(self, message: str) -> NoReturn:
        said = printable(" ".join(f"{self.prog}: {message} (see {self.prog} --help)".split()))
        self.exit(2, f"{said}\n")


class _Once(argparse.Action):
    """Store the value of an option, which may be given once."""

    def __call__(
        self, parser: Any, namespace: Any, values: Any, option_string: str | None = None
    ) -> None:
        given = vars(namespace).setdefault("given", set())
        if option_string is not None and self.dest in given:
            parser.error(f"{option_string} is given twice; give it once")
        given.add(self.dest)
        setattr(namespace, self.dest, values)
