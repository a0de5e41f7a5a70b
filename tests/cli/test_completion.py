"""Scripts that complete commands and options: complete, and right in their shells."""

import shutil
import subprocess

import pytest

from softreg_fast.cli.arguments import build_parser


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_option_is_in_the_script(call, shell):
    code, out, err = call("completion", shell)
    assert (code, err) == (0, "")
    for command in ("fit", "predict", "evaluate", "info", "demo", "completion"):
        assert command in out
    parser = build_parser()
    (commands,) = (action for action in parser._actions if hasattr(action, "add_parser"))
    for each in commands.choices.values():
        for action in each._actions:
            for name in action.option_strings:
                assert (name if shell != "fish" else name.lstrip("-")) in out


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["pre"], ["predict"]),
        (["fit", "--penalty-w"], ["--penalty-weights"]),
        (["fit", "--rule", ""], ["min", "1se"]),
        (["fit", "data.csv", "--missing", "d"], ["drop"]),
        (["completion", "f"], ["fish"]),
        (["fit", "--alpha", ""], []),
    ],
)
def test_bash_completes(call, words, expected, tmp_path):
    script = tmp_path / "script.sh"
    script.write_text(call("completion", "bash")[1])
    typed = " ".join(f'"{word}"' for word in ["softreg_fast", *words])
    program = (
        f". {script}; COMP_WORDS=({typed}); COMP_CWORD={len(words)}; _softreg_fast; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    found = [each for each in done.stdout.splitlines() if each and each != "script.sh"]
    assert (found, done.stderr) == (expected, "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_can_read_their_scripts(call, shell, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_text(call("completion", shell)[1])
    subprocess.run([shell, "-n", str(script)], check=True)


def test_another_shell(fails):
    assert "tcsh" in fails("completion", "tcsh")
