"""ProxAdamW: AdamW with a proximal step, in one pass over the weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from softreg_fast.kernels import _prox
from softreg_fast.nn.torch.dead_layers import STEPS_BETWEEN_DEATHS, Watch
from softreg_fast.nn.torch.parameters import parameters_of
from softreg_fast.nn.torch.rules import Rules, targets_of
from softreg_fast.nn.torch.saved_options import check_loaded, settled, summary_of
from softreg_fast.nn.torch.support import (
    check_schedule,
    hold,
    is_frozen,
    is_refit,
    prox_with_floor,
)
from softreg_fast.nn.training import STEPS_TO_BE_SEEN, warn_of_decay
from softreg_fast.penalties.arrays import n_threads_for
from softreg_fast.penalties.base import Kept, Penalty
from softreg_fast.penalties.elementwise import Elementwise

NOTHING = ("nothing", 0.0, 0.0, False)

# Entries of a parameter group, beside the settings of AdamW, that keep their values when a
# checkpoint is loaded; of these a checkpoint contains only the last one.
OURS = ("penalty", "names", "seen_only")

# Entries of a parameter group for the schedule, numbers or None; also in checkpoints.
SCHEDULE = ("strength_scale", "freeze", "refit", "min_keep")


def param_groups(model: nn.Module, rules: Rules) -> list[dict[str, Any]]:
    """Return parameter groups for `ProxAdamW`: one for each penalty, and one for the rest.

    Embeddings and parameters of unknown modules get separate groups with "seen_only": weights that
    never had a gradient are left unchanged, elsewhere only for the first 100 steps; see `attach`.

    Parameters
    ----------
    model : torch.nn.Module
        The network. Wrappers such as DistributedDataParallel may stand around it.
    rules : dict
        {parameter name, * and ? allowed, or class of modules: Penalty}; see `targets_of`.

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import L1, ProxAdamW, param_groups
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    >>> groups = param_groups(model, {torch.nn.Linear: L1(strength=1e-3)})
    >>> [group.get("names") for group in groups]
    [['0.weight', '2.weight'], None]
    """
    targets = targets_of(model, rules)
    penalised = {id(target.parameter) for target in targets}
    groups: list[dict[str, Any]] = [
        {
            "params": [t.parameter for t in targets if (t.penalty, t.seen_only) == kind],
            "names": [t.name for t in targets if (t.penalty, t.seen_only) == kind],
            "penalty": kind[0],
            "seen_only": kind[1],
        }
        for kind in dict.fromkeys((t.penalty, t.seen_only) for t in targets)
    ]
    rest = [p for _, p, _ in parameters_of(model) if id(p) not in penalised]
    return [*groups, {"params": rest}] if rest else groups


class ProxAdamW(Optimizer):
    """AdamW with a proximal step in its metric: loss + strength * Omega(w), with exact zeros.

    A step is the update of `torch.optim.AdamW` followed by the proximal step of `attach`, with
    t_j = lr / (sqrt(v_j) + eps). For weights in main memory a compiled multithreaded loop does both
    in one pass; for others PyTorch does the same.

    Parameters
    ----------
    params : iterable of parameters, or of groups
        Groups may set a "penalty"; `param_groups` makes them.
    lr : float >= 0, default=1e-3
        Learning rate.
    betas : tuple of two floats in [0, 1), default=(0.9, 0.999)
        Decay rates of the averages of gradients and of their squares.
    eps : float >= 0, default=1e-8
        Added to the square root of the second moment.
    weight_decay : float >= 0, default=0.0
        Decoupled decay. An L2 penalty is available, and a decoupled decay beside a penalty
        minimises no objective, which gives a warning.
    amsgrad : bool, default=False
        Use the maximum of the second moments.
    penalty : Penalty or None, default=None
        For groups that set none. Their modules are then unknown, so that weights that never had a
        gradient are left unchanged ("seen_only" is True).
    strength_scale : float, default=1.0
        Factor on the strengths; schedules may change it in the groups.
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

    Notes
    -----
    `state_dict` holds tensors and plain data only, under the names of AdamW; give the penalties
    again to resume training. Options that a checkpoint lacks, such as one of `torch.optim.AdamW`,
    are those given here. If it was written with another schedule or penalty, there is a warning,
    and the options given here are used. See Loshchilov and Hutter (2019) and Yun, Lozano, Yang
    (2021).

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import L1, ProxAdamW, param_groups
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    >>> optimizer = ProxAdamW(param_groups(model, {torch.nn.Linear: L1(strength=1e-3)}), lr=1e-3)
    >>> model(torch.ones(2, 3)).sum().backward()
    >>> optimizer.step()
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        penalty: Penalty | None = None,
        strength_scale: float = 1.0,
        freeze: int | None = None,
        refit: int | None = None,
        min_keep: int = 0,
    ) -> None:
        for name, value, high in (
            ("lr", lr, float("inf")),
            ("betas[0]", betas[0], 1.0),
            ("betas[1]", betas[1], 1.0),
            ("eps", eps, float("inf")),
            ("weight_decay", weight_decay, float("inf")),
            ("strength_scale", strength_scale, float("inf")),
        ):
            if not 0.0 <= value < high:
                raise ValueError(f"{name} must be >= 0 and < {high:g}, got {value!r}.")
        check_schedule(freeze, refit, min_keep)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "penalty": penalty,
            "strength_scale": strength_scale,
            "freeze": freeze,
            "refit": refit,
            "min_keep": min_keep,
            "seen_only": True,
            "names": None,
        }
        super().__init__(params, defaults)
        self._watch = Watch()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a parameter group, which may have a "penalty"."""
        penalty = param_group.get("penalty", self.defaults["penalty"])
        if penalty is not None and not isinstance(penalty, Penalty):
            raise TypeError(f"penalty must be a Penalty or None, got {penalty!r}.")
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        check_schedule(group["freeze"], group["refit"], group["min_keep"])
        if penalty is not None:
            for k, parameter in enumerate(group["params"]):
                try:
                    penalty.check_fits(tuple(parameter.shape))
                except ValueError as error:
                    name = _name_of(group, k)
                    raise ValueError(f"The penalty does not fit {name}: {error}") from None
        group["given"] = _given(group)
        self._check_decay([group])

    def _check_decay(self, groups: list[dict[str, Any]]) -> None:
        for group in groups:
            penalty = group["penalty"]
            if penalty is not None and penalty.strength > 0.0 and group["weight_decay"] > 0.0:
                warn_of_decay("ProxAdamW")
                return

    def freeze(self) -> None:
        """Keep penalised weights that are zero at zero from now on; train the others further."""
        self._set(freeze=0)

    def refit(self) -> None:
        """Freeze zeros and turn the penalty off, so that the other weights lose its bias."""
        self._set(refit=0)

    def thaw(self) -> None:
        """End the effect of `freeze` and `refit`."""
        self._set(freeze=None, refit=None)

    def _set(self, **schedule: int | None) -> None:
        for group in self.param_groups:
            group.update(schedule)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step and return the loss of the closure, if given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            for group in self.param_groups:
                for k, parameter in enumerate(group["params"]):
                    if parameter.grad is not None:
                        if not self._watch.knows(parameter):
                            self._look(group, k, parameter)
                        self._update(group, parameter)
                        if self.state[parameter]["step"] % STEPS_BETWEEN_DEATHS == 0:
                            self._look(group, k, parameter)
        return loss

    def _look(self, group: dict[str, Any], k: int, parameter: torch.Tensor) -> None:
        # check before the first step, and from time to time, for parameters that became all zero
        nameless_bias = not group["names"] and parameter.ndim < 2
        if group["penalty"] is None or nameless_bias:
            return
        n_steps, scale = int(self.state[parameter].get("step", 0)), float(group["strength_scale"])
        acts = scale > 0.0 and not is_frozen(group, n_steps)
        if acts or not self._watch.knows(parameter):
            self._watch.look(parameter, _name_of(group, k), group["penalty"], scale)

    def _update(self, group: dict[str, Any], parameter: torch.Tensor) -> None:
        gradient = parameter.grad
        assert gradient is not None
        if gradient.is_sparse or parameter.is_complex():
            raise ValueError("ProxAdamW takes real weights with dense gradients.")
        state = self.state[parameter]
        if not state:
            state["step"] = torch.tensor(0.0)
            for name in ("exp_avg", "exp_avg_sq", *["max_exp_avg_sq"] * group["amsgrad"]):
                state[name] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
        state["step"] += 1
        fits = (
            parameter.device.type == "cpu"
            and parameter.dtype in (torch.float32, torch.float64)
            and parameter.is_contiguous()
            and gradient.dtype == parameter.dtype
            and all(state[name].is_contiguous() for name in state if name != "step")
        )
        own = {**group, "penalty": self._penalty_of(group, parameter)}
        own["seen_only"] = group["seen_only"] or int(state["step"]) <= STEPS_TO_BE_SEEN
        if fits:
            _fused(own, parameter, gradient.contiguous(), state)
        else:
            _stepwise(own, parameter, gradient, state)

    def take(self, parameter: torch.Tensor, shape: tuple[int, ...], kept: Kept) -> None:
        """Adapt the penalty of a parameter that has been cut to its remaining weights."""
        for group in self.param_groups:
            if group["penalty"] is not None and any(p is parameter for p in group["params"]):
                left = self._penalty_of(group, parameter).take(shape, kept)
                self.__dict__.setdefault("_taken", {})[parameter] = (group["penalty"], left)

    def _penalty_of(self, group: dict[str, Any], parameter: torch.Tensor) -> Any:
        given, left = self.__dict__.get("_taken", {}).get(parameter, (None, None))
        return left if given is not None and given is group["penalty"] else group["penalty"]

    def state_dict(self) -> dict[str, Any]:
        """Return the state_dict without penalties and names."""
        found: dict[str, Any] = super().state_dict()
        for group in found["param_groups"]:
            group.pop("penalty", None)
            group.pop("names", None)
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state_dict; penalties remain those given to this optimiser.

        Raises
        ------
        ValueError
            If it belongs to weights of other shapes; then nothing is loaded.
        """
        self._check_shapes(state_dict["param_groups"], state_dict["state"])
        before = list(self.param_groups)
        super().load_state_dict(state_dict)
        for group, given in zip(self.param_groups, before, strict=True):
            group.update({name: given.get(name) for name in OURS})
            saved = {name: group[name] for name in (*SCHEDULE, "given") if name in group}
            if given["penalty"] is None:
                saved.pop("given", None)  # without a penalty the schedule has no effect
            group.update({name: given[name] for name in SCHEDULE})
            group.update(settled(saved, given.get("given") or _given(given), "ProxAdamW"))
        self._check_decay(self.param_groups)

    def _check_shapes(self, groups: list[dict[str, Any]], states: dict[Any, Any]) -> None:
        sizes = [[len(group["params"]) for group in each] for each in (groups, self.param_groups)]
        if sizes[0] != sizes[1]:
            return  # other groups need not mean another model; PyTorch raises the error
        for own, saved in zip(self.param_groups, groups, strict=True):
            for k, key in enumerate(saved["params"]):
                check_loaded(_name_of(own, k), own["params"][k], states.get(key, {}))

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state; copies find out anew which parameters are zero."""
        super().__setstate__(state)
        self._watch = Watch()

    def __getstate__(self) -> dict[str, Any]:
        """Return the state, with the penalties that `compact` has adapted."""
        return {**super().__getstate__(), "_taken": self.__dict__.get("_taken", {})}


def _given(group: dict[str, Any]) -> dict[str, Any]:
    # the options of a group as plain data, for comparison with those of a checkpoint
    penalty = group["penalty"]
    found = {name: group[name] for name in ("freeze", "refit", "min_keep")}
    return {**found, "penalty": None if penalty is None else summary_of(penalty)}


def _name_of(group: dict[str, Any], k: int) -> str:
    if group.get("names"):
        return str(group["names"][k])
    return f"a parameter of shape {tuple(group['params'][k].shape)}"


def _fused(
    group: dict[str, Any], parameter: torch.Tensor, gradient: torch.Tensor, state: dict[str, Any]
) -> None:
    penalty, n_steps = group["penalty"], int(state["step"])
    scale = _scale(group, n_steps)
    single = isinstance(penalty, Elementwise) and not group["min_keep"]
    steps = None if single or penalty is None else torch.empty_like(parameter)
    _prox.adamw(
        flat(parameter),
        flat(gradient),
        flat(state["exp_avg"]),
        flat(state["exp_avg_sq"]),
        flat(state["max_exp_avg_sq"]) if group["amsgrad"] else None,
        (
            float(group["lr"]),
            *group["betas"],
            group["eps"],
            group["weight_decay"],
            n_steps,
            penalty is not None and is_frozen(group, n_steps),
            group["seen_only"],
        ),
        penalty.rule(scale) if single else NOTHING,
        penalty.weights_as(parameter) if single else None,
        None if steps is None else flat(steps),
        n_threads_for(parameter.numel()),
    )
    if steps is not None:
        parameter.copy_(_proximal_point(group, parameter.detach(), steps, scale))


def _scale(group: dict[str, Any], n_steps: int) -> float:
    return 0.0 if is_refit(group, n_steps) else float(group["strength_scale"])


def _proximal_point(
    group: dict[str, Any], z: torch.Tensor, t: torch.Tensor, scale: float
) -> torch.Tensor:
    if group["min_keep"]:
        return prox_with_floor(group["penalty"], z, t, scale, group["min_keep"])
    point: torch.Tensor = group["penalty"].prox(z, t, scale)
    return point


def _hold_unseen(group: dict[str, Any], state: dict[str, Any], t: torch.Tensor) -> None:
    # weights that never had a gradient would have steps of lr / eps: set them to 0
    if group["seen_only"]:
        t.masked_fill_(state["max_exp_avg_sq" if group["amsgrad"] else "exp_avg_sq"] == 0, 0.0)


def flat(x: torch.Tensor) -> Any:
    """Return a NumPy vector that shares the memory of a contiguous tensor."""
    return x.detach().view(-1).numpy()


def _stepwise(
    group: dict[str, Any], parameter: torch.Tensor, gradient: torch.Tensor, state: dict[str, Any]
) -> None:
    # the same step in PyTorch, computed in float32 for weights of lower precision
    beta1, beta2 = group["betas"]
    n_steps, lr = int(state["step"]), float(group["lr"])
    m, v = state["exp_avg"], state["exp_avg_sq"]
    held = group["penalty"] is not None and is_frozen(group, n_steps)
    zero = parameter == 0 if held else None
    m.lerp_(gradient, 1.0 - beta1)
    v.mul_(beta2).addcmul_(gradient, gradient, value=1.0 - beta2)
    if group["amsgrad"]:
        v = torch.maximum(state["max_exp_avg_sq"], v, out=state["max_exp_avg_sq"])
    wide = torch.promote_types(parameter.dtype, torch.float32)
    t = lr / (v.to(wide).sqrt() / (1.0 - beta2**n_steps) ** 0.5 + group["eps"])
    z = parameter.to(wide) * (1.0 - lr * group["weight_decay"])
    z -= t * m.to(wide) / (1.0 - beta1**n_steps)
    if zero is not None:
        hold(z, zero, state)
    if group["penalty"] is not None:
        _hold_unseen(group, state, t)
        z = _proximal_point(group, z, t, _scale(group, n_steps))
    parameter.copy_(z)
