"""The command line: softreg_fast demo | fit | predict | info."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from softreg_fast import __version__, show_config
from softreg_fast.cli.commands import PROGRAM, FitRequest, Folds, fit, predict
from softreg_fast.cli.files import InputError, reason
from softreg_fast.cli.tables import TABLE_FORMATS, Roles
from softreg_fast.cli.tables.cells import as_number
from softreg_fast.model_selection.cv import RULES
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
"""

PREDICT_EXAMPLES = """\
columns are found by their names, other columns are passed over. Without names they are taken in
order. A model file with many alphas gives a column of predictions for each.

examples:
  softreg_fast predict model.json new_houses.csv > predictions.csv
  softreg_fast predict model.json new_houses.csv --alpha 0.1 --output predictions.csv
"""


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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str or None
        Command-line arguments; None: those of the process.

    Returns
    -------
    int
        0: success; 2: unusable input; 130: interrupted; 141: the output pipe was closed.
    """
    try:
        if hasattr(sys.stdout, "reconfigure"):  # escape what the terminal cannot show
            sys.stdout.reconfigure(errors="backslashreplace")
        words = sys.argv[1:] if argv is None else list(argv)
        arguments = build_parser().parse_args(words)
        arguments.command_line = shlex.join([PROGRAM, *words])
        arguments.run(arguments)
        sys.stdout.flush()
    except SystemExit as stop:
        return int(stop.code or 0)
    except (InputError, MemoryError) as error:
        said = str(error) if isinstance(error, InputError) else f"not enough memory: {error}"
        return _complain(said, 2)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except OSError as error:  # input and output files raise InputError: this is standard output
        _forget_stdout()
        if isinstance(error, BrokenPipeError):
            return 141
        return _complain(f"cannot write to standard output: {reason(error)}", 2)
    return 0


def _complain(text: str, code: int) -> int:
    print(printable(f"{PROGRAM}: {text}"), file=sys.stderr)
    return code


def _forget_stdout() -> None:
    # send the rest of the buffer to the null device, so that Python does not report it at exit
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


# ---------------------------------------------------------------------------------------------
# Arguments.


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands; `run` of its result is the function to call."""
    parser = _Parser(
        prog=PROGRAM,
        description="Lasso, elastic net and weighted ridge with a proof of how exact they are.",
        epilog=EXAMPLES,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    demo = commands.add_parser("demo", help="show what it does, on data that come with it")
    demo.add_argument(
        "--report", metavar="OUT.html", help="where its report goes (default: a temporary folder)"
    )
    demo.set_defaults(run=_demo)
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
    fit.set_defaults(run=_fit)
    predict = commands.add_parser(
        "predict",
        help="apply a model to the table in a file",
        description="Apply a model, as written by fit --model, to the table in a file.",
        epilog=PREDICT_EXAMPLES,
    )
    _add_predict_options(predict)
    predict.set_defaults(run=_predict)
    info = commands.add_parser("info", help="versions, threads and how the kernels were built")
    info.set_defaults(run=_info)
    return parser


def _add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the table")
    parser.add_argument("--format", choices=TABLE_FORMATS, help="default: by the ending of FILE")
    parser.add_argument(
        "--delimiter",
        type=_delimiter,
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
    grid.add_argument("--alpha", type=_nonnegative, help="one strength, instead of a path of them")
    grid.add_argument(
        "--alphas", metavar="A[,A]", type=_numbers, help="the strengths of the path (default: 100)"
    )
    model.add_argument("--n-alphas", metavar="N", type=_count, help="how many (default 100)")
    model.add_argument(
        "--eps",
        type=_eps,
        help="smallest strength over largest (default 0.001; with --cv auto: the path goes on from "
        "there while the error falls)",
    )
    model.add_argument(
        "--l1-ratio",
        type=_ratio,
        default=1.0,
        help="1: Lasso (default), 0: ridge, between: elastic net",
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
    model.add_argument("--tol", type=_positive, default=1e-6, help="of the gap (default 1e-6)")
    model.add_argument("--max-iter", metavar="N", type=_count, default=100_000)
    model.add_argument("--threads", metavar="N", type=_threads, help="default: all cores")


def _add_search_options(parser: argparse.ArgumentParser) -> None:
    search = parser.add_argument_group("cross-validation")
    search.add_argument(
        "--cv",
        metavar="K",
        type=_folds,
        help="choose the model of the path by its errors on K folds",
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
        type=_seed,
        help="of the shuffle that deals the rows out to the folds, for rows are often sorted "
        "(default 0); none: K blocks of rows in the order of the file, as for series in time",
    )


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    output = parser.add_argument_group("output")
    output.add_argument(
        "--select",
        metavar="WHICH",
        type=_selection,
        help="the model of the path that is shown and written: dev=0.9 (the first to explain that "
        "fraction of the deviance), alpha=A (the nearest) or index=K",
    )
    output.add_argument("--rows", metavar="N", type=_count, help="of the path to show (default 15)")
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
        "--alpha", type=_nonnegative, help="strength, if the model file has many; in its range"
    )
    parser.add_argument("--output", metavar="OUT.csv", help="default: standard output")


def _number(text: str, low: float, high: float, low_open: bool = False) -> float:
    value = as_number(text)
    if value is None:
        value = float("nan")
    if not (low < value if low_open else low <= value) or not value <= high or np.isinf(value):
        wanted = f"{'>' if low_open else '>='} {low:g}"
        if np.isfinite(high):
            wanted += f" and <= {high:g}"
        raise argparse.ArgumentTypeError(f"{text!r} is not a number {wanted}")
    return value


def _nonnegative(text: str) -> float:
    return _number(text, 0.0, np.inf)


def _positive(text: str) -> float:
    return _number(text, 0.0, np.inf, low_open=True)


def _eps(text: str) -> float | str:
    return text if text == "auto" else _number(text, 0.0, 1.0, low_open=True)


def _ratio(text: str) -> float:
    return _number(text, 0.0, 1.0)


def _numbers(text: str) -> list[float]:
    return [_nonnegative(word) for word in text.split(",")]


def _integer(text: str) -> int:
    if not re.fullmatch(r"[-+]?[0-9]{1,100}", text.strip()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _count(text: str, least: int = 1) -> int:
    if (value := _integer(text)) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not >= {least}")
    if value >= 2**63:  # the kernels count in int64
        raise argparse.ArgumentTypeError(f"{text!r} is not < 2^63")
    return value


def _folds(text: str) -> int:
    return _count(text, 2)


def _seed(text: str) -> int | str:
    if text == "none":
        return text
    if not 0 <= (value := _integer(text)) < 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not from 0 to {2**32 - 1}, or none")
    return value


def _threads(text: str) -> int:
    if (value := _integer(text)) == 0:
        raise argparse.ArgumentTypeError("0 has no meaning; -1 is all cores")
    return value


def _delimiter(text: str) -> str:
    character = {"tab": "\t", "\\t": "\t", "space": " "}.get(text, text)
    if len(character) != 1 or character in "\"'\r\n\0.+-" or character.isalnum():
        raise argparse.ArgumentTypeError(f"{text!r} is not one character, tab or space")
    if not character.isascii():
        raise argparse.ArgumentTypeError(f"{text!r} is not a character of ASCII, tab or space")
    return character


def _selection(text: str) -> tuple[str, float]:
    kind, _, value = text.partition("=")
    if kind == "dev":
        return kind, _ratio(value)
    if kind == "alpha":
        return kind, _nonnegative(value)
    if kind == "index":
        return kind, _integer(value)
    raise argparse.ArgumentTypeError(f"{text!r} is not dev=, alpha= or index= with a number")


# ---------------------------------------------------------------------------------------------
# Dispatch.


def _demo(arguments: argparse.Namespace) -> None:
    from softreg_fast.cli.demo import run

    run(arguments.report)


def _fit(arguments: argparse.Namespace) -> None:
    _check_fit(arguments)
    request = FitRequest(
        file=arguments.file,
        roles=Roles(
            target=arguments.target,
            weights=arguments.weights,
            ignore=[name for names in arguments.ignore for name in names],
        ),
        file_format=arguments.format,
        delimiter=arguments.delimiter,
        decimal=arguments.decimal,
        alphas=arguments.alphas if arguments.alpha is None else [arguments.alpha],
        n_alphas=arguments.n_alphas or 100,
        eps=arguments.eps or (1e-3 if arguments.cv is None else "auto"),
        settings={
            "l1_ratio": arguments.l1_ratio,
            "standardize": arguments.standardize,
            "fit_intercept": not arguments.no_intercept,
            "positive": arguments.positive,
            "tol": arguments.tol,
            "max_iter": arguments.max_iter,
        },
        penalty_weights=arguments.penalty_weights,
        n_threads=arguments.threads,
        folds=_folds_of(arguments),
        select=arguments.select,
        rows=arguments.rows or 15,
        coefficients=arguments.coefficients,
        model=arguments.model,
        report=arguments.report,
        command=arguments.command_line,
    )
    print(printable("\n".join(fit(request))))


def _check_fit(arguments: argparse.Namespace) -> None:
    grid = {"--n-alphas": arguments.n_alphas, "--eps": arguments.eps}
    given = [option for option, value in grid.items() if value is not None]
    if given and (arguments.alpha is not None or arguments.alphas is not None):
        raise InputError(
            f"{' and '.join(given)}: these make a path; leave them out, or --alpha and --alphas"
        )
    if arguments.alpha is not None and arguments.rows is not None:
        raise InputError("--rows is for the table of a path; leave it out, or --alpha")
    if arguments.alpha is not None and arguments.select is not None:
        raise InputError("--select chooses from a path; leave it out, or --alpha")
    if arguments.cv is None:
        _check_no_search(arguments)
    elif arguments.alpha is not None:
        raise InputError("--cv chooses from a path; leave it out, or --alpha")
    elif arguments.select is not None:
        raise InputError("--cv and --select both choose from the path; leave one of them out")


def _check_no_search(arguments: argparse.Namespace) -> None:
    auto = arguments.eps == "auto" or None
    options = {"--rule": arguments.rule, "--seed": arguments.seed, "--eps auto": auto}
    for option, value in options.items():
        if value is not None:
            raise InputError(f"{option} is for cross-validation; say --cv K too, such as --cv 10")


def _folds_of(arguments: argparse.Namespace) -> Folds | None:
    if arguments.cv is None:
        return None
    seed = None if arguments.seed == "none" else arguments.seed or 0
    return Folds(arguments.cv, arguments.rule or "min", seed)


def _predict(arguments: argparse.Namespace) -> None:
    lines = predict(
        arguments.model,
        arguments.file,
        alpha=arguments.alpha,
        output=arguments.output,
        file_format=arguments.format,
        delimiter=arguments.delimiter,
        decimal=arguments.decimal,
    )
    sys.stdout.writelines(lines)


def _info(arguments: argparse.Namespace) -> None:
    show_config()


if __name__ == "__main__":
    sys.exit(main())
