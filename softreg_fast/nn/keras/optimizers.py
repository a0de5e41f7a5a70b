"""Keras's Adam, AdamW and SGD with a proximal step at the end of every update."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from softreg_fast.nn.checks import check_integer
from softreg_fast.nn.keras.regularizers import (
    ProximalRegularizer,
    registered,
    switch_gradient,
)
from softreg_fast.nn.training import STEPS_TO_BE_SEEN, warn_of_decay

# Variables of layers that use all of their weights: weights that never get a gradient have no
# effect.
DENSE = (
    *("kernel", "recurrent_kernel", "depthwise_kernel", "pointwise_kernel"),
    *("bias", "gamma", "beta", "alpha"),
)


class TakenOver:
    """A regularizer taken over by a proximal optimizer: in the loss, but without a gradient."""

    def __init__(self, regularizer: ProximalRegularizer, by: Proximal) -> None:
        self.regularizer = regularizer
        self.by = by

    def __call__(self, x: Any) -> Any:
        return ops.stop_gradient(self.regularizer.penalty.term(ops.convert_to_tensor(x)))


def regularizer_of(variable: Any) -> ProximalRegularizer | None:
    """Return the proximal regularizer of a variable, or None."""
    found = getattr(variable, "regularizer", None)
    found = found.regularizer if isinstance(found, TakenOver) else found
    return found if isinstance(found, ProximalRegularizer) else None


class Proximal(keras.optimizers.Optimizer):
    """Base class that adds a proximal step to the updates of Keras's optimizers."""

    def __init__(self, *args: Any, start: int = 0, ramp: int = 0, **options: Any) -> None:
        for name, value in (("start", start), ("ramp", ramp)):
            check_integer(name, value, 0, plain=True)
        super().__init__(*args, **options)
        self.start = start
        self.ramp = ramp

    def get_config(self) -> dict[str, Any]:
        """Return the arguments for `from_config`."""
        return {**super().get_config(), "start": self.start, "ramp": self.ramp}

    def build(self, variables: Any) -> None:
        """Create the state, and take over the penalties of these variables."""
        if self.built:
            return
        variables = list(variables)
        super().build(variables)
        self._regularizers = tuple(regularizer_of(variable) for variable in variables)
        for variable, regularizer in self._penalised():
            if keras.backend.standardize_dtype(variable.dtype) not in ("float32", "float64"):
                raise ValueError(
                    f"{variable.path} is {variable.dtype}, in which short steps get lost; expected "
                    "penalised weights in float32 or float64, such as those of the policies "
                    "mixed_float16 and mixed_bfloat16."
                )
            variable.regularizer = TakenOver(regularizer, by=self)
            switch_gradient(variable, on=False)

    def release(self) -> None:
        """Return the penalties, so that another optimizer's gradients contain them again."""
        for variable, regularizer in self._penalised():
            if self.takes(variable):
                variable.regularizer = regularizer
                switch_gradient(variable, on=True)
        self._regularizers = (None,) * len(self._trainable_variables)

    def takes(self, variable: Any) -> bool:
        """Return whether this optimizer takes proximal steps on a variable of a model."""
        return getattr(variable.regularizer, "by", None) is self

    def will_take(self, variable: Any) -> bool:
        """Return whether it takes them, or will once the first update builds the optimizer."""
        return self.takes(variable) or not self.built

    def _penalised(self) -> list[tuple[Any, ProximalRegularizer]]:
        if not self.built:
            return []
        both = zip(self._trainable_variables, self._regularizers, strict=True)
        return [(variable, found) for variable, found in both if found is not None]

    # -- steps -------------------------------------------------------------------------------------

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable as Keras does, then take the proximal step in the same metric."""
        super().update_step(gradient, variable, learning_rate)
        index = self._get_variable_index(variable)
        regularizer = self._regularizers[index]
        if regularizer is None:
            return
        t = self._steps(index, ops.cast(learning_rate, variable.dtype))
        t = self._seen(index, t)
        self.assign(variable, self._prox(regularizer, ops.convert_to_tensor(variable), t))

    def _prox(self, regularizer: ProximalRegularizer, z: Any, t: Any) -> Any:
        if not self.start and not self.ramp:
            return regularizer.penalty.prox(z, t)
        beyond = ops.cast(self.iterations + 1 - self.start, z.dtype)
        scale = ops.clip(beyond / max(self.ramp, 1), 0.0, 1.0)
        return ops.where(scale > 0, regularizer.penalty.prox(z, t, scale), z)

    def _steps(self, index: int, learning_rate: Any) -> Any:
        # step length of each weight: the change by this update if all gradients had been 1
        raise NotImplementedError

    def _seen(self, index: int, t: Any) -> Any:
        # set steps to 0 for weights that never had a gradient: words that did not occur, in an
        # Embedding or a table of an unknown layer; for the first updates also weights behind a
        # layer of zeros
        return t

    # -- averages of weights -----------------------------------------------------------------------

    def finalize_variable_values(self, var_list: Any) -> None:
        """Finalise the variables; averages of weights are zero where the weights are."""
        zeros = self._find_zeros()
        super().finalize_variable_values(var_list)
        if self.use_ema:
            self._restore(zeros)

    def _update_model_variables_moving_average(self, variables: Any) -> None:
        super()._update_model_variables_moving_average(variables)
        if self.use_ema and self.ema_overwrite_frequency:
            self._zeros = self._find_zeros()

    def _backend_apply_gradients(self, grads: Any, trainable_variables: Any) -> None:
        super()._backend_apply_gradients(grads, trainable_variables)
        if self.use_ema and self.ema_overwrite_frequency:
            self._restore(self._zeros)
            del self._zeros

    def _find_zeros(self) -> list[Any]:
        # masks only: a variable stored as an attribute would join the optimizer's state
        return [ops.equal(ops.convert_to_tensor(variable), 0) for variable, _ in self._penalised()]

    def _restore(self, zeros: list[Any]) -> None:
        for (variable, _), zero in zip(self._penalised(), zeros, strict=True):
            average = ops.convert_to_tensor(variable)
            variable.assign(ops.where(zero, ops.zeros_like(average), average))


class AdamMetric(Proximal):
    """Steps t_j = lr sqrt(1 - beta_2^k) / (sqrt(v_j) + epsilon), those of Keras's Adam."""

    def _steps(self, index: int, learning_rate: Any) -> Any:
        v = (self._velocity_hats if self.amsgrad else self._velocities)[index]
        k = ops.cast(self.iterations + 1, v.dtype)
        correction = ops.sqrt(1.0 - ops.power(ops.cast(self.beta_2, v.dtype), k))
        return learning_rate * correction / (ops.sqrt(v) + self.epsilon)

    def build(self, variables: Any) -> None:
        """Create the state, and take over the penalties of these variables."""
        if self.built:
            return
        super().build(variables)
        if self.weight_decay and any(
            self._use_weight_decay(variable) and regularizer.penalty.strength > 0.0
            for variable, regularizer in self._penalised()
        ):
            warn_of_decay(type(self).__name__)

    def _seen(self, index: int, t: Any) -> Any:
        seen = self._velocities[index] > 0
        if self._trainable_variables[index].name in DENSE:
            seen = ops.logical_or(seen, self.iterations >= STEPS_TO_BE_SEEN)
        return ops.where(seen, t, ops.zeros_like(t))


