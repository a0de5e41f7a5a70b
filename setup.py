"""Compile one extension, ``softreg_fast.kernels._NAME``, from every ``src/_NAME.pyx``.

All other metadata of the distribution is in pyproject.toml; its description is README.md.
Environment:

    SOFTREG_OPENMP=auto      use OpenMP if the compiler can (the default);
                   require   fail if it cannot;      off   build without it
    SOFTREG_CHECKED=1        bounds-checked kernels with C assertions, for the tests
    SOFTREG_LIBOMP=PREFIX    where libomp is installed (macOS; default: asks Homebrew)
    CC, CFLAGS, LDFLAGS      as usual; CFLAGS come last, so they take precedence
"""

import contextlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError


def switch(name, default, *choices):
    """Return the value of an environment variable that takes one of a few words."""
    value = os.environ.get(name) or default
    if value not in (default, *choices):
        allowed = ", ".join((default, *choices))
        raise SystemExit(f"error: {name}={value!r} means nothing here; use one of: {allowed}")
    return value


PACKAGE = "softreg_fast.kernels"  # of the compiled modules

OPENMP = switch("SOFTREG_OPENMP", "auto", "require", "off")
CHECKED = switch("SOFTREG_CHECKED", "0", "1") == "1"

# The only place where directives are set.  A checked build keeps wraparound off, so that
# a negative index is an error there and not the last element.
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": CHECKED,
    "initializedcheck": CHECKED,
    "nonecheck": CHECKED,
    "wraparound": False,
    "cdivision": True,
    "autotestdict": False,
    "auto_pickle": False,
    "embedsignature": True,
    "embedsignature.format": "python",
    "freethreading_compatible": True,
    "show_performance_hints": not CHECKED,
}

OPENMP_PROBE = """
#ifndef _OPENMP
#error "this compiler ignores the OpenMP flag"
#endif
#include <omp.h>
int main(void) {
    int i, total = 0;
    #pragma omp parallel for reduction(+: total) num_threads(2)
    for (i = 0; i < 4; i++) total += i + 0 * omp_get_thread_num();
    return total != 6;
}
"""

OPENMP_MISSING = """
    softreg_fast is being built WITHOUT OpenMP: every result stays the same,
    but only one core will work on each problem.

    The compiler could not build a four-line OpenMP program. To change that:
      Debian, Ubuntu   gcc needs nothing more; for clang: apt-get install libomp-dev
      Fedora           gcc needs nothing more; for clang: dnf install libomp-devel
      macOS            brew install libomp   (or name its place in SOFTREG_LIBOMP)
      conda            conda install compilers
    SOFTREG_OPENMP=off builds like this without asking; =require makes it an error.
"""


def optimisation_flags(kind):
    """Return the flags of every build; `kind` is the compiler type as setuptools names it."""
    if kind == "msvc":  # untested; setuptools sets optimisation and NDEBUG anyway
        return ["/Od", "/UNDEBUG"] if CHECKED else ["/O2"]
    # -fopenmp-simd obeys "omp simd" and needs no run-time library.  The last two let gcc
    # vectorise sqrt and comparisons; unlike -ffast-math they leave inf, nan and denormals alone.
    level = ["-O1", "-UNDEBUG"] if CHECKED else ["-O3", "-g0", "-DNDEBUG"]
    # Cython's generated C sets unused variables; warnings about the headers in src/ stay on.
    noise = (
        "unused-function",
        "unused-but-set-variable",
        "maybe-uninitialized",
        "unknown-warning-option",
    )
    return [
        *level,
        "-fopenmp-simd",
        "-fno-math-errno",
        "-fno-trapping-math",
        *(f"-Wno-{name}" for name in noise),
    ]


def openmp_candidates(kind):
    """Return (compile flags, link flags) pairs that may enable OpenMP, the likeliest first."""
    if kind == "msvc":  # untested; OpenMP 2.0, enough for Cython's prange
        return [(["/openmp"], [])]
    candidates = [(["-fopenmp"], ["-fopenmp"])]
    if sys.platform == "darwin":  # Apple clang has the pragma but no library; untested
        prefix = os.environ.get("SOFTREG_LIBOMP") or homebrew_prefix("libomp")
        include = [f"-I{prefix}/include"] if prefix else []
        library = [f"-L{prefix}/lib"] if prefix else []
        candidates.append((["-Xpreprocessor", "-fopenmp", *include], [*library, "-lomp"]))
    return candidates


