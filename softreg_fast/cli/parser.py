"""The parser of the command line: errors in one line, options given once, hints for others."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from softreg_fast.options.hints import OTHER_OPTIONS
from softreg_fast.options.spelling import nearest, printable


class Parser(argparse.ArgumentParser):
    """Argument parser that reports errors in one line and rejects repeated options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["allow_abbrev"] = False
        kwargs["formatter_class"] = argparse.RawDescriptionHelpFormatter
        super().__init__(*args, **kwargs)
        self.register("action", None, Once)

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


class Once(argparse.Action):
    """Store the value of an option, which may be given once."""

    def __call__(
        self, parser: Any, namespace: Any, values: Any, option_string: str | None = None
    ) -> None:
        given = vars(namespace).setdefault("given", set())
        if option_string is not None and self.dest in given:
            parser.error(f"{option_string} is given twice; give it once")
        given.add(self.dest)
        setattr(namespace, self.dest, values)
