"""Time of an optimiser step with L1 on ten tensors of a million float32 weights.

    python -m bench.nn.step            (needs PyTorch)

Compares ours and PyTorch's: median seconds, with all methods in turn in one process, so that all
see the same state of the machine. Beyond PyTorch's fused Adam, our step does the proximal step in
Adam's metric.
"""

import platform
from functools import partial

import numpy as np
import torch

from bench.harness.internals import effective_n_threads
from bench.harness.tables import seconds
from bench.harness.timing import alternate, clock
from softreg_fast.nn import L1, ProxAdamW, attach

N_TENSORS, N_WEIGHTS, ROUNDS = 10, 1_000_000, 15
WARM_UP = 2  # rounds that do not count
LR, STRENGTH = 1e-3, 1e-3


def parameters():
    """Return fresh weights with gradients."""
    torch.manual_seed(0)
    made = [torch.nn.Parameter(torch.randn(1000, N_WEIGHTS // 1000)) for _ in range(N_TENSORS)]
    for each in made:
        each.grad = torch.randn_like(each)
    return made


def torch_prox(optimizer):
    """Do L1's proximal step in Adam's metric, in as few passes as PyTorch's operators allow."""
    with torch.no_grad():
        for group in optimizer.param_groups:
            for p in group["params"]:
                state = optimizer.state[p]
                c2 = (1.0 - group["betas"][1] ** float(state["step"])) ** 0.5
                t = state["exp_avg_sq"].sqrt().div_(c2).add_(group["eps"]).reciprocal_()
                t.mul_(LR * STRENGTH)
                p.sub_(torch.minimum(torch.maximum(p, -t), t))


def ways():
    """Return {name: function that takes one step}."""
    fused = torch.optim.Adam(parameters(), lr=LR, fused=True)
    with_prox = torch.optim.Adam(parameters(), lr=LR, fused=True)
    default = torch.optim.Adam(parameters(), lr=LR)
    weights = parameters()
    model = torch.nn.ParameterList(weights)
    hooked = torch.optim.Adam(weights, lr=LR, fused=True)
    attach(model, hooked, {"*": L1(strength=STRENGTH)})
    ours = ProxAdamW(parameters(), lr=LR, penalty=L1(strength=STRENGTH))

    def both(optimizer):
        optimizer.step()
        torch_prox(optimizer)

    return {
        "ProxAdamW": ours.step,
        "torch fused Adam, attach": hooked.step,
        "torch fused Adam, PyTorch prox": lambda: both(with_prox),
        "torch default Adam, PyTorch prox": lambda: both(default),
        "torch fused Adam alone": fused.step,
    }


def main():
    candidates = ways()
    taken = alternate([partial(clock, step) for step in candidates.values()], ROUNDS)
    taken = np.array(taken[WARM_UP:])
    print(
        f"{platform.processor() or platform.machine()}, torch {torch.__version__}, "
        f"{torch.get_num_threads()} threads of torch, {effective_n_threads()} of ours"
    )
    for name, times in zip(candidates, taken.T, strict=True):
        ratio = np.median(times / taken[:, 0])
        print(f"{name:<34} {seconds(np.median(times)):>9}   {ratio:5.2f} x ours")


if __name__ == "__main__":
    main()
