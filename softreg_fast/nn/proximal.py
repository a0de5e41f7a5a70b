"""attach(): proximal steps after every step of the user's own PyTorch optimiser."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from softreg_fast import _prox
from softreg_fast.nn.arrays import n_threads_for
from softreg_fast.nn.optimizers import flat
from softreg_fast.nn.penalties import Elementwise
from softreg_fast.nn.rules import Rules, Target, targets_of
from softreg_fast.nn.steps import Moment, check_metric, step_of

# Under which name the first parameter group holds the state of the schedule.
KEY = "softreg_fast"

# How fast the strength follows the target sparsity, and how often that is looked at.
GAIN = 0.2
STEPS_BETWEEN_LOOKS = 10


def attach(
    model: nn.Module,
    optimizer: Optimizer,
    rules: Rules,
    *,
    metric: str = "adaptive",
    start: int = 0,
    ramp: int = 0,
    target_sparsity: float | None = None,
) -> Proximal:
    """Let an optimiser minimise loss + penalties, with weights that are exactly zero.

    After each of its steps the penalised weights take a proximal step in the same metric,

        w <- argmin_x  sum_j (x_j - w_j)^2 / (2 t_j) + strength * Omega(x),

    t_j = lr (1 - dampening) / (1 - momentum) for SGD and lr / (sqrt(v_j) + eps) for Adam, AdamW and
    NAdam, v the second moment (AMSGrad: its maximum) that the optimiser has just updated. The fixed
    points are those of the declared objective (Yun, Lozano, Yang 2021). It works through
    `Optimizer.register_step_post_hook`: with schedulers, closures, gradient scaling, fused and
    foreach implementations, on any device.

    Parameters
    ----------
    model : torch.nn.Module
    optimizer : torch.optim.Optimizer
        SGD, Adam, AdamW or NAdam; others with metric="decoupled".
    rules : dict
        {parameter name, * and ? allowed, or class of modules: Penalty}; see `targets_of`.
    metric : {"adaptive", "decoupled"}
        "decoupled": t_j = lr whatever the optimiser. Strengths then act alike on all layers, but
        what is minimised depends on the noise of the gradients.
    start : int, default=0
        Steps before the first proximal step. With Adam some 100 spare weights whose first gradients
        happen to be small, since v is then nearly 0.
    ramp : int, default=0
        Steps in which the strengths then rise to their full values.
    target_sparsity : float in (0, 1) or None
        Change all strengths by one factor, slowly, until this part of the penalised weights is
        zero.

    Returns
    -------
    Proximal
        Tells values and violations; `remove()` detaches it.

    Raises
    ------
    ValueError, TypeError

    Notes
    -----
    The schedule lives in `optimizer.param_groups[0]["softreg_fast"]`, as numbers. Save and load the
    optimiser's state_dict as ever, after `attach` with the same rules, and training goes on bit
    for bit. Averages of weights (EMA, SWA) are nonzero where one of them is: penalise or prune
    them again. Embeddings keep rows that never had a gradient.

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import L1, attach
    >>> model = torch.nn.Sequential(torch.nn.Linear(10, 64), torch.nn.ReLU(), torch.nn.Linear(64,
    1)) >>> optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    >>> proximal = attach(model, optimizer, {torch.nn.Linear: L1(strength=1e-3)})
    """
    check_metric(optimizer, metric)
    for name, value in (("start", start), ("ramp", ramp)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ValueError(f"{name} must be an integer >= 0, got {value!r}.")
    if target_sparsity is not None and not 0.0 < target_sparsity < 1.0:
        raise ValueError(f"target_sparsity must lie between 0 and 1, got {target_sparsity!r}.")
    return Proximal(optimizer, targets_of(model, rules), metric, start, ramp, target_sparsity)


class Proximal:
    """Proximal steps that follow the steps of an optimiser; made by `attach`.

    Attributes
    ----------
    targets : list of Target
        (name, parameter, penalty, seen_only) of what is penalised.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        targets: list[Target],
        metric: str,
        start: int,
        ramp: int,
        target_sparsity: float | None,
    ) -> None:
        self.optimizer = optimizer
        self.targets = targets
        self.metric = metric
        self.start = start
        self.ramp = ramp
        self.target_sparsity = target_sparsity
        self._groups = self._find_groups()
        optimizer.param_groups[0].setdefault(KEY, {"n_steps": 0, "scale": 1.0})
        self._handle = optimizer.register_step_post_hook(self._after_step)

    def _find_groups(self) -> list[int]:
        # the parameter group of every target; load_state_dict replaces the groups, not their order
        where = {
            id(parameter): k
            for k, group in enumerate(self.optimizer.param_groups)
            for parameter in group["params"]
        }
        for target in self.targets:
            if id(target.parameter) not in where:
                raise ValueError(f"The optimizer does not have the parameter {target.name}.")
        return [where[id(target.parameter)] for target in self.targets]

    def remove(self) -> None:
        """Take no more proximal steps."""
        self._handle.remove()

    @property
    def state(self) -> dict[str, Any]:
        """{"n_steps": steps seen, "scale": the factor that `target_sparsity` has found}."""
        first = self.optimizer.param_groups[0]
        state: dict[str, Any] = first.setdefault(KEY, {"n_steps": 0, "scale": 1.0})
        return state

    @property
    def scale(self) -> float:
        """What multiplies the strengths now, by ramp and target sparsity."""
        state = self.state
        beyond = state["n_steps"] - self.start
        if beyond <= 0:
            return 0.0
        risen = min(beyond / self.ramp, 1.0) if self.ramp else 1.0
        return float(state["scale"]) * risen

    @property
    def sparsity(self) -> float:
        """Which part of the penalised weights is zero."""
        total = sum(target.parameter.numel() for target in self.targets)
        nonzero = sum(int(torch.count_nonzero(target.parameter)) for target in self.targets)
        return float(1.0 - nonzero / max(total, 1))

    def value(self) -> float:
        """The sum of all penalties, at full strength."""
        scale: float = self.state["scale"]
        values = [t.penalty.value(t.parameter.detach()) for t in self.targets]
        return scale * float(sum(values))

    def violation(self) -> float:
        """The largest distance of a gradient from where the penalty wants it, over the strength.

        By the gradients that the parameters hold: those of the loss on all data for a certificate.
        """
        scale, worst = float(self.state["scale"]), 0.0
        for _, parameter, penalty, _ in self.targets:
            if parameter.grad is not None and parameter.numel() and penalty.strength > 0.0:
                distance = penalty.violation(parameter.detach(), parameter.grad, scale)
                worst = max(worst, float(distance.max()) / (scale * penalty.strength))
        return worst

    def _after_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        overflow = getattr(optimizer, "found_inf", None)  # of a gradient scaler: no step was made
        if overflow is not None and bool(overflow):
            return
        state = self.state
        state["n_steps"] += 1
        scale = self.scale
        if scale == 0.0:
            return
        for target, k in zip(self.targets, self._groups, strict=True):
            if target.parameter.grad is not None:
                step = step_of(optimizer, optimizer.param_groups[k], target.parameter, self.metric)
                if step is not None:
                    with torch.no_grad():
                        take_step(target, step, scale)
        if self.target_sparsity is not None and state["n_steps"] % STEPS_BETWEEN_LOOKS == 0:
            missing = self.target_sparsity - self.sparsity
            state["scale"] *= math.exp(GAIN * max(min(missing, 1.0), -1.0))


