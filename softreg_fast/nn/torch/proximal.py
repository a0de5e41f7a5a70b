"""attach(): proximal steps after every step of a PyTorch optimiser."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from softreg_fast.nn.checks import check_integer
from softreg_fast.nn.torch.dead_layers import STEPS_BETWEEN_DEATHS, Watch
from softreg_fast.nn.torch.rules import Rules, Target, targets_of
from softreg_fast.nn.torch.saved_options import check_loaded, settled, summary_of
from softreg_fast.nn.torch.steps import (
    EXACT,
    check_gradient,
    check_metric,
    decay_of,
    is_decoupled,
    step_of,
    take_step,
)
from softreg_fast.nn.torch.support import (
    check_schedule,
    hold,
    is_frozen,
    is_refit,
)
from softreg_fast.nn.training import warn_of_decay
from softreg_fast.options.scalars import check_number
from softreg_fast.penalties.base import Kept, Penalty
from softreg_fast.penalties.elementwise import ElasticNet

# Key of the schedule's state in the first parameter group.
KEY = "softreg_fast"

# Attribute of an optimiser that holds its Proximal.
ATTACHED = "_softreg_fast_attached"

# Control of the strength by the target sparsity: gain, steps between updates, and number of updates
# to extrapolate ahead. Weights take hundreds of steps to shrink to zero, and with sqrt|w| they do
# not become nonzero again.
GAIN = 0.1
STEPS_BETWEEN_LOOKS = 10
LOOKS_AHEAD = 20

# Bound on the factor and its inverse, in case the target cannot be reached.
LARGEST_FACTOR = 1e6


def attach(
    model: nn.Module,
    optimizer: Optimizer,
    rules: Rules,
    *,
    metric: str = "adaptive",
    start: int = 0,
    ramp: int = 0,
    target_sparsity: float | None = None,
    freeze: int | None = None,
    refit: int | None = None,
    min_keep: int = 0,
) -> Proximal:
    """Make an optimiser minimise loss + penalties, with weights that are exactly zero.

    After each of its steps the penalised weights take a proximal step in the same metric,

        w <- argmin_x  sum_j (x_j - w_j)^2 / (2 t_j) + strength * Omega(x),

    with t_j = lr (1 - dampening) / (1 - momentum) for SGD and lr / (sqrt(v_j) + eps) for Adam,
    AdamW and NAdam, where v is the second moment (AMSGrad: its maximum) that the optimiser has just
    updated. The fixed points are those of the declared objective (Yun, Lozano, Yang 2021). It uses
    `Optimizer.register_step_post_hook`, and so works with schedulers, closures, gradient scaling,
    fused and foreach implementations, on any device.

    Parameters
    ----------
    model : torch.nn.Module
        The network. Wrappers such as DistributedDataParallel may stand around it.
    optimizer : torch.optim.Optimizer
        SGD, Adam, AdamW or NAdam; others with metric="decoupled".
    rules : dict
        {parameter name, * and ? allowed, or class of modules: Penalty}; see `targets_of`.
    metric : {"adaptive", "decoupled"}, default="adaptive"
        "decoupled": t_j = lr for every optimiser. Strengths then act equally on all layers, but the
        minimised objective depends on the noise of the gradients.
    start : int, default=0
        Steps before the first proximal step. With Adam about 100 protect weights whose first
        gradients happen to be small, for which v is nearly 0.
    ramp : int, default=0
        Number of steps after `start` over which the strengths rise to their full values or, with
        `target_sparsity`, over which the nonzero fraction falls to its target.
    target_sparsity : float in (0, 1) or None, default=None
        Adjust all strengths slowly by a common factor until this fraction of the penalised weights
        is zero. With `ramp` the logarithm of the nonzero fraction falls linearly, if the initial
        strengths are small enough. Allow thousands of steps before the refit; the nonzero fraction
        may differ from the requested one by a quarter.
    freeze : int or None, default=None
        Number of steps after which penalised weights that are zero stay exactly zero, while the
        others continue with their penalty; weights that become zero later also stay zero.
        `Proximal.freeze()` does it at once.
    refit : int or None, default=None
        Number of steps after which zeros are frozen and the penalty is off, so that the remaining
        weights lose the bias that it causes. `Proximal.refit()` does it at once. The constraint
        `positive=` stays in force.
    min_keep : int, default=0
        Minimum number of nonzero weights of each parameter, or of groups for group penalties, after
        each proximal step: if there would be fewer, the largest are not penalised. This keeps
        layers from becoming all zero, which cuts a network in two. 0 minimises the declared
        objective.

    Returns
    -------
    Proximal
        Gives values and violations; `freeze()`, `refit()` and `thaw()` act from the next step on;
        `remove()` detaches it.

    Raises
    ------
    ValueError, TypeError

    Notes
    -----
    The schedule is stored in `optimizer.param_groups[0]["softreg_fast"]`, as plain data. Save the
    optimiser's state_dict as usual and load it after `attach` with the same rules: training then
    continues bit-identically, also in a frozen phase, whose support is that of the weights.
    Averages of weights (EMA, SWA) are nonzero where any averaged weight is: `copy_zeros` corrects
    that.
    With Adam, AdamW and NAdam, weights that never had a gradient have no metric: their steps would
    be lr / eps. In lookup tables (Embedding, EmbeddingBag), and in parameters of unknown modules,
    which may be lookup tables, they are left unchanged. In layers that use all of their weights
    (Linear, convolutions, recurrent layers, attention), weights without a gradient in the first 100
    steps have no effect, and become zero.
    With AdamW set weight_decay=0: its decay belongs to no objective, and gives a warning. There is
    also a warning when a penalty has made all of a parameter zero.

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import L1, attach
    >>> model = torch.nn.Linear(10, 64)
    >>> optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    >>> proximal = attach(model, optimizer, {torch.nn.Linear: L1(strength=1e-3)})
    """
    check_metric(optimizer, metric)
    check_integer("start", start, 0, plain=True)
    check_integer("ramp", ramp, 0, plain=True)
    check_schedule(freeze, refit, min_keep, start)
    check_target(target_sparsity)
    if attached_to(optimizer) is not None:
        raise ValueError(
            "The optimizer takes proximal steps already; give all rules to one attach(), or call "
            "remove() of what the first one returned."
        )
    targets = targets_of(model, rules)
    if target_sparsity is not None and not any(_gives_zeros(t.penalty) for t in targets):
        raise ValueError(
            f"target_sparsity={target_sparsity} needs a penalty that makes weights zero, with a "
            "strength > 0 to begin with: none of the rules has one."
        )
    if target_sparsity is not None and 0 in (freeze, refit):
        raise ValueError(
            f"target_sparsity={target_sparsity} cannot be reached where zeros are frozen from the "
            "first step on: give freeze or refit a later one."
        )
    proximal = Proximal(
        optimizer,
        targets,
        metric=metric,
        start=start,
        ramp=ramp,
        target_sparsity=None if target_sparsity is None else float(target_sparsity),
        freeze=freeze,
        refit=refit,
        min_keep=min_keep,
    )
    proximal.check_decay()
    return proximal


def _gives_zeros(penalty: Penalty) -> bool:
    only_l2 = isinstance(penalty, ElasticNet) and penalty.l1_ratio == 0.0
    return penalty.strength > 0.0 and not only_l2


def check_target(target_sparsity: float | None) -> None:
    """Raise ValueError unless target_sparsity is None or a number strictly between 0 and 1."""
    if target_sparsity is None:
        return
    if not 0.0 < check_number("target_sparsity", target_sparsity) < 1.0:
        raise ValueError(f"target_sparsity must lie between 0 and 1, got {target_sparsity!r}.")


class Proximal:
    """Proximal steps that follow the steps of an optimiser; made by `attach`.

    Attributes
    ----------
    targets : list of Target
        (name, parameter, penalty, seen_only, padding) of the penalised parameters.

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import L1, attach
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> proximal = attach(model, optimizer, {"0.weight": L1(strength=1e-3)})
    >>> [target.name for target in proximal.targets]
    ['0.weight']
    >>> proximal.remove()
    """

    def __init__(self, optimizer: Optimizer, targets: list[Target], **options: Any) -> None:
        self.optimizer = optimizer
        self.targets = targets
        self.options = options
        self.metric: str = options["metric"]
        self.start: int = options["start"]
        self.ramp: int = options["ramp"]
        self.target_sparsity: float | None = options["target_sparsity"]
        self.min_keep: int = options["min_keep"]
        self._places = self._find_places()
        self._zeros: list[torch.Tensor] | None = None  # between the two hooks of a frozen step
        self._n_weights = sum(target.parameter.numel() for target in targets)
        self._watch = Watch()
        self._check_shapes(optimizer.param_groups, optimizer.state)
        self._look(1.0)
        self._settle()
        self._handles = [
            optimizer.register_step_pre_hook(self._before_step),
            optimizer.register_step_post_hook(self._after_step),
            optimizer.register_load_state_dict_pre_hook(self._before_load),
            optimizer.register_load_state_dict_post_hook(self._after_load),
        ]
        optimizer.__dict__[ATTACHED] = self
        # copies and pickles of an optimiser omit its hooks; this restores ours
        optimizer.__dict__["__reduce_ex__"] = self._reduce_optimizer

    def _find_places(self) -> list[tuple[int, int]]:
        # for every target the index of its parameter group and its position there; load_state_dict
        # replaces the groups but keeps their order
        where = {
            id(parameter): (k, place)
            for k, group in enumerate(self.optimizer.param_groups)
            for place, parameter in enumerate(group["params"])
        }
        for target in self.targets:
            if id(target.parameter) not in where:
                raise ValueError(
                    f"The optimizer does not have the parameter {target.name}, for which there is "
                    "a penalty: give it to the optimizer, or leave it out by a rule "
                    f"{{{target.name!r}: None}} before the others."
                )
        return [where[id(target.parameter)] for target in self.targets]

    def remove(self) -> None:
        """Stop taking proximal steps, and remove the schedule from the optimiser."""
        for handle in self._handles:
            handle.remove()
        self.optimizer.__dict__.pop(ATTACHED, None)
        self.optimizer.__dict__.pop("__reduce_ex__", None)
        self.optimizer.param_groups[0].pop(KEY, None)

    def check_decay(self) -> None:
        """Warn if a decoupled weight decay acts on penalised parameters."""
        for target, (k, _) in zip(self.targets, self._places, strict=True):
            group = self.optimizer.param_groups[k]
            decayed = float(group.get("weight_decay", 0.0)) > 0.0 and target.penalty.strength > 0.0
            if self.metric == "adaptive" and decayed and is_decoupled(self.optimizer, group):
                warn_of_decay(type(self.optimizer).__name__)
                return

    def freeze(self) -> None:
        """Keep penalised weights that are zero at zero from now on; train the others further."""
        self.state["freeze"] = self.state["n_steps"]

    def refit(self) -> None:
        """Freeze zeros and turn the penalty off, so that the other weights lose its bias."""
        self.state["refit"] = self.state["n_steps"]

    def thaw(self) -> None:
        """End the effect of `freeze` and `refit`."""
        self.state.update(freeze=None, refit=None)

    def take(self, parameter: torch.Tensor, shape: tuple[int, ...], kept: Kept) -> None:
        """Adapt the penalty of a parameter that has been cut to its remaining weights."""
        self.targets = [
            t._replace(penalty=t.penalty.take(shape, kept)) if t.parameter is parameter else t
            for t in self.targets
        ]
        self.state["given"] = self._given()

    @property
    def state(self) -> dict[str, Any]:
        """State of the schedule that checkpoints keep.

        "n_steps" taken; "scale", the factor on the strengths found by `target_sparsity`;
        "log_density", the logarithm of the nonzero fraction at its last update; "freeze" and
        "refit", numbers of steps or None; "given", the arguments of `attach`.
        """
        if KEY not in self.optimizer.param_groups[0]:
            if attached_to(self.optimizer) is not self:
                return {"n_steps": 0, "scale": 1.0}
            self._settle()  # the groups were replaced without load_state_dict
        state: dict[str, Any] = self.optimizer.param_groups[0][KEY]
        return state

    def _given(self) -> dict[str, Any]:
        # the arguments of attach as plain data
        shapes = {_plain(t.name): list(t.parameter.shape) for t in self.targets}
        penalties = {_plain(t.name): summary_of(t.penalty) for t in self.targets}
        return {**self.options, "shapes": shapes, "penalties": penalties}

    def _settle(self) -> None:
        # complete the present state, or that of a checkpoint
        group, given = self.optimizer.param_groups[0], self._given()
        saved = {"n_steps": 0, "scale": 1.0, **group.get(KEY, {})}
        if "given" in saved:  # shapes have been compared before
            saved["given"] = {k: v for k, v in saved["given"].items() if k != "shapes"}
        group[KEY] = settled(saved, given, "attach")

    def _before_load(self, optimizer: Optimizer, state_dict: dict[str, Any]) -> None:
        self._check_shapes(state_dict["param_groups"], state_dict["state"])

    def _check_shapes(self, groups: list[dict[str, Any]], states: Mapping[Any, Any]) -> None:
        # groups and states of a checkpoint, or of an optimiser that has loaded one before attach
        shapes = groups[0].get(KEY, {}).get("given", {}).get("shapes", {}) if groups else {}
        for target, (k, place) in zip(self.targets, self._places, strict=True):
            own = tuple(target.parameter.shape)
            fits = k < len(groups) and place < len(groups[k]["params"])
            exact = isinstance(self.optimizer, EXACT)  # others may have states of other shapes
            held = states.get(groups[k]["params"][place], {}) if fits and exact else {}
            known = tuple(shapes.get(_plain(target.name), own))
            check_loaded(target.name, target.parameter, held, known)

    def _after_load(self, optimizer: Optimizer) -> None:
        self._settle()
        self.check_decay()

    def _reduce_optimizer(self, protocol: Any) -> Any:
        # the optimiser with its usual state, and the arguments of its Proximal
        kind: Any = type(self.optimizer)
        state = kind.__getstate__(self.optimizer)
        return _revived, (kind, state, self.targets, self.options, self._n_weights)

    def __reduce_ex__(self, protocol: Any) -> Any:
        if attached_to(self.optimizer) is self:
            return attached_to, (self.optimizer,)
        return super().__reduce_ex__(protocol)

    @property
    def scale(self) -> float:
        """Present factor on the strengths, from ramp, target sparsity and refit."""
        state = self.state
        beyond = state["n_steps"] - self.start
        if beyond <= 0 or is_refit(state, state["n_steps"]):
            return 0.0
        risen = 1.0 if self.target_sparsity is not None else self._ramped
        return float(state["scale"]) * risen

    @property
    def _ramped(self) -> float:
        # completed fraction of the ramp
        return min((self.state["n_steps"] - self.start) / self.ramp, 1.0) if self.ramp else 1.0

    @property
    def sparsity(self) -> float:
        """Fraction of the penalised weights that is zero or has been cut out."""
        nonzero = sum(int(torch.count_nonzero(target.parameter)) for target in self.targets)
        return float(1.0 - nonzero / max(self._n_weights, 1))

    def value(self) -> float:
        """Compute the sum of all penalties, at full strength."""
        scale: float = self.state["scale"]
        values = [t.penalty.value(t.parameter.detach()) for t in self.targets]
        return scale * float(sum(values))

    def violation(self) -> float:
        """Compute the largest violation of stationarity by a weight or group, divided by strength.

        It refers to the declared objective, loss + weight decay + penalties at full strength, and
        uses the gradients stored in the parameters. With those of the loss on all data it is a
        certificate, 0 where the objective is stationary. A parameter without a gradient counts as
        having gradient 0. Where the strength is 0 (`NonNegative`), distances are absolute.

        The weight decay of the optimiser counts if it is added to the gradient, as in SGD, Adam and
        NAdam. That of AdamW belongs to no objective and is left out, so that the violation does not
        converge to 0 with it. Nor does it while weights are frozen or refitted, if the declared
        objective would move them.

        Raises
        ------
        ValueError
            If no penalised parameter holds a gradient, or one holds a sparse gradient.
        """
        scale, worst = float(self.state["scale"]), 0.0
        if all(target.parameter.grad is None for target in self.targets):
            raise ValueError(
                "No penalised parameter holds a gradient: call loss.backward() on all data before "
                "violation(), and optimizer.zero_grad() after it."
            )
        for target, (k, _) in zip(self.targets, self._places, strict=True):
            check_gradient(target)
            weights, gradient = target.parameter.detach(), target.parameter.grad
            if not weights.numel() or not target.parameter.requires_grad:
                continue
            gradient = torch.zeros_like(weights) if gradient is None else gradient
            decay = decay_of(self.optimizer, self.optimizer.param_groups[k])
            slope = gradient + decay * weights if decay else gradient
            distance = float(target.penalty.violation(weights, slope, scale).max())
            worst = max(worst, distance / (scale * target.penalty.strength or 1.0))
        return worst

    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        frozen = is_frozen(self.state, self.state["n_steps"] + 1)
        self._zeros = [t.parameter.detach() == 0 for t in self.targets] if frozen else None

    def _after_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        overflow = getattr(optimizer, "found_inf", None)  # of a gradient scaler: no step was made
        if overflow is not None and bool(overflow):
            return
        state = self.state
        state["n_steps"] += 1
        frozen = self._zeros is not None
        with torch.no_grad():
            self._hold_zeros()
            self._take_steps(self.scale)
        looks = state["n_steps"] % STEPS_BETWEEN_LOOKS == 0 and not frozen and self.scale > 0.0
        if self.target_sparsity is not None and looks:
            self._follow(self.target_sparsity)
        if state["n_steps"] % STEPS_BETWEEN_DEATHS == 0 and not frozen and self.scale > 0.0:
            self._look(self.scale)

    def _look(self, scale: float) -> None:
        for name, parameter, penalty, *_ in self.targets:
            self._watch.look(parameter, name, penalty, scale)

    def _follow(self, target_sparsity: float) -> None:
        state = self.state
        log_density = math.log(max(1.0 - self.sparsity, 1.0 / max(self._n_weights, 1)))
        slope = log_density - state.get("log_density", log_density)
        state["log_density"] = log_density
        wanted = math.log(1.0 - target_sparsity) * self._ramped
        surplus = max(min(log_density - wanted, 1.0), -1.0) + LOOKS_AHEAD * slope
        scale = state["scale"] * math.exp(GAIN * max(min(surplus, 3.0), -3.0))
        state["scale"] = min(max(scale, 1.0 / LARGEST_FACTOR), LARGEST_FACTOR)

    def _hold_zeros(self) -> None:
        # before the proximal steps: group norms must not include moved frozen weights
        if self._zeros is None:
            return
        for target, zero in zip(self.targets, self._zeros, strict=True):
            hold(target.parameter, zero, self.optimizer.state.get(target.parameter, {}))
        self._zeros = None

    def _take_steps(self, scale: float) -> None:
        if self.state["n_steps"] <= self.start:
            return
        for target, (k, _) in zip(self.targets, self._places, strict=True):
            signed = getattr(target.penalty, "positive", False)  # also while refitting
            if target.parameter.grad is not None and (scale > 0.0 or signed):
                group = self.optimizer.param_groups[k]
                step = step_of(self.optimizer, group, target, self.metric)
                if step is not None:
                    take_step(target, step, scale, self.min_keep)


def _plain(name: str) -> str:
    # the name of a parameter without the prefixes of wrappers, which may differ between runs
    return name.replace("_orig_mod.", "").removeprefix("module.")


def _revived(
    kind: Any,
    state: dict[str, Any],
    targets: list[Target],
    options: dict[str, Any],
    n_weights: int,
) -> Optimizer:
    # the copy of an optimiser, with proximal steps on its own copies of the parameters
    optimizer: Optimizer = kind.__new__(kind)
    optimizer.__setstate__(state)
    Proximal(optimizer, targets, **options)._n_weights = n_weights
    return optimizer


def attached_to(optimizer: Optimizer) -> Proximal | None:
    """Return the Proximal that is attached to an optimiser, or None."""
    found: Proximal | None = optimizer.__dict__.get(ATTACHED)
    return found
