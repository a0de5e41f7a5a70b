"""The commands demo, fit, predict and info.

Each imports what it computes with after its input was read: a wrong file name is reported at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence

from softreg_fast.cli.files import check_readable, check_writable, same_file, save
from softreg_fast.cli.messages import warn_all
from softreg_fast.cli.requests import FitRequest, TableFile, fit_request, table_file
from softreg_fast.cli.tables.reading import read_table
from softreg_fast.cli.tables.roles import Roles, Table
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import printable
from softreg_fast.system.writing import is_device

# File name endings allowed for each output; messages suggest the first.
TABLE_ENDINGS = (".csv", ".txt", ".dat")
MODEL_ENDINGS = (".json", ".txt")
REPORT_ENDINGS = (".html", ".htm")

# Arguments of `predict` beside model and table.
PREDICT_OPTIONS = ("alpha", "output", "offset", "kind", "times", "strata")


def run(arguments: argparse.Namespace, words: Sequence[str]) -> None:
    """Run the command that the parsed arguments name; `words` is the command line.

    Raises
    ------
    InputError
    """
    if arguments.command == "fit":
        request = fit_request(arguments, words)
        print(printable("\n".join(fit(request))))
    elif arguments.command == "predict":
        file = table_file(arguments)
        told = {name: getattr(arguments, name) for name in PREDICT_OPTIONS}
        sys.stdout.writelines(predict(arguments.model, file, **told))
    elif arguments.command == "demo":
        from softreg_fast.cli import demo

        demo.run(arguments.report)
    elif arguments.bug_report:
        from softreg_fast.cli.bug_report import bug_report

        print(bug_report())
    else:
        from softreg_fast.system.config import show_config

        show_config()


def fit(request: FitRequest) -> list[str]:
    """Fit a path to the input file, write the requested files and return the summary lines.

    Raises
    ------
    InputError
    """
    _check_outputs(request)
    table = _table(request.file, request.roles)

    from softreg_fast.cli.fit import fit_table
    from softreg_fast.cli.fit_output import summary, write_files

    fitted = fit_table(table, request)
    written = write_files(fitted)
    return [*summary(fitted), *written]


def predict(
    model_file: str,
    file: TableFile,
    alpha: float | None = None,
    output: str | None = None,
    offset: str | None = None,
    kind: str | None = None,
    times: Sequence[float] | None = None,
    strata: str | None = None,
) -> Iterable[str]:
    """Apply a model file to a table and return the lines for standard output.

    Parameters
    ----------
    model_file : str
    file : TableFile
    alpha : float or None
        Strength, in the range of the model file; None: all of its strengths.
    output : str or None
        Name of the file for the predictions; None: they are the lines.
    offset : str or None
        Column of the offset; None: the one of the fit, if the model was fitted with an offset.
    kind : {"response", "link", "class", "proba", "survival"} or None
        What is predicted; None: the response, for classes with the class.
    times : sequence of float or None
        Of kind "survival"; None: all times of events of the fit.
    strata : str or None
        Column of the strata, for kind "survival"; None: the one of the fit.

    Raises
    ------
    InputError
    """
    if output is not None:
        check_writable(output, [model_file, file.name], TABLE_ENDINGS)
    check_readable(model_file)

    from softreg_fast.cli.models import read_model
    from softreg_fast.cli.predict import prediction_lines, roles_for

    model = read_model(model_file)
    table = _table(file, roles_for(model, model_file, offset, strata, kind))
    lines = prediction_lines(model, table, alpha, kind, times)
    if output is None:
        return lines
    save(output, lines)
    return [f"{table.X.shape[0]} predictions written to {output}\n"]


def _table(file: TableFile, roles: Roles) -> Table:
    table = read_table(file.name, roles, file.file_format, file.delimiter, file.decimal)
    warn_all(table.notes)
    return table


def _check_outputs(request: FitRequest) -> None:
    arrays = [name for name in request.roles.others.values() if name.endswith(".npy")]
    outputs = {
        "--coefficients": (request.outputs.coefficients, TABLE_ENDINGS),
        "--model": (request.outputs.model, MODEL_ENDINGS),
        "--report": (request.outputs.report, REPORT_ENDINGS),
    }
    taken: dict[str, str] = {}
    for option, (name, endings) in outputs.items():
        if name is None:
            continue
        check_writable(name, [request.file.name, request.penalty_weights, *arrays], endings)
        for first, other in taken.items():
            if same_file(name, other) and not is_device(name):
                raise InputError(f"{first} and {option} name the same file; give two names")
        taken[option] = name
    if request.outputs.report is not None:
        from softreg_fast.report.pictures import check_pictures

        check_pictures()
