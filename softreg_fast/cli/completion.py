"""Scripts that complete commands and options in a shell, generated from the parser."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple

from softreg_fast.cli.messages import PROGRAM

# The names of the program.
PROGRAMS = (PROGRAM, PROGRAM.replace("_", "-"))

# Ends of the names of values that are files.
FILES = ("FILE", ".json", ".csv", ".html")

# Options of which the value may be a file.
MAY_BE_FILES = ("--weights", "--offset", "--target", "--groups")


class Option(NamedTuple):
    """An option of a command.

    Attributes
    ----------
    names : list of str
    words : list of str
        Words that complete its value.
    takes_file : bool
        Whether its value may be a file.
    takes_value : bool
        Whether it has a value.
    help : str
        One line.
    """

    names: list[str]
    words: list[str]
    takes_file: bool
    takes_value: bool
    help: str


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script for "bash", "zsh" or "fish"."""
    return "\n".join({"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](_commands(parser)))


def _commands(parser: argparse.ArgumentParser) -> dict[str, list[Option]]:
    """Return the options of each command; positional ones have no name."""
    (found,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return {
        name: [_option(action) for action in each._actions] for name, each in found.choices.items()
    }


def _option(action: argparse.Action) -> Option:
    metavar = str(action.metavar or "")
    words = [str(each) for each in action.choices or ()]
    takes_value = action.nargs != 0
    takes_file = takes_value and (
        metavar.endswith(FILES) or any(name in MAY_BE_FILES for name in action.option_strings)
    )
    told = " ".join((action.help or "").split()).partition(";")[0]
    return Option(list(action.option_strings), words, takes_file, takes_value, told)


def _bash(commands: dict[str, list[Option]]) -> Iterator[str]:
    yield f"# completion of {PROGRAM} in bash, written by: {PROGRAM} completion bash"
    yield f"_{PROGRAM}() {{"
    yield '    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"'
    yield '    local command="${COMP_WORDS[1]}" words=""'
    yield '    if [ "$COMP_CWORD" -eq 1 ]; then'
    yield f'        words="{" ".join(commands)} --help --version"'
    yield "    else"
    yield '        case "$command $before" in'
    for command, options in commands.items():
        for option in options:
            if not option.names or not option.takes_value:
                continue
            pattern = "|".join(f'"{command} {name}"' for name in option.names)
            if option.words:
                yield f'            {pattern}) words="{" ".join(option.words)}" ;;'
            elif option.takes_file:
                yield f"            {pattern}) ;;"
            else:
                yield f"            {pattern}) return ;;"
    yield "            *)"
    yield '                case "$command" in'
    for command, options in commands.items():
        names = [name for option in options for name in option.names]
        words = [word for option in options if not option.names for word in option.words]
        yield f'                    {command}) words="{" ".join([*words, *names])}" ;;'
    yield "                esac ;;"
    yield "        esac"
    yield "    fi"
    yield '    COMPREPLY=($(compgen -W "$words" -- "$word"))'
    yield '    if [ "${word#-}" = "$word" ] && [ "$COMP_CWORD" -gt 1 ]; then'
    yield '        COMPREPLY+=($(compgen -f -- "$word"))'
    yield "    fi"
    yield "}"
    yield f"complete -o filenames -F _{PROGRAM} {' '.join(PROGRAMS)}"


def _zsh(commands: dict[str, list[Option]]) -> Iterator[str]:
    # zsh runs the script of bash
    yield f"# completion of {PROGRAM} in zsh, to be sourced"
    yield "autoload -U +X compinit && compinit"
    yield "autoload -U +X bashcompinit && bashcompinit"
    yield from _bash(commands)


def _fish(commands: dict[str, list[Option]]) -> Iterator[str]:
    yield f"# completion of {PROGRAM} in fish, written by: {PROGRAM} completion fish"
    for program in PROGRAMS:
        first = f"complete -c {program} -n __fish_use_subcommand -f"
        yield f"{first} -a '{' '.join(commands)}'"
        for command, options in commands.items():
            of_command = f"complete -c {program} -n '__fish_seen_subcommand_from {command}'"
            for option in options:
                yield from _fish_lines(of_command, option)


def _fish_lines(of_command: str, option: Option) -> Iterator[str]:
    words = f" -f -a '{' '.join(option.words)}'" if option.words else ""
    if not option.names:
        if words:
            yield f"{of_command}{words}"
        return
    needs = " -r" if option.takes_value else ""
    files = "" if option.takes_file or not option.takes_value or words else " -f"
    told = option.help.replace("\\", "").replace("'", "\\'")
    for name in option.names:
        kind = f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
        yield f"{of_command} {kind}{needs}{files}{words} -d '{told}'"
