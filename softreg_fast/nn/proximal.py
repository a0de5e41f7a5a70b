"""attach(): proximal steps after every step of the user's own PyTorch optimiser."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from softreg_fast.nn.decay import warn_of_decay
from softreg_fast.nn.penalties import ElasticNet, Kept, Penalty
from softreg_fast.nn.rules import Rules, Target, targets_of
from softreg_fast.nn.steps import (
    EXACT,
    check_gradient,
    check_metric,
    decay_of,
    is_decoupled,
    step_of,
    take_step,
)
from softreg_fast.nn.support import (
    STEPS_BETWEEN_DEATHS,
    Watch,
    check_count,
    check_loaded,
    check_schedule,
    hold,
    is_frozen,
    is_refit,
    settled,
    summary_of,
)
from softreg_fast.penalty import check_number

# Under which name the first parameter group holds the state of the schedule.
KEY = "softreg_fast"

# Under which name an optimiser knows what is attached to it.
ATTACHED = "_softreg_fast_attached"

# How fast the strength follows the target sparsity, how often that is looked at, and how many looks
# ahead: weights take hundreds of steps to shrink away, and those of sqrt|w| do not come back.
GAIN = 0.1
STEPS_BETWEEN_LOOKS = 10
LOOKS_AHEAD = 20

# The factor stays within this and its inverse, should the target be out of reach.
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
        Steps in which the strengths then rise to their full values; with `target_sparsity`, in
        which the nonzero part falls to it.
    target_sparsity : float in (0, 1) or None
        Change all strengths by one factor, slowly, until this part of the penalised weights is
        zero. With `ramp` the nonzero part falls evenly in the logarithm, if the strengths to begin
        with are small enough. Give it thousands of steps before the refit; what is left may differ
        from what was asked for by a quarter.
    freeze : int or None
        Steps after which the penalised weights that are zero stay exactly zero, while the rest
        trains on with its penalty; what then becomes zero stays so, too. `Proximal.freeze()` does
        it at once.
    refit : int or None
        Steps after which the same holds and the penalty is off: what is left loses the bias that
        the penalty gave it. `Proximal.refit()` does it at once. Signs stay as `positive=` asks.
    min_keep : int, default=0
        At least so many weights of each parameter, or groups where groups are penalised, survive
        each proximal step: the largest go without a penalty while there would be fewer. It keeps
        layers from vanishing, which cuts a network in two. 0 minimises the declared objective.

    Returns
    -------
    Proximal
        Tells values and violations; `freeze()`, `refit()` and `thaw()` act from the next step on;
        `remove()` detaches it.

    Raises
    ------
    ValueError, TypeError

    Notes
    -----
    The schedule lives in `optimizer.param_groups[0]["softreg_fast"]`, as numbers. Save and load the
    optimiser's state_dict as ever, after `attach` with the same rules, and training goes on bit
    for bit; also within a frozen phase, whose support is the zeros of the weights themselves.
    Averages of weights (EMA, SWA) are nonzero where one of them is: `copy_zeros` puts that right.
    Under Adam and its kin, weights that never had a gradient have no metric: their steps would be
    as long as eps allows. In what is looked up (Embedding, EmbeddingBag), and in parameters of
    modules that are not known, which may be looked up, they stay as they are. In layers that use
    all of their weights (Linear, convolutions, recurrent ones, attention), what had none in its
    first 100 steps has no effect, and goes.
    Beside AdamW set weight_decay=0: its decay is no part of any objective; there is a warning.
    Another one tells when a penalty has made all of a parameter zero.

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import L1, attach
    >>> model = torch.nn.Linear(10, 64)
    >>> optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    >>> proximal = attach(model, optimizer, {torch.nn.Linear: L1(strength=1e-3)})
    """
    check_metric(optimizer, metric)
    check_count("start", start)
    check_count("ramp", ramp)
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
    """None, or a part of the weights that leaves some zero and some not."""
    if target_sparsity is None:
        return
    if not 0.0 < check_number("target_sparsity", target_sparsity) < 1.0:
        raise ValueError(f"target_sparsity must lie between 0 and 1, got {target_sparsity!r}.")


