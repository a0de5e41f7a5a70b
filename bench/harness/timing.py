"""Timing in turn: samplers, the loop that alternates between them, medians and quartiles."""

import math
import time
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from threadpoolctl import threadpool_limits

# Samples shorter than this are dominated by the clock and the scheduler.
LEAST_SECONDS = 0.02

# OpenBLAS keeps idle threads spinning for about a tenth of a second, which takes a core away from
# the next measurement.
REST_SECONDS = 0.13

FEWEST_ROUNDS = 3


@dataclass(frozen=True)
class Times:
    """Median seconds of both, and the ratio second / first with its quartiles."""

    first: float
    second: float
    ratio: float
    low: float
    high: float
    pairs: int

    @classmethod
    def of(cls, pairs):
        """Return the Times of pairs of seconds (first, second)."""
        first, second = np.transpose(pairs)
        low, ratio, high = np.quantile(second / first, (0.25, 0.5, 0.75)).tolist()
        return cls(float(np.median(first)), float(np.median(second)), ratio, low, high, len(pairs))


def alternate(samplers, rounds, most_seconds=np.inf, enough=lambda seconds: False):
    """Call the samplers in turn, A B A B ...; return the samples of each round.

    Ends after `rounds`, or after `most_seconds` with at least three rounds, or if `enough(samples)`
    of a round, or if a sampler returns None.
    """
    taken = []
    began = time.perf_counter()
    while len(taken) < rounds:
        seconds = [sample() for sample in samplers]
        if None in seconds:
            break
        taken.append(seconds)
        if enough(seconds):
            break
        if len(taken) >= FEWEST_ROUNDS and time.perf_counter() - began > most_seconds:
            break
    return taken


def rest():
    """Wait until the BLAS threads of the last measurement are asleep."""
    time.sleep(REST_SECONDS)


def rested(sample):
    """Return a sampler that rests before each sample."""

    def after_rest():
        rest()
        return sample()

    return after_rest


def clock(function, count=1):
    """Return the seconds for `count` calls."""
    began = time.perf_counter()
    for _ in repeat(None, count):
        function()
    return time.perf_counter() - began


def sampler(task, least_seconds=None):
    """Return a function that takes one sample of a Task: seconds for one unit of its work.

    The work is repeated until a sample is long enough.  The base of the task is timed in turn
    with the work and subtracted.
    """
    least = LEAST_SECONDS if least_seconds is None else least_seconds
    before = task.before or (lambda: None)
    before()
    inner = 1
    while (seconds := clock(task.work, inner)) < least:
        inner = max(2 * inner, math.ceil(1.1 * inner * least / max(seconds, 1e-6)))

    def sample():
        before()
        work = clock(task.work, inner)
        if task.base is not None:
            # Noise can make the difference vanish; then assume a hundredth of the work.
            work = max(work - clock(task.base, inner), 0.01 * work)
        return work / (inner * task.units)

    return sample


def processor_sampler(function):
    """Return a function that samples the processor time of a call; short calls are repeated."""

    def sample():
        count, began = 0, time.process_time()
        while count == 0 or time.process_time() - began < LEAST_SECONDS:
            function()
            count += 1
        return (time.process_time() - began) / count

    return sample


def thread_sampler(task, n_threads):
    """Return a sampler of `task(n_threads)` with BLAS on as many threads, after a rest."""

    def sample():
        with threadpool_limits(n_threads):
            rest()
            return clock(lambda: task(n_threads))

    return sample


def in_turn(first, second, most_seconds=20.0):
    """Return the Times of two samplers, up to nine rounds; the first sample does not count."""
    first()
    return Times.of(alternate((first, second), 9, most_seconds))


def threads_of(task, most_seconds=20.0):
    """Return the Times of `task(n_threads)` with two threads, and with one."""
    return in_turn(thread_sampler(task, 2), thread_sampler(task, 1), most_seconds)