@registered
class ProxAdam(AdamMetric, keras.optimizers.Adam):
    """Adam that minimises loss + proximal regularizers, with weights that are exactly zero.

    After Keras's update every variable with a `ProximalRegularizer` takes a proximal step,

        w <- argmin_x  sum_j (x_j - w_j)^2 / (2 t_j) + strength * Omega(x),

    with t_j = lr sqrt(1 - beta_2^k) / (sqrt(v_j) + epsilon), where v is the second moment that
    Keras has just updated (AMSGrad: its maximum). The fixed points are those of the declared
    objective (Yun, Lozano, Yang 2021). It works on every backend, also in compiled graphs.

    Parameters
    ----------
    *args
        Arguments of `keras.optimizers.Adam` by position: learning_rate, beta_1, beta_2, epsilon,
        amsgrad.
    start : int, default=0
        Updates before the first proximal step. About 100 protect weights whose first gradients
        happen to be small, for which the second moment is nearly 0. Keyword only.
    ramp : int, default=0
        Number of updates after `start` over which the strengths rise to their full values. Keyword
        only.
    **options
        Those arguments, and all others of `keras.optimizers.Adam`, by name.

    Raises
    ------
    ValueError

    Notes
    -----
    Penalties are taken over when the optimizer is built, which `fit` does; in a custom training
    loop call `build(model.trainable_variables)` first. They stay with it until another proximal
    optimizer takes them over or `release()` is called. With gradient accumulation only real updates
    count. With `use_ema` an average is zero where the trained weight is. In embeddings, and in
    variables whose name is not that of a kernel, weights that never had a gradient are left
    unchanged; in kernels for the first 100 updates.

    Examples
    --------
    >>> import keras
    >>> from softreg_fast.nn.keras import L1, ProxAdam
    >>> layers = [keras.layers.Dense(64, "relu", kernel_regularizer=L1(strength=1e-3))]
    >>> model = keras.Sequential([*layers, keras.layers.Dense(1)])
    >>> model.compile(ProxAdam(1e-3), "mse")
    """


