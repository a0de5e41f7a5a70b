"""Results of other packages on the same nets, with equal epochs or equal time.

    python -m bench.nn.peers TASK SEED

torchao's pruning-aware optimiser and Torch-Pruning train for as many epochs as ours, with the same
batches, learning rates and length of the refit. LassoNet has its own training loop, and gets the
seconds that our nets took. Every setting gives one point, accuracy against nonzero weights;
LassoNet gives one for each strength on its path. Results are stored like those of `bench.nn.train`.
"""

import json
import sys
import time
from functools import partial

import torch

from bench.adaptors.nn import with_lassonet, with_torch_pruning, with_torchao
from bench.families.nets import TRAININGS
from bench.harness.environments import NETS
from bench.harness.nets import judge
from bench.harness.record import kept
from bench.nn import site

PEERS = with_torchao.SETTINGS | with_torch_pruning.SETTINGS


def points_of(training, seed, seconds):
    """Return {peer: {setting: point}}, {"LassoNet": [points]} from the existing files."""
    site.use()
    folder = NETS / "results" / training.label
    found = {}
    for peer, (train, settings) in PEERS.items():
        for setting in settings:
            file = folder / f"{peer}={setting}" / f"seed{seed}.json"
            make = partial(one, training, seed, train, setting)
            found.setdefault(peer, {})[setting] = kept(file, make)
    if not training.is_mlp:
        return found
    file = folder / "LassoNet" / f"seed{seed}.json"
    found["LassoNet"] = kept(
        file, partial(with_lassonet.path, training, training.load(seed), seconds)
    )
    return found


def one(training, seed, train, setting):
    """Return a point, or the reason why there is none."""
    data = training.load(seed)
    torch.manual_seed(seed)
    began = time.perf_counter()
    try:
        model = train(training, data, setting)
    except Exception as error:  # a peer that fails is a result, too
        return {"error": f"{type(error).__name__}: {error}"[:300]}
    return judge(model, data, time.perf_counter() - began)


def main():
    name, seed, seconds = sys.argv[1:]
    torch.set_num_threads(1)
    for peer, points in points_of(TRAININGS[name], int(seed), float(seconds)).items():
        print(peer, json.dumps(points))


if __name__ == "__main__":
    main()
