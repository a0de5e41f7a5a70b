"""Sparse training on real data: compute what build/nn/results lacks, then print the table.

    python -m bench.nn.run [--only REGEXP] [--minutes M] [--no-peers]

Stop it at any time, or with --minutes: the next run continues. `python -m bench.nn.report` prints
the table of the existing results.
"""

import argparse
import re
import time

import numpy as np
import torch

from bench.families.nets import TRAININGS
from bench.families.recipes import PLANS, SEEDS
from bench.nn import report
from bench.nn.choice import chosen, found
from bench.nn.peers import points_of
from bench.nn.polish import polished
from bench.nn.train import file_of, result_of


def jobs(names, with_peers):
    """Return functions that each compute one missing result, the most important first."""
    for name in names:
        training = TRAININGS[name]
        for recipe in PLANS[name].recipes:
            for seed in SEEDS:
                if not file_of(training, recipe, seed).exists():
                    yield lambda t=training, r=recipe, s=seed: result_of(t, r, s)
    for name in names:
        if (choice := chosen(name)) and choice.with_l1:
            for seed in SEEDS:
                yield lambda t=TRAININGS[name], r=choice.with_l1, s=seed: polished(t, r, s)
    for name in names if with_peers else ():
        if choice := chosen(name):
            results = found(TRAININGS[name], choice.sparsest or choice.best)
            seconds = np.median([result["seconds"] for result in results])
            for seed in SEEDS:
                yield lambda t=TRAININGS[name], s=seed, m=seconds: points_of(t, s, m)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="regular expression on the tasks' names")
    parser.add_argument("--minutes", type=float, default=np.inf, help="time limit")
    parser.add_argument("--no-peers", action="store_true", help="without other packages")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    names = [name for name in PLANS if re.search(asked.only, name)]
    began = time.perf_counter()
    for job in jobs(names, not asked.no_peers):
        if time.perf_counter() - began > 60.0 * asked.minutes:
            print("not finished: run it again to go on")
            break
        job()
    report.main([])


if __name__ == "__main__":
    main()