def take_step(target: Target, step: float | Moment, scale: float) -> None:
    """The proximal step of one parameter, in place."""
    parameter, penalty = target.parameter, target.penalty
    if parameter.grad is not None and parameter.grad.is_sparse:
        raise ValueError(
            f"{target.name} has sparse gradients, which say nothing about the steps of other rows; "
            "make the embedding with sparse=False."
        )
    if parameter.is_complex():
        raise ValueError(f"{target.name} is complex; penalties are for real weights.")
    if _fits_kernel(target, step):
        assert isinstance(penalty, Elementwise)
        assert isinstance(step, Moment)
        _prox.prox_by_moment(
            flat(parameter),
            flat(step.v),
            (step.lr, step.eps, step.c2),
            penalty.rule(scale),
            penalty.weights_as(parameter),
            n_threads_for(parameter.numel()),
        )
        return
    t: float | torch.Tensor = step if isinstance(step, float) else step.steps()
    if target.seen_only and isinstance(step, Moment):
        t = torch.where(step.v > 0, t, torch.zeros_like(step.v))
    z = parameter.detach()
    if z.dtype not in (torch.float32, torch.float64):
        z = z.float()  # a step much smaller than the weight would be lost
    parameter.copy_(penalty.prox(z, t, scale))


def _fits_kernel(target: Target, step: float | Moment) -> bool:
    parameter = target.parameter
    return (
        isinstance(step, Moment)
        and not target.seen_only
        and isinstance(target.penalty, Elementwise)
        and parameter.device.type == "cpu"
        and parameter.dtype in (torch.float32, torch.float64)
        and parameter.is_contiguous()
        and step.v.is_contiguous()
        and step.v.dtype == parameter.dtype
    )
