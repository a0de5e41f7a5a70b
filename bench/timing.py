"""Paired timing of two tasks: in turn, with enough repetitions, with quartiles."""

import math
import time
from dataclasses import dataclass
from itertools import repeat

import numpy as np

# Samples shorter than this are dominated by the clock and the scheduler.
LEAST_SECONDS = 0.02

# OpenBLAS keeps idle threads spinning for about a tenth of a second, which takes a core away from
# the next measurement.
REST_SECONDS = 0.13

FEWEST_PAIRS = 3


@dataclass(frozen=True)
class Duel:
    """Median times of both in seconds, and the ratio rival / ours with its quartiles."""

    ours: float
    rival: float
    ratio: float
    low: float
    high: float
    pairs: int


def compare(ours, rival, pairs, rest, most_seconds):
    """Time two tasks in turn, A B A B ...: up to `pairs` times within `most_seconds`."""
    samplers = sampler(ours), sampler(rival)
    taken = []
    began = time.perf_counter()
    while len(taken) < pairs:
        pair = []
        for sample in samplers:
            time.sleep(rest)
            pair.append(sample())
        taken.append(pair)
        if len(taken) >= FEWEST_PAIRS and time.perf_counter() - began > most_seconds:
            break
    ratios = [b / a for a, b in taken]
    a, b = np.median(taken, axis=0).tolist()
    low, ratio, high = np.quantile(ratios, (0.25, 0.5, 0.75)).tolist()
    return Duel(a, b, ratio, low, high, len(taken))


def sampler(task):
    """Return a function that takes one sample of the task: seconds for one unit of its work.

    The work is repeated until a sample is long enough.  The base of the task is timed in turn
    with the work and subtracted.
    """
    inner = 1
    while (seconds := clock(task.work, inner)) < LEAST_SECONDS:
        inner = max(2 * inner, math.ceil(1.1 * inner * LEAST_SECONDS / max(seconds, 1e-6)))
    if task.base is None:
        return lambda: clock(task.work, inner) / (inner * task.units)

    def sample():
        # Noise can make the difference vanish; then assume a hundredth of the work.
        work = clock(task.work, inner)
        return max(work - clock(task.base, inner), 0.01 * work) / (inner * task.units)

    return sample


def clock(function, count=1):
    """Return the seconds for `count` calls."""
    began = time.perf_counter()
    for _ in repeat(None, count):
        function()
    return time.perf_counter() - began
