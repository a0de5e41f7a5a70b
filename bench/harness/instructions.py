"""Count of instructions by valgrind, which varies much less between runs than time."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# Solutions whose instructions are counted, beyond the first; the start of a process differs by some
# hundred thousand.
TIMES = 10


def instructions_of(build, kind, folder, tol):
    """Return the instructions of one solution by a build of softreg_fast, with one thread.

    They are the difference of two processes that solve the problem in the folder once, and several
    times.
    """
    once, more = (_counted(build, kind, folder, tol, times) for times in (1, 1 + TIMES))
    return (more - once) / TIMES


def _counted(build, kind, folder, tol, times):
    script = Path(__file__).with_name("serve.py")
    requests = {"load": str(folder), "n_threads": 1}, {"tol": tol, "times": times}
    settings = {"SOFTREG_BUILD": str(build), "PYTHONHASHSEED": "0"}
    settings |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    with tempfile.NamedTemporaryFile("r", suffix=".log") as log:
        options = ["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
        done = subprocess.run(
            ["valgrind", *options, f"--log-file={log.name}", sys.executable, script, "ours", kind],
            input="".join(json.dumps(request) + "\n" for request in requests),
            env=os.environ | settings,
            capture_output=True,
            text=True,
            check=True,
        )
        answer = json.loads(done.stdout.splitlines()[-1])
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return int(re.search(r"I\s+refs:\s+([\d,]+)", log.read())[1].replace(",", ""))
