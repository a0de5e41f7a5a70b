"""The options of `fit`, and those that it shares with the commands that apply a model."""

from __future__ import annotations

import argparse

from softreg_fast.cli import values
from softreg_fast.cli.tables.formats import TABLE_FORMATS
from softreg_fast.options.choices import MISSING, PENALTIES, RULES, UNKNOWN
from softreg_fast.options.spelling import as_names, composed

# The columns of survival times, by the options that name them.
SURVIVAL_COLUMNS = {
    "--time": "the times",
    "--event": "the events, 1 or 0 if censored; of other codes COLUMN=VALUE, as in status=2",
    "--start": "the times of entry, if samples are at risk later than from the beginning",
    "--strata": "the strata, which have baseline hazards of their own; text or numbers",
}


def add_file(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how to read a table."""
    parser.add_argument("file", metavar="FILE", help="the table; - is standard input")
    parser.add_argument("--format", choices=TABLE_FORMATS, help="default: by the ending of FILE")
    parser.add_argument(
        "--delimiter",
        type=values.delimiter,
        help="of a text table: one character, tab or space (default: by the first lines)",
    )
    parser.add_argument(
        "--decimal", choices=(".", ","), help="decimal mark of a text table (default: a point)"
    )
    parser.add_argument(
        "--encoding",
        metavar="NAME",
        type=values.encoding,
        help="of a text table, such as cp1252 or utf-16 (default: UTF-8)",
    )


def add_fit_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `fit`."""
    add_file(parser)
    _add_data_options(parser)
    _add_coding_options(parser)
    _add_penalty_options(parser)
    _add_solver_options(parser)
    _add_search_options(parser)
    _add_output_options(parser)


def _add_data_options(parser: argparse.ArgumentParser) -> None:
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
    data.add_argument(
        "--test",
        metavar="FILE",
        help="a second table with the same columns, on which the model is measured",
    )


def _add_coding_options(parser: argparse.ArgumentParser) -> None:
    coding = parser.add_argument_group("categories, dates and missing values")
    coding.add_argument(
        "--categories",
        metavar="COL[,COL]",
        action="append",
        type=as_names,
        default=[],
        help="columns of numbers, such as codes, that are read as categories; columns of text are "
        "in any case; may be repeated",
    )
    coding.add_argument(
        "--dates",
        metavar="PARTS",
        action="append",
        type=values.dates,
        default=[],
        help="parts of dates that are features, for all columns of dates, as in "
        "year,month,dayofweek, or for one, as in COLUMN=year+month; may be repeated",
    )
    coding.add_argument(
        "--missing",
        choices=MISSING,
        help="error (default); drop: leave out rows with missing values; indicator: fill in the "
        "mean, and add a feature that is 1 where a value is missing",
    )
    coding.add_argument(
        "--unknown",
        choices=UNKNOWN,
        help="what predict does with levels that the fit has not seen: error (default), or zero: "
        "they have no effect",
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
        help="1: Lasso (default), 0: ridge, between: elastic net; of sparse_group_lasso the share "
        "of single coefficients (default 0.5)",
    )
    model.add_argument(
        "--penalty",
        choices=tuple(PENALTIES),
        help="instead of L1 and L2: mcp and scad do not shrink large coefficients, group_lasso, "
        "sparse_group_lasso and group_mcp choose groups, slope makes coefficients equal in size",
    )
    model.add_argument(
        "--groups",
        metavar="WHICH",
        help="of a penalty of groups: columns (default: all features of a column, such as the "
        "levels of a category, are a group), or a text table with the columns feature and group",
    )
    model.add_argument(
        "--gamma",
        metavar="G[,G]",
        type=values.numbers,
        help="shape of --penalty mcp or group_mcp, > 0 (default 3); of several the best is chosen "
        "with --cv",
    )
    model.add_argument(
        "--a",
        metavar="A[,A]",
        type=values.numbers,
        help="shape of --penalty scad, > 2 (default 3.7); of several the best is chosen with --cv",
    )
    model.add_argument(
        "--q",
        metavar="Q[,Q]",
        type=values.numbers,
        help="of --penalty slope: the false discovery rate that its weights aim at, > 0 and < 1 "
        "(default 0.1); of several the best is chosen with --cv",
    )
    model.add_argument(
        "--penalty-weights",
        metavar="FILE",
        help="text table with the columns feature and l1, l2 or both; a feature that is not "
        "listed has weight 1, 0 is not penalised, inf is left out",
    )


def _add_solver_options(parser: argparse.ArgumentParser) -> None:
    model = parser.add_argument_group("fit")
    model.add_argument(
        "--standardize",
        action="store_true",
        help="penalise as if all columns had variance 1 (the default); coefficients keep the units "
        "of the columns",
    )
    model.add_argument(
        "--no-standardize", action="store_true", help="penalise coefficients as they are"
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
    add_json(output)


def add_json(parser: argparse._ActionsContainer) -> None:
    """Add the option that prints one JSON object instead of text."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
