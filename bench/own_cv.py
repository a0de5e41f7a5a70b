"""Our cross-validation relative to our own operations: time, threads and memory."""

import subprocess
import sys

import numpy as np
from scipy.linalg.blas import dsyrk

from bench.adaptors import with_softreg_fast as ours
from bench.harness.environments import ROOT
from bench.harness.result import Row
from bench.harness.tables import seconds
from bench.harness.timing import in_turn, thread_sampler, threads_of
from bench.reports.cv import N_RATIOS
from softreg_fast import ElasticNetCV


def quotients(family, problem, folder):
    """Yield the quotients of one family, Rows with a ratio; `folder` holds the problem.

    Where they have a `must`, smaller is better.
    """
    if family.kind == "tall":
        yield beside_syrk(family.name, problem)
        yield beside_lasso(family.name, problem)
    if family.kind == "wide":
        yield from memory(family.name, problem, folder)
    times = threads_of(task_of(problem), most_seconds=10.0)
    yield quotient("one thread / two threads", family.name, times)


def quotient(setting, name, times, **levels):
    """Return the Row of the second of two Times, divided by the first."""
    note = f"{seconds(times.second)} / {seconds(times.first)}"
    return Row(setting, name, "ours", ratio=times.ratio, note=note, **levels)


def task_of(problem):
    """Return a function of the number of threads that runs LassoCV."""
    return lambda n_threads: ours.fit_cv(ours.prepare_cv(problem, n_threads), ours.CV_TOL)


def beside_syrk(name, problem):
    """Compare LassoCV with one BLAS syrk of the same X, with two threads each."""
    syrk = thread_sampler(lambda _: dsyrk(1.0, problem.X, trans=1, lower=1), 2)
    times = in_turn(syrk, thread_sampler(task_of(problem), 2))
    return quotient("LassoCV / one syrk of X", name, times, must=2.5, aim=1.6)


def beside_lasso(name, problem):
    """Compare ElasticNetCV with several l1_ratios to ElasticNetCV with one."""

    def sampler(ratios):
        options = {"eps": 0.01, "cv": ours.split_of(problem), "n_threads": 2}
        model = ElasticNetCV(l1_ratio=ratios, **options)
        return thread_sampler(lambda _: model.fit(problem.X, problem.y), 2)

    times = in_turn(sampler([1.0]), sampler(np.linspace(0.1, 1.0, N_RATIOS)))
    return quotient(f"{N_RATIOS} l1_ratios / one", name, times, must=4.0, aim=2.0)


def memory(name, problem, folder):
    """Measure the peak beyond X in a separate process; empty if the system does not report it."""
    command = [sys.executable, "-m", "bench.cv_memory", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    if done.stdout.strip():
        peak, size = int(done.stdout), problem.nbytes
        note = f"{peak / 2**20:,.1f} MiB / {size / 2**20:,.1f} MiB"
        setting = "peak memory beyond X / X"
        yield Row(setting, name, "ours", ratio=peak / size, note=note, must=0.5, aim=0.2)


def line(row):
    """Return a quotient as one printed line."""
    return f"{row.problem:24} {row.setting:28} {row.ratio:6.2f}   {row.note}"
