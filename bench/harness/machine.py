"""The machine and the versions on which the figures depend."""

import datetime
import os
import platform
import subprocess
from pathlib import Path

import joblib
from threadpoolctl import threadpool_info

from bench.harness import tables
from bench.harness.internals import config

# A load above this before the first measurement is due to other processes.
BUSY = 0.7


def environment(command, threads):
    """Return machine, versions and command: what the figures depend on besides the code."""
    ours = config()
    blas = [
        f"{info['internal_api']} {info['version']} ({info.get('architecture', 'unknown')}, "
        f"{info['num_threads']} threads, {Path(info['filepath']).parent.name})"
        for info in threadpool_info()
        if info["user_api"] == "blas"
    ]
    return {
        "command": command,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": cpu_model(),
        "cores": joblib.cpu_count(),
        "system": system(),
        "python": platform.python_version(),
        "blas": blas,
        **{name: ours[name] for name in ("numpy", "scipy", "scikit-learn", "softreg_fast")},
        "vector level": ours["vector level"],
        "openmp": ours["openmp"],
        "threads": list(threads),
        "load at the start": load(),
    }


def load():
    """Return the load average over the last minute, where the system provides it."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def cpu_model():
    """Return the model name of the processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    try:
        found = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=True
        )
        return found.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return platform.processor() or platform.machine()


def system():
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        name = platform.platform()
    return f"{name}, {platform.system()} {platform.release()}, {platform.machine()}"


def described(about):
    """Return (name, text) for each entry of the environment."""
    for name, value in about.items():
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        yield name, {True: "yes", False: "no"}.get(value, str(value))


def busy(about):
    """Return whether other processes were running."""
    return (about["load at the start"] or 0.0) > BUSY


def print_environment(about):
    width = max(map(len, about))
    for name, text in described(about):
        print(f"{name:<{width}}  {text}")
    if busy(about):
        print("\nOther programs are running: times with several threads are unreliable.")


def machine(about):
    """Return the lines of a table of what the figures depend on besides the code."""
    lines = ["| | |", "| --- | --- |", *map(tables.line, described(about))]
    if busy(about):
        lines += ["", "Other programs were running: times with several threads are unreliable."]
    return lines
