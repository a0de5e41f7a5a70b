"""The command line: softreg_fast demo | fit | predict | info."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from softreg_fast.cli.arguments import build_parser
from softreg_fast.cli.files import reason
from softreg_fast.cli.messages import say
from softreg_fast.options.errors import InputError


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

        # not needed for help and for unknown options, which end above
        from softreg_fast.cli.commands import run

        run(arguments, words)
        sys.stdout.flush()
    except SystemExit as stop:
        return int(stop.code or 0)
    except InputError as error:
        return _failed(str(error), 2)
    except MemoryError as error:
        return _failed(f"not enough memory: {error}", 2)
    except KeyboardInterrupt:
        return _failed("interrupted", 130)
    except OSError as error:  # input and output files raise InputError: this is standard output
        _forget_stdout()
        if isinstance(error, BrokenPipeError):
            return 141
        return _failed(f"cannot write to standard output: {reason(error)}", 2)
    return 0


def _failed(text: str, code: int) -> int:
    say(text)
    return code


def _forget_stdout() -> None:
    # send the rest of the buffer to the null device, so that Python does not report it at exit
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