def homebrew_prefix(formula):
    """Return the prefix of a Homebrew formula, or None if there is no Homebrew."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        found = subprocess.run(
            ["brew", "--prefix", formula], check=True, capture_output=True, text=True
        )
        return found.stdout.strip()
    return None


@contextlib.contextmanager
def output_to(path):
    """Redirect the output of this process and its children to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with open(path, "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for fd, copy in zip((1, 2), saved, strict=True):
            os.dup2(copy, fd)
            os.close(copy)


def works(compiler, compile_flags, link_flags):
    """Return whether the OpenMP probe compiles and links, and the compiler's output."""
    with tempfile.TemporaryDirectory() as folder:
        source, said = Path(folder, "probe.c"), Path(folder, "said.txt")
        source.write_text(OPENMP_PROBE)
        environment = shlex.split(os.environ.get("LDFLAGS", ""))
        try:
            with output_to(said):
                objects = compiler.compile(
                    [str(source)], output_dir=folder, extra_postargs=compile_flags
                )
                compiler.link_executable(
                    objects, "probe", output_dir=folder, extra_postargs=environment + link_flags
                )
        except (CompileError, LinkError) as error:
            return False, f"{said.read_text(errors='replace')}{error}"
        return True, ""


def openmp_flags(compiler):
    """Return the first (compile flags, link flags) that work; empty lists for a serial build."""
    if OPENMP == "off":
        print("softreg_fast: OpenMP is switched off (SOFTREG_OPENMP=off)", file=sys.stderr)
        return [], []
    complaints = []
    for compile_flags, link_flags in openmp_candidates(compiler.compiler_type):
        fine, complaint = works(compiler, compile_flags, link_flags)
        if fine:
            return compile_flags, link_flags
        complaints.append(f"with {' '.join(compile_flags)}: {complaint.strip()}")
    if OPENMP == "require":
        complaint = "\n".join(complaints)
        raise CompileError(f"SOFTREG_OPENMP=require, but there is no OpenMP here\n{complaint}")
    print(OPENMP_MISSING, file=sys.stderr)
    return [], []


@contextlib.contextmanager
def differs_from_last_time(folder, text):
    """Return whether `text` differs from what the last complete build saved in this folder."""
    path = Path(folder, "flags.txt")
    differs = not path.exists() or path.read_text() != text
    if differs:
        path.unlink(missing_ok=True)
    yield differs
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


class BuildKernels(build_ext):
    """Build command: Cython to C to extension modules, redoing only what is out of date."""

    def finalize_options(self):
        super().finalize_options()
        if self.parallel is None:
            self.parallel = os.cpu_count()

    def run(self):
        if not self.editable_mode:
            super().run()
            return
        # An editable install builds in a temporary folder, so it would compile everything
        # every time.  Build in the usual place and pass on copies.
        handed_over = self.build_lib
        usual = self.distribution.get_command_class("build")(self.distribution)
        usual.ensure_finalized()
        self.build_lib, self.build_temp = usual.build_platlib, usual.build_temp
        super().run()
        self.build_lib = handed_over
        for copy, in_place in self.get_output_mapping().items():
            self.mkpath(os.path.dirname(copy))
            self.copy_file(in_place, copy)

    def build_extensions(self):
        self.translate()
        compile_flags, link_flags, macros = self.flags()
        for extension in self.extensions:
            extension.extra_compile_args = compile_flags
            extension.extra_link_args = link_flags
            extension.define_macros = macros
        tools = [getattr(self.compiler, name, None) for name in ("compiler_so", "linker_so")]
        build = repr((tools, compile_flags, link_flags, macros))
        with differs_from_last_time(self.build_temp, build) as differs:
            self.force = self.force or differs
            super().build_extensions()

    def translate(self):
        """Replace every .pyx among the sources by the C file that Cython generates."""
        import Cython
        from Cython.Build import cythonize

        folder = "build/cython-checked" if CHECKED else "build/cython"
        with differs_from_last_time(folder, f"{Cython.__version__} {DIRECTIVES}") as differs:
            translated = cythonize(
                [Extension(extension.name, extension.sources) for extension in self.extensions],
                include_path=["src", "."],
                build_dir=folder,
                compiler_directives=DIRECTIVES,
                force=self.force or differs,
            )
        for header in Path(folder, "src").glob("*.h"):
            header.unlink()  # Cython's copy, which can be older than the one in src/
        for extension, module in zip(self.extensions, translated, strict=True):
            extension.sources = module.sources

    def flags(self):
        """Return compile flags, link flags and macros for the compiler in use."""
        kind = self.compiler.compiler_type
        compile_flags, link_flags = openmp_flags(self.compiler)
        compile_flags = optimisation_flags(kind) + compile_flags
        if kind != "msvc":
            compile_flags += shlex.split(os.environ.get("CFLAGS", ""))
        macros = []
        if CHECKED:
            macros.append(("SOFTREG_CHECKED", "1"))
        return compile_flags, link_flags, macros


# What the sources share: headers, and the declarations of classes that others derive from, which
# Cython looks for in the folder of the package.
HEADERS = sorted(
    path.as_posix()
    for folder in ("src", PACKAGE.replace(".", "/"))
    for path in Path(folder).iterdir()
    if path.suffix in (".pxd", ".h")
)


def description():
    """Return README.md for a package index: links to files lead to the repository, or nowhere."""
    text = Path("README.md").read_text(encoding="utf-8")
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    if source := project.get("urls", {}).get("Source"):
        text = re.sub(r"(!\[[^]]*\]\()(?!https?:)", rf"\1{source}/raw/main/", text)
        return re.sub(r"(\]\()(?!https?:)", rf"\1{source}/blob/main/", text)
    text = re.sub(r"!\[[^]]*\]\((?!https?:)[^)]*\)\n*", "", text)
    return re.sub(r"\[([^]]+)\]\((?!https?:)[^)]*\)", r"\1", text)


setup(
    long_description=description(),
    long_description_content_type="text/markdown",
    ext_modules=[
        Extension(
            f"{PACKAGE}.{source.stem}",
            [source.as_posix()],
            include_dirs=["src"],
            depends=HEADERS,
        )
        for source in sorted(Path("src").glob("_*.pyx"))
    ],
    cmdclass={"build_ext": BuildKernels},
)
