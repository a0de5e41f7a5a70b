"""The packages' environments, under build/peers: adelie needs an older NumPy than others."""

import importlib.metadata
import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "peers"

# Results of nets, and the packages and data that bench/nn/site.py installs.
NETS = ROOT / "build" / "nn"
SITE = NETS / "site"

# package: name of its environment
HOME = {
    "ours": "this",
    "sklearn": "this",
    "celer": "modern",
    "skglm": "modern",
    "glmnet": "modern",
    "adelie": "older",
}
# only if R has it installed
R_HOME = {"rglmnet": "this"}
# for losses beyond the squared one
LOSS_HOME = {"glum": "glum", "sksurv": "survival"}
# for penalties beyond L1
PENALTY_HOME = {"sortedl1": "sorted"}
ALL_HOMES = {**HOME, **R_HOME, **LOSS_HOME, **PENALTY_HOME}
REQUIREMENTS = {
    "modern": ["numpy>=2", "scipy", "scikit-learn", "celer", "skglm", "python-glmnet"],
    "glum": ["numpy>=2", "scipy", "glum"],
    "survival": ["numpy>=2", "scipy", "scikit-survival"],
    "sorted": ["numpy>=2", "scipy", "sortedl1"],
    "older": ["numpy<2", "scipy", "adelie"],
}
DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "glmnet": "python-glmnet",
    "sksurv": "scikit-survival",
    "ours": "softreg_fast",
}


def available():
    """Return the available packages: those of Python, and R's glmnet if R has it."""
    if version_of("rglmnet"):
        return {**HOME, **R_HOME}
    return HOME


def python_of(package):
    """Return the interpreter of a package's environment, which is created if missing."""
    name = ALL_HOMES[package]
    if name == "this":
        return sys.executable
    folder = FOLDER / name
    python, wanted = folder / "bin" / "python", json.dumps(REQUIREMENTS[name])
    stamp = folder / "installed.json"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"making the environment {folder}", flush=True)
        venv.create(folder, clear=True, with_pip=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*map(str, install), *REQUIREMENTS[name]], check=True)
        stamp.write_text(wanted)
    return str(python)


def version_of(package):
    """Return the version of a package in its environment."""
    if package == "rglmnet":
        return _version_in_r("glmnet")
    name = DISTRIBUTIONS.get(package, package)
    if ALL_HOMES[package] == "this":
        return importlib.metadata.version(name)
    ask = f"import importlib.metadata as m; print(m.version({name!r}))"
    done = subprocess.run(
        [python_of(package), "-c", ask], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _version_in_r(package):
    if not shutil.which("Rscript"):
        return ""
    ask = ["Rscript", "--vanilla", "-e", f'cat(as.character(packageVersion("{package}")))']
    done = subprocess.run(ask, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