class Proximal:
    """Proximal steps that follow the steps of an optimiser; made by `attach`.

    Attributes
    ----------
    targets : list of Target
        (name, parameter, penalty, seen_only, padding) of what is penalised.
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
        # copies and pickles of an optimiser leave its hooks out: ours come along by this
        optimizer.__dict__["__reduce_ex__"] = self._reduce_optimizer

    def _find_places(self) -> list[tuple[int, int]]:
        # the parameter group of every target, and where in it; load_state_dict replaces the groups,
        # not their order
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
        """Take no more proximal steps; the optimiser forgets the schedule."""
        for handle in self._handles:
            handle.remove()
        self.optimizer.__dict__.pop(ATTACHED, None)
        self.optimizer.__dict__.pop("__reduce_ex__", None)
        self.optimizer.param_groups[0].pop(KEY, None)

    def check_decay(self) -> None:
        """Warn where a decoupled weight decay acts on what is penalised."""
        for target, (k, _) in zip(self.targets, self._places, strict=True):
            group = self.optimizer.param_groups[k]
            decayed = float(group.get("weight_decay", 0.0)) > 0.0 and target.penalty.strength > 0.0
            if self.metric == "adaptive" and decayed and is_decoupled(self.optimizer, group):
                warn_of_decay(type(self.optimizer).__name__)
                return

    def freeze(self) -> None:
        """From now on the penalised weights that are zero stay zero; the rest trains on."""
        self.state["freeze"] = self.state["n_steps"]

    def refit(self) -> None:
        """As `freeze`, and without penalty: the rest is trained without its bias."""
        self.state["refit"] = self.state["n_steps"]

    def thaw(self) -> None:
        """End what `freeze` and `refit` began."""
        self.state.update(freeze=None, refit=None)

    def take(self, parameter: torch.Tensor, shape: tuple[int, ...], kept: Kept) -> None:
        """From now on, the penalty of what is left of a parameter that has been cut."""
        self.targets = [
            t._replace(penalty=t.penalty.take(shape, kept)) if t.parameter is parameter else t
            for t in self.targets
        ]
        self.state["given"] = self._given()

    @property
    def state(self) -> dict[str, Any]:
        """What checkpoints keep: "n_steps" seen, "scale", the factor that `target_sparsity` has
        found, "log_density", the logarithm of the nonzero part when it last looked, the steps
        after which to "freeze" and to "refit", or None, and what `attach` was "given"."""
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
        # our state, or that of a checkpoint, complete
        group, given = self.optimizer.param_groups[0], self._given()
        saved = {"n_steps": 0, "scale": 1.0, **group.get(KEY, {})}
        if "given" in saved:  # shapes were compared before; here the same names have the same ones
            saved["given"] = {k: v for k, v in saved["given"].items() if k != "shapes"}
        group[KEY] = settled(saved, given, "attach")

    def _before_load(self, optimizer: Optimizer, state_dict: dict[str, Any]) -> None:
        self._check_shapes(state_dict["param_groups"], state_dict["state"])

    def _check_shapes(self, groups: list[dict[str, Any]], states: Mapping[Any, Any]) -> None:
        # of a checkpoint, or of an optimiser that has loaded one before attach
        shapes = groups[0].get(KEY, {}).get("given", {}).get("shapes", {}) if groups else {}
        for target, (k, place) in zip(self.targets, self._places, strict=True):
            own = tuple(target.parameter.shape)
            fits = k < len(groups) and place < len(groups[k]["params"])
            exact = isinstance(self.optimizer, EXACT)  # others keep what has other shapes
            held = states.get(groups[k]["params"][place], {}) if fits and exact else {}
            known = tuple(shapes.get(_plain(target.name), own))
            check_loaded(target.name, target.parameter, held, known)

    def _after_load(self, optimizer: Optimizer) -> None:
        self._settle()
        self.check_decay()

    def _reduce_optimizer(self, protocol: Any) -> Any:
        # the optimiser as others have it, and what is hung on it
        kind: Any = type(self.optimizer)
        state = kind.__getstate__(self.optimizer)
        return _revived, (kind, state, self.targets, self.options, self._n_weights)

    def __reduce_ex__(self, protocol: Any) -> Any:
        if attached_to(self.optimizer) is self:
            return attached_to, (self.optimizer,)
        return super().__reduce_ex__(protocol)

    @property
    def scale(self) -> float:
        """What multiplies the strengths now, by ramp, target sparsity and refit."""
        state = self.state
        beyond = state["n_steps"] - self.start
        if beyond <= 0 or is_refit(state, state["n_steps"]):
            return 0.0
        risen = 1.0 if self.target_sparsity is not None else self._ramped
        return float(state["scale"]) * risen

    @property
    def _ramped(self) -> float:
        # how much of the ramp is behind us
        return min((self.state["n_steps"] - self.start) / self.ramp, 1.0) if self.ramp else 1.0

    @property
    def sparsity(self) -> float:
        """Which part of the penalised weights is zero, or has been cut out."""
        nonzero = sum(int(torch.count_nonzero(target.parameter)) for target in self.targets)
        return float(1.0 - nonzero / max(self._n_weights, 1))

    def value(self) -> float:
        """The sum of all penalties, at full strength."""
        scale: float = self.state["scale"]
        values = [t.penalty.value(t.parameter.detach()) for t in self.targets]
        return scale * float(sum(values))

    def violation(self) -> float:
        """Return the largest distance of a gradient from where the penalty wants it, over strength.

        It belongs to the declared objective, loss + weight decay + penalties at full strength, by
        the gradients that the parameters hold: those of the loss on all data for a certificate,
        which is 0 where the objective is stationary. A parameter without one had no part in the
        loss. Where the strength is 0 (`NonNegative`), distances are absolute.

        The weight decay is that of the optimiser where it is a part of the gradient, as in SGD,
        Adam and NAdam. That of AdamW is no part of any objective and is left out, so that the
        violation does not end at 0 beside it. Nor does it while weights are frozen or refitted, if
        the declared objective would move them.

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
        # before the proximal steps: groups must not see where frozen weights have been moved
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
    # the name of a parameter without wrappers, which may come and go between two runs
    return name.replace("_orig_mod.", "").removeprefix("module.")


def _revived(
    kind: Any,
    state: dict[str, Any],
    targets: list[Target],
    options: dict[str, Any],
    n_weights: int,
) -> Optimizer:
    # the copy of an optimiser with proximal steps, with those on its own copies of the parameters
    optimizer: Optimizer = kind.__new__(kind)
    optimizer.__setstate__(state)
    Proximal(optimizer, targets, **options)._n_weights = n_weights
    return optimizer


def attached_to(optimizer: Optimizer) -> Proximal | None:
    """What `attach` has hung on an optimiser."""
    found: Proximal | None = optimizer.__dict__.get(ATTACHED)
    return found