@registered
class ProxAdamW(AdamMetric, keras.optimizers.AdamW):
    """AdamW that minimises loss + proximal regularizers; see `ProxAdam`.

    Parameters
    ----------
    *args
        Arguments of `keras.optimizers.AdamW` by position: learning_rate, weight_decay, beta_1,
        beta_2, epsilon, amsgrad.
    start : int, default=0
        Updates before the first proximal step. About 100 protect weights whose first gradients
        happen to be small, for which the second moment is nearly 0. Keyword only.
    ramp : int, default=0
        Number of updates after `start` over which the strengths rise to their full values. Keyword
        only.
    **options
        Those arguments, and all others of `keras.optimizers.AdamW`, by name. With penalties, its
        default decay of 0.004 minimises no objective and gives a warning: set weight_decay=0, or
        exclude the penalised variables by `exclude_from_weight_decay`.

    Examples
    --------
    >>> import keras
    >>> from softreg_fast.nn.keras import L1, ProxAdamW
    >>> layers = [keras.layers.Dense(64, "relu", kernel_regularizer=L1(strength=1e-3))]
    >>> model = keras.Sequential([*layers, keras.layers.Dense(1)])
    >>> model.compile(ProxAdamW(1e-3, weight_decay=0.0), "mse")
    """


@registered
class ProxSGD(Proximal, keras.optimizers.SGD):
    """SGD that minimises loss + proximal regularizers; see `ProxAdam`.

    The step length accumulates with the momentum, t <- momentum * t + lr, and converges to
    lr / (1 - momentum) for constant lr (nesterov: momentum * t + lr of that). Keras applies a
    weight decay outside the momentum, so that it counts (1 - momentum) times.

    Parameters
    ----------
    *args
        Arguments of `keras.optimizers.SGD` by position: learning_rate, momentum < 1, nesterov.
    **options
        Those arguments, and all others of `keras.optimizers.SGD`, by name; start and ramp as in
        `ProxAdam`: updates before the first proximal step (0), and updates after it over which the
        strengths rise to their full values (0).

    Examples
    --------
    >>> import keras
    >>> from softreg_fast.nn.keras import L1, ProxSGD
    >>> layers = [keras.layers.Dense(64, "relu", kernel_regularizer=L1(strength=1e-3))]
    >>> model = keras.Sequential([*layers, keras.layers.Dense(1)])
    >>> model.compile(ProxSGD(1e-2, momentum=0.9), "mse")
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.momentum == 1.0:
            raise ValueError("momentum must be < 1; gradients would never be forgotten.")

    def build(self, variables: Any) -> None:
        """Create the state, and take over the penalties of these variables."""
        if self.built:
            return
        super().build(variables)
        self._reaches = []
        if self.momentum:
            self._reaches = [self._reach_of(variable) for variable in self._trainable_variables]

    def _reach_of(self, variable: Any) -> Any:
        # the step length accumulated by momentum, for penalised variables
        penalised = regularizer_of(variable) is not None
        return self.add_variable((), dtype=variable.dtype, name="reach") if penalised else None

    def _steps(self, index: int, learning_rate: Any) -> Any:
        if not self.momentum:
            return learning_rate
        reach = self._reaches[index]
        momentum = ops.cast(self.momentum, reach.dtype)
        self.assign(reach, momentum * reach + learning_rate)
        return momentum * reach + learning_rate if self.nesterov else ops.convert_to_tensor(reach)
