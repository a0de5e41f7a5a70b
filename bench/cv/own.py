"""Our cross-validation relative to our own operations: time, threads and memory."""

import subprocess
import sys
from dataclasses import dataclass

import numpy as np
from scipy.linalg.blas import dsyrk

from bench.anatomy import in_turn, size_of, threads_of, time_of
from bench.peers.adaptors.cv import ours as our_cv
from bench.peers.families import ROOT
from bench.report import seconds
from softreg_fast import ElasticNetCV

N_RATIOS = 10


@dataclass
class Figure:
    """A quotient; where it has a `must`, smaller is better."""

    name: str
    problem: str
    value: float
    text: str
    must: float | None = None
    aim: float | None = None

    @property
    def key(self):
        """Key under which a later figure replaces this one."""
        return self.name, self.problem


def figures(family, problem, folder):
    """Return the Figures of one family; `folder` holds the problem."""
    if family.kind == "tall":
        yield beside_syrk(family.name, problem)
        yield beside_lasso(family.name, problem)
    if family.kind == "wide":
        yield from memory(family.name, problem, folder)
    one, two, ratio = threads_of(task_of(problem), most_seconds=10.0)
    name = "one thread / two threads"
    yield Figure(name, family.name, float(ratio), f"{seconds(one)} / {seconds(two)}")


def task_of(problem):
    """Return a function of the number of threads that runs LassoCV."""
    return lambda n_threads: our_cv.fit(our_cv.prepare(problem, n_threads), our_cv.LADDER[0])


def beside_syrk(name, problem):
    """Compare LassoCV with one BLAS syrk of the same X, with two threads each."""
    lasso, syrk, ratio = in_turn(
        lambda: time_of(task_of(problem), 2),
        lambda: time_of(lambda _: dsyrk(1.0, problem.X, trans=1, lower=1), 2),
    )
    text = f"{seconds(lasso)} / {seconds(syrk)}"
    return Figure("LassoCV / one syrk of X", name, float(ratio), text, must=2.5, aim=1.6)


def beside_lasso(name, problem):
    """Compare ElasticNetCV with several l1_ratios to ElasticNetCV with one."""

    def task(ratios):
        model = ElasticNetCV(l1_ratio=ratios, eps=0.01, cv=our_cv.split_of(problem), n_threads=2)
        return lambda: time_of(lambda _: model.fit(problem.X, problem.y), 2)

    many, one, ratio = in_turn(task(np.linspace(0.1, 1.0, N_RATIOS)), task([1.0]))
    text = f"{seconds(many)} / {seconds(one)}"
    return Figure(f"{N_RATIOS} l1_ratios / one", name, float(ratio), text, must=4.0, aim=2.0)


def memory(name, problem, folder):
    """Measure the peak beyond X in a separate process; empty if the system does not report it."""
    command = [sys.executable, "-m", "bench.cv.memory", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    if done.stdout.strip():
        peak, size = int(done.stdout), size_of(problem.X)
        text = f"{peak / 2**20:,.1f} MiB / {size / 2**20:,.1f} MiB"
        yield Figure("peak memory beyond X / X", name, peak / size, text, must=0.5, aim=0.2)


def line(figure):
    """Return a Figure as one printed line."""
    return f"{figure.problem:24} {figure.name:28} {figure.value:6.2f}   {figure.text}"
