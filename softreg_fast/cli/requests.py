"""Requests to the commands: their arguments as records, checked against each other."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from softreg_fast.cli.messages import PROGRAM
from softreg_fast.cli.tables.roles import Roles
from softreg_fast.options.choices import OF_GROUPS, PENALTIES, Prediction
from softreg_fast.options.errors import InputError

# Losses whose target may hold the names of two classes.
OF_CLASSES = ("logistic", "binomial", "probit", "cloglog", "squared_hinge")

# Losses whose target may hold the names of more.
OF_SEVERAL = ("multinomial", "multinomial:grouped")

# Losses whose target is a time and an event.
OF_SURVIVAL = ("cox", "cox:breslow", "cox:efron")


# Name of the file "-" in messages.
STANDARD_INPUT = "standard input"


@dataclass(frozen=True)
class TableFile:
    """A file that holds a table, and how to read it.

    Attributes
    ----------
    name : str
    file_format : {"csv", "parquet", "npz", "svmlight"} or None
        None: inferred from the ending of the name.
    delimiter : str or None
        Delimiter of a text table; " " stands for any white space, None for inference from the first
        lines.
    decimal : {".", ","} or None
        Decimal mark of a text table; None: a point.
    encoding : str or None
        Encoding of a text table; None: UTF-8.
    """

    name: str
    file_format: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    encoding: str | None = None

    @property
    def shown(self) -> str:
        """Name of the file in messages."""
        return STANDARD_INPUT if self.name == "-" else self.name


@dataclass(frozen=True)
class Grid:
    """The alphas of a path.

    Attributes
    ----------
    alphas : list of float or None
        None: `n_alphas` of them, from the largest down to `eps` times that.
    n_alphas : int
    eps : float or "auto"
        "auto" with cross-validation only.
    """

    alphas: list[float] | None
    n_alphas: int
    eps: float | str

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of `path` that say this."""
        if self.alphas is not None:
            return {"alphas": self.alphas}
        return {"n_alphas": self.n_alphas, "eps": self.eps}


