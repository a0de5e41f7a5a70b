"""The commands demo, fit, predict, evaluate, info and completion.

Each imports what it computes with after its input was read: a wrong file name is reported at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence

from softreg_fast.cli.files import check_readable, check_writable, csv_lines, same_file, save
from softreg_fast.cli.messages import say
from softreg_fast.cli.requests import (
    FitRequest,
    ModelRequest,
    fit_request,
    model_request,
)
from softreg_fast.cli.standard_input import read_file
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import printable
from softreg_fast.system.writing import is_device

# File name endings allowed for each output; messages suggest the first.
TABLE_ENDINGS = (".csv", ".txt", ".dat")
MODEL_ENDINGS = (".json", ".txt")
REPORT_ENDINGS = (".html", ".htm")


def run(arguments: argparse.Namespace, words: Sequence[str]) -> None:
    """Run the command that the parsed arguments name; `words` is the command line.

    Raises
    ------
    InputError
    """
    if arguments.command == "fit":
        sys.stdout.writelines(fit(fit_request(arguments, words)))
    elif arguments.command == "predict":
        sys.stdout.writelines(predict(model_request(arguments)))
    elif arguments.command == "evaluate":
        sys.stdout.writelines(evaluate(model_request(arguments)))
    elif arguments.command == "demo":
        from softreg_fast.cli import demo

        demo.run(arguments.report)
    elif arguments.command == "completion":
        from softreg_fast.cli.arguments import build_parser
        from softreg_fast.cli.completion import script

        print(script(build_parser(), arguments.shell))
    elif arguments.bug_report:
        from softreg_fast.cli.bug_report import bug_report

        print(bug_report())
    elif arguments.json:
        from softreg_fast.cli.as_json import text_of
        from softreg_fast.system.config import config

        print(text_of({"command": "info", **config()}))
    else:
        from softreg_fast.system.config import show_config

        show_config()


def fit(request: FitRequest) -> Iterable[str]:
    """Fit a path to the input file, write the requested files and return lines for the output.

    Raises
    ------
    InputError
    """
    _check_outputs(request)
    if request.test is not None and request.test.name != "-":
        check_readable(request.test.name)
    table = read_file(request.file, request.roles)
    test = None
    if request.test is not None:
        from softreg_fast.cli.predict import roles_of_test

        test = read_file(request.test, roles_of_test(request, table))

    from softreg_fast.cli.fit import fit_table
    from softreg_fast.cli.fit_output import model_of, summary, write_files

    fitted = fit_table(table, request)
    measured = None
    if test is not None:
        from softreg_fast.cli.evaluation import evaluation

        measured = evaluation(model_of(fitted, fitted.k), test)[0]
        measured = {"n_samples": test.X.shape[0], **measured}
    written = write_files(fitted)
    if request.as_json:
        from softreg_fast.cli.as_json import of_fit, text_of

        return [text_of(of_fit(fitted, measured, written)), "\n"]
    lines = [*summary(fitted, measured), *([""] if written else [])]
    lines += [f"{what} written to {name}" for what, name in written.items()]
    return [printable("\n".join(lines)), "\n"]


def predict(request: ModelRequest) -> Iterable[str]:
    """Apply a model file to a table and return the lines for standard output.

    Raises
    ------
    InputError
    """
    output = request.output
    if output is not None:
        check_writable(output, [request.model, request.file.name], TABLE_ENDINGS)
    check_readable(request.model)

    from softreg_fast.cli.models import read_model
    from softreg_fast.cli.predict import prediction_rows, roles_for

    model = read_model(request.model)
    table = read_file(request.file, roles_for(model, request))
    rows = prediction_rows(model, table, request)
    if table.kept is not None:
        n = int((~table.kept).sum())
        which = "1 row lacks" if n == 1 else f"{n} rows lack"
        say(f"{which} a value that the model needs, so that the prediction is empty")
    n_rows = table.X.shape[0] if table.kept is None else len(table.kept)
    if output is not None:
        save(output, csv_lines(rows))
    if request.as_json:
        from softreg_fast.cli.as_json import of_predictions, text_of

        return [text_of(of_predictions(request, n_rows, rows)), "\n"]
    if output is None:
        return csv_lines(rows)
    return [f"{n_rows} predictions written to {output}\n"]


def evaluate(request: ModelRequest) -> Iterable[str]:
    """Measure a model file on a table and return the lines for standard output.

    Raises
    ------
    InputError
    """
    check_readable(request.model)

    from softreg_fast.cli.evaluation import evaluation, evaluation_lines
    from softreg_fast.cli.models import read_model
    from softreg_fast.cli.predict import roles_to_evaluate

    model = read_model(request.model)
    table = read_file(request.file, roles_to_evaluate(model, request))
    found = evaluation(model, table, request.alpha)
    n = table.X.shape[0]
    if request.as_json:
        from softreg_fast.cli.as_json import of_evaluation, text_of

        return [text_of(of_evaluation(request, model, n, found)), "\n"]
    lines = [f"{request.file.shown}: {n} rows", *table.told]
    if len(found) == 1:
        held = f"{found[0]['nonzero']} of {model.n_features} features"
        lines.append(f"alpha = {found[0]['alpha']:.6g}: {held}, measured on these rows")
    return [printable("\n".join([*lines, *evaluation_lines(found)])), "\n"]


def _check_outputs(request: FitRequest) -> None:
    arrays = [name for name in request.roles.others.values() if name.endswith(".npy")]
    read = [request.file.name, request.penalty_weights, request.groups, *arrays]
    if request.test is not None:
        read.append(request.test.name)
    outputs = {
        "--coefficients": (request.outputs.coefficients, TABLE_ENDINGS),
        "--model": (request.outputs.model, MODEL_ENDINGS),
        "--report": (request.outputs.report, REPORT_ENDINGS),
    }
    taken: dict[str, str] = {}
    for option, (name, endings) in outputs.items():
        if name is None:
            continue
        check_writable(name, read, endings)
        for first, other in taken.items():
            if same_file(name, other) and not is_device(name):
                raise InputError(f"{first} and {option} name the same file; give two names")
        taken[option] = name
    if request.outputs.report is not None:
        from softreg_fast.report.pictures import check_pictures

        check_pictures()
