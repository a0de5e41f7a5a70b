"""Requests to the commands: their arguments as records, checked against each other."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from softreg_fast.cli.messages import PROGRAM
from softreg_fast.cli.tables.roles import Roles
from softreg_fast.options.choices import SHAPES
from softreg_fast.options.errors import InputError

# Losses whose target may hold the names of two classes.
OF_CLASSES = ("logistic", "binomial", "probit", "cloglog", "squared_hinge")

# Losses whose target may hold the names of more.
OF_SEVERAL = ("multinomial", "multinomial:grouped")

# Losses whose target is a time and an event.
OF_SURVIVAL = ("cox", "cox:breslow", "cox:efron")


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
    """

    name: str
    file_format: str | None = None
    delimiter: str | None = None
    decimal: str | None = None


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
    """Return the table that the arguments of `fit` or `predict` name."""
    return TableFile(arguments.file, arguments.format, arguments.delimiter, arguments.decimal)


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
        ),
        grid=Grid(
            alphas=arguments.alphas if arguments.alpha is None else [arguments.alpha],
            n_alphas=arguments.n_alphas or 100,
            eps=arguments.eps or (1e-3 if arguments.cv is None else "auto"),
        ),
        settings={
            "loss": arguments.loss,
            "l1_ratio": arguments.l1_ratio,
            **_penalty(arguments),
            "standardize": arguments.standardize,
            "fit_intercept": not arguments.no_intercept,
            "positive": arguments.positive,
            "tol": arguments.tol,
            "max_iter": arguments.max_iter,
        },
        penalty_weights=arguments.penalty_weights,
        n_threads=arguments.threads,
        folds=_folds(arguments),
        select=arguments.select,
        rows=arguments.rows or 15,
        outputs=Outputs(arguments.coefficients, arguments.model, arguments.report),
        command=shlex.join([PROGRAM, *words]),
    )


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
    shape = SHAPES[arguments.penalty]
    values = getattr(arguments, shape)
    return {"penalty": arguments.penalty, **({} if values is None else {shape: values})}


def _check_penalty(arguments: argparse.Namespace) -> None:
    for kind, shape in SHAPES.items():
        values = getattr(arguments, shape)
        if values is None:
            continue
        if arguments.penalty != kind:
            raise InputError(f"--{shape} is the shape of {kind.upper()}; say --penalty {kind} too")
        if len(values) > 1 and arguments.cv is None:
            raise InputError(f"--{shape} has several values; say --cv K to choose one of them")
    if arguments.penalty is None:
        return
    if arguments.l1_ratio != 1.0:
        raise InputError("--l1-ratio is for L1 and L2; leave it out, or --penalty")
    if arguments.loss != "squared":
        raise InputError(
            f"--penalty {arguments.penalty} is for squared error; leave it out, or --loss"
        )


def _check_together(arguments: argparse.Namespace) -> None:
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