@dataclass(frozen=True)
class Folds:
    """Cross-validation that chooses alpha.

    Attributes
    ----------
    n_folds : int
    rule : {"min", "1se"}
    seed : int or None
        Seed of the shuffle; None: contiguous blocks of rows in their order.
    measure : str
        What the folds compare.
    """

    n_folds: int
    rule: str
    seed: int | None
    measure: str

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of `cv_path` that say this."""
        return {
            "cv": self.n_folds,
            "rule": self.rule,
            "seed": self.seed,
            "measure": self.measure,
        }


@dataclass(frozen=True)
class Outputs:
    """Names of the files to write; None: not written."""

    coefficients: str | None
    model: str | None
    report: str | None


@dataclass(frozen=True)
class FitRequest:
    """Arguments of the command `fit`.

    Attributes
    ----------
    file : TableFile
    roles : Roles
        Roles of its columns.
    grid : Grid
    settings : dict
        Arguments of `path` that a model file records.
    penalty_weights : str or None
        Name of the file with the weights of the features.
    n_threads : int or None
    folds : Folds or None
        Cross-validation that chooses the model shown and written.
    select : (str, float) or None
        ("dev", fraction), ("alpha", strength) or ("index", number): the choice without folds.
    rows : int
        Number of lines of the path to show.
    outputs : Outputs
    command : str
        The command line.
    groups : str or None
        Groups of a penalty of groups: "columns", or the name of a file.
    test : TableFile or None
        A second table, on which the model is measured.
    as_json : bool
        Whether a JSON object is printed instead of text.
    """

    file: TableFile
    roles: Roles
    grid: Grid
    settings: dict[str, Any]
    penalty_weights: str | None
    n_threads: int | None
    folds: Folds | None
    select: tuple[str, float] | None
    rows: int
    outputs: Outputs
    command: str
    groups: str | None = None
    test: TableFile | None = None
    as_json: bool = False

    @property
    def chooses(self) -> bool:
        """True if a single model of the path is chosen."""
        return self.select is not None or self.folds is not None

    @property
    def choice(self) -> str:
        """Choice of the model that is shown, in words."""
        if self.folds is not None:
            return f"by {self.folds.n_folds}-fold cross-validation, rule {self.folds.rule}"
        if self.select is not None:
            return "as selected"
        return "the first to reach 90 % of what the path explains; --select chooses another"


def table_file(arguments: argparse.Namespace) -> TableFile:
    """Return the table that the arguments of a command name."""
    how = (arguments.format, arguments.delimiter, arguments.decimal, arguments.encoding)
    return TableFile(arguments.file, *how)


def _test_file(arguments: argparse.Namespace) -> TableFile | None:
    """Return the second table, which is read as the first where it has the same format."""
    if arguments.test is None:
        return None
    if arguments.test == "-" == arguments.file:
        raise InputError("FILE and --test are both standard input; give one of them a file")
    return replace(table_file(arguments), name=arguments.test)


def fit_request(arguments: argparse.Namespace, words: Sequence[str]) -> FitRequest:
    """Return the parsed arguments of `fit` as a request; `words` is the command line.

    Raises
    ------
    InputError
        For options that do not go together.
    """
    _check_together(arguments)
    return FitRequest(
        file=table_file(arguments),
        roles=Roles(
            target=arguments.target if arguments.time is None else arguments.time,
            weights=arguments.weights,
            offset=arguments.offset,
            ignore=[name for names in arguments.ignore for name in names],
            labels=arguments.loss in (*OF_CLASSES, *OF_SEVERAL),
            several=arguments.loss in OF_SEVERAL,
            event=arguments.event,
            start=arguments.start,
            strata=arguments.strata,
            categories=[name for names in arguments.categories for name in names],
            dates=arguments.dates,
            missing=arguments.missing or "error",
            unknown=arguments.unknown,
        ),
        grid=Grid(
            alphas=arguments.alphas if arguments.alpha is None else [arguments.alpha],
            n_alphas=arguments.n_alphas or 100,
            eps=arguments.eps or (1e-3 if arguments.cv is None else "auto"),
        ),
        settings=_settings(arguments),
        penalty_weights=arguments.penalty_weights,
        n_threads=arguments.threads,
        folds=_folds(arguments),
        select=arguments.select,
        rows=arguments.rows or 15,
        outputs=Outputs(arguments.coefficients, arguments.model, arguments.report),
        command=shlex.join([PROGRAM, *words]),
        groups=_groups(arguments),
        test=_test_file(arguments),
        as_json=arguments.json,
    )


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    ratio = arguments.l1_ratio
    if ratio is None:
        ratio = 0.5 if arguments.penalty == "sparse_group_lasso" else 1.0
    return {
        "loss": arguments.loss,
        "l1_ratio": ratio,
        **_penalty(arguments),
        "standardize": not arguments.no_standardize,
        "fit_intercept": not arguments.no_intercept,
        "positive": arguments.positive,
        "tol": arguments.tol,
        "max_iter": arguments.max_iter,
    }


def _check_survival(arguments: argparse.Namespace) -> None:
    named = {
        "--time": arguments.time,
        "--event": arguments.event,
        "--start": arguments.start,
        "--strata": arguments.strata,
    }
    given = [option for option, name in named.items() if name is not None]
    if arguments.loss not in OF_SURVIVAL:
        if given:
            raise InputError(f"{given[0]} is for survival times; say --loss cox too")
        return
    if arguments.target is not None:
        raise InputError(
            "--loss cox: the target is a time and an event; name their columns with --time and "
            "--event instead of --target"
        )
    missing = [option for option in ("--time", "--event") if option not in given]
    if missing:
        raise InputError(
            f"--loss cox: {' and '.join(missing)} must name the column of "
            f"{'the times' if missing[0] == '--time' else 'the events, 1 or 0 if censored'}"
        )
    if arguments.no_intercept:
        raise InputError("--loss cox has no intercept; leave --no-intercept out")


def _penalty(arguments: argparse.Namespace) -> dict[str, Any]:
    # settings that name a penalty and the values of its shape
    if arguments.penalty is None:
        return {}
    shape = PENALTIES[arguments.penalty]
    values = None if shape is None else getattr(arguments, shape)
    named = {"penalty": arguments.penalty}
    return named if shape is None or values is None else {**named, shape: values}


def _groups(arguments: argparse.Namespace) -> str | None:
    if arguments.penalty not in OF_GROUPS:
        return None
    return str(arguments.groups or "columns")


def _check_penalty(arguments: argparse.Namespace) -> None:
    given = arguments.penalty
    for shape in sorted({each for each in PENALTIES.values() if each is not None}):
        values = getattr(arguments, shape)
        if values is None:
            continue
        owners = [kind for kind, each in PENALTIES.items() if each == shape]
        if given not in owners:
            of = " or ".join(f"--penalty {kind}" for kind in owners)
            raise InputError(f"--{shape} is a number of {of}; say that too, or leave it out")
        if len(values) > 1 and arguments.cv is None:
            raise InputError(f"--{shape} has several values; say --cv K to choose one of them")
    if arguments.groups is not None and given not in OF_GROUPS:
        raise InputError(
            f"--groups is for --penalty {', '.join(OF_GROUPS)}; say one of these, or leave it out"
        )
    if given is None:
        return
    if arguments.l1_ratio is not None and given != "sparse_group_lasso":
        raise InputError("--l1-ratio is for L1 and L2; leave it out, or --penalty")
    if arguments.loss != "squared" and given == "group_mcp":
        raise InputError(f"--penalty {given} is for squared error; leave it out, or --loss")
    alone = given in OF_GROUPS or given == "slope"
    for option, value in (
        ("--positive", arguments.positive),
        ("--penalty-weights", arguments.penalty_weights),
    ):
        if value and alone:
            raise InputError(
                f"{option} is for penalties of single coefficients; leave it out, or "
                f"--penalty {given}"
            )


def _check_together(arguments: argparse.Namespace) -> None:
    if arguments.standardize and arguments.no_standardize:
        raise InputError("--standardize and --no-standardize contradict each other; leave one out")
    _check_survival(arguments)
    _check_penalty(arguments)
    if arguments.offset is not None and arguments.loss in OF_SEVERAL:
        raise InputError(
            f"--loss {arguments.loss} has an offset for each class, and --offset names one column; "
            "fit it in Python, sf.path(X, y, loss='multinomial', offset=...)"
        )
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
    options = {
        "--rule": arguments.rule,
        "--measure": arguments.measure,
        "--seed": arguments.seed,
        "--eps auto": auto,
    }
    for option, value in options.items():
        if value is not None:
            raise InputError(f"{option} is for cross-validation; say --cv K too, such as --cv 10")


def _folds(arguments: argparse.Namespace) -> Folds | None:
    if arguments.cv is None:
        return None
    seed = None if arguments.seed == "none" else arguments.seed or 0
    return Folds(arguments.cv, arguments.rule or "min", seed, arguments.measure or "deviance")


@dataclass(frozen=True)
class ModelRequest:
    """Arguments of the commands `predict` and `evaluate`.

    Attributes
    ----------
    model : str
        Name of the model file.
    file : TableFile
    alpha : float or None
        Strength, in the range of the model file; None: all of its strengths.
    offset : str or None
        Column of the offset; None: the one of the fit, if the model was fitted with an offset.
    unknown : {"error", "zero"} or None
        What becomes of levels that the fit has not seen; None: as the fit said.
    strata : str or None
        Column of the strata; None: the one of the fit.
    as_json : bool
        Whether a JSON object is printed instead of text.
    output : str or None
        Name of the file for predictions; None: they go to standard output.
    kind : {"response", "link", "class", "proba", "survival"} or None
        Kind of predictions; None: the response, for classes with the class.
    times : sequence of float or None
        Of kind "survival"; None: all times of events of the fit.
    target, weights, time, event, start : str or None
        Columns that an evaluation needs; None: those of the fit, no weights.
    """

    model: str
    file: TableFile
    alpha: float | None = None
    offset: str | None = None
    unknown: str | None = None
    strata: str | None = None
    as_json: bool = False
    output: str | None = None
    kind: Prediction | None = None
    times: Sequence[float] | None = None
    target: str | None = None
    weights: str | None = None
    time: str | None = None
    event: str | None = None
    start: str | None = None


def model_request(arguments: argparse.Namespace) -> ModelRequest:
    """Return the parsed arguments of `predict` or `evaluate` as a request."""
    given = vars(arguments)
    others = ("model", "file", "as_json")
    named = {
        field.name: given[field.name]
        for field in fields(ModelRequest)
        if field.name in given and field.name not in others
    }
    file = table_file(arguments)
    return ModelRequest(arguments.model, file, as_json=arguments.json, **named)
