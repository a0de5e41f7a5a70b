"""The arguments of the command line: its commands, their options and their help."""

from __future__ import annotations

import argparse
from importlib.metadata import version

from softreg_fast.cli import values
from softreg_fast.cli.fit_arguments import add_file, add_fit_options, add_json
from softreg_fast.cli.messages import PROGRAM
from softreg_fast.cli.parser import Parser
from softreg_fast.options.choices import PREDICTIONS, SHELLS, UNKNOWN
from softreg_fast.options.spelling import composed

EXAMPLES = """\
examples:
  softreg_fast demo
  softreg_fast fit houses.csv --target price
  softreg_fast fit houses.csv --target price --select dev=0.6 --model model.json
  softreg_fast fit houses.csv --target price --cv 10 --rule 1se --report report.html
  softreg_fast predict model.json new_houses.csv --output predictions.csv
  softreg_fast evaluate model.json new_houses.csv

softreg_fast COMMAND --help tells more; softreg-fast and python -m softreg_fast do the same.
"""

FIT_EXAMPLES = """\
files: text tables with a header (.csv .tsv .txt .dat), Parquet (.parquet .pq), NumPy archives (.npz
with X and y, or a scipy.sparse matrix), svmlight (.svm .svmlight .libsvm). Text may be compressed
(.gz .bz2 .xz .zst .zip). Columns of text are categories, each level a feature. Nothing is written
unless --coefficients, --model or --report says where.

examples:
  softreg_fast fit houses.csv --target price --ignore street,city
  softreg_fast fit houses.csv --target price --alpha 0.1 --l1-ratio 0.5 --coefficients coef.csv
  softreg_fast fit houses.csv --target price --missing drop --dates year,month --test more.csv
  softreg_fast fit words.svmlight --select dev=0.5 --model model.json
  softreg_fast fit matrix.npz --target y.npy --penalty-weights weights.csv
  softreg_fast fit houses.csv --target price --cv 10 --rule 1se --report report.html
  softreg_fast fit clients.csv --target left --loss logistic --cv 10 --measure auc
  softreg_fast fit houses.csv --target price --penalty mcp --gamma 1.5,3,10 --cv 10
  softreg_fast fit houses.csv --target price --penalty group_lasso --groups columns
  softreg_fast fit claims.csv --target number --loss poisson --offset log_exposure --cv 10
  softreg_fast fit patients.csv --time days --event died --loss cox --cv 10 --model model.json
  zcat houses.csv.gz | softreg_fast fit - --target price --json
"""

PREDICT_EXAMPLES = """\
columns are found by their names, other columns are passed over. Without names they are taken in
order. A model file with many alphas gives a column of predictions for each.

examples:
  softreg_fast predict model.json new_houses.csv > predictions.csv
  softreg_fast predict model.json new_houses.csv --alpha 0.1 --output predictions.csv
  softreg_fast predict model.json patients.csv --kind survival --times 365,730
"""

EVALUATE_EXAMPLES = """\
The table has the columns of the fit, that of the target included. Its deviance ratio and R2 compare
the model with the best constant for this table.

examples:
  softreg_fast evaluate model.json new_houses.csv
  softreg_fast evaluate model.json new_houses.csv --alpha 0.1 --json
"""

COMPLETION_EXAMPLES = """\
examples:
  softreg_fast completion bash > ~/.local/share/bash-completion/completions/softreg_fast
  source <(softreg_fast completion zsh)
  softreg_fast completion fish > ~/.config/fish/completions/softreg_fast.fish
"""


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands; `command` of its result is the name of the one given."""
    parser = Parser(
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
    add_fit_options(fit)
    predict = commands.add_parser(
        "predict",
        help="apply a model to the table in a file",
        description="Apply a model, as written by fit --model, to the table in a file.",
        epilog=PREDICT_EXAMPLES,
    )
    _add_predict_options(predict)
    evaluate = commands.add_parser(
        "evaluate",
        help="measure a model on the table in a file",
        description="Compare the predictions of a model with the targets in a file.",
        epilog=EVALUATE_EXAMPLES,
    )
    _add_evaluate_options(evaluate)
    info = commands.add_parser("info", help="versions, threads and how the kernels were built")
    add_json(info)
    info.add_argument(
        "--bug-report",
        action="store_true",
        help="a block to paste into an issue, with a test fit, without names of users or folders",
    )
    completion = commands.add_parser(
        "completion",
        help="print a script that completes commands and options in a shell",
        description="Print a script that completes commands and options in a shell.",
        epilog=COMPLETION_EXAMPLES,
    )
    completion.add_argument("shell", choices=SHELLS)
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL.json", help="written by fit --model")
    add_file(parser)
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
        "--unknown",
        choices=UNKNOWN,
        help="what to do with levels that the fit has not seen: error, or zero: they have no "
        "effect (default: as the fit said)",
    )


def _add_predict_options(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
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
    add_json(parser)


def _add_evaluate_options(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    columns = {
        "--target": "the target; for .npz an array or a .npy file",
        "--weights": "sample weights",
        "--time": "survival times",
        "--event": "events, 1 or 0 if censored",
        "--start": "times of entry",
        "--strata": "strata",
    }
    for option, what in columns.items():
        default = "none" if option == "--weights" else "as in the fit"
        parser.add_argument(
            option, metavar="COLUMN", type=composed, help=f"{what} (default: {default})"
        )
    add_json(parser)
