"""Penalties as Keras regularizers: for kernel_regularizer=, recurrent_regularizer= and others."""

from __future__ import annotations

import inspect
import sys
from dataclasses import fields
from typing import Any, ClassVar, Self

import keras
import numpy as np
from keras import ops

from softreg_fast import penalties
from softreg_fast.penalties.arrays import as_numpy
from softreg_fast.penalties.groups import OF_REGRESSION

# Axis of groups by name, for kernels (inputs, units) or (height, width, inputs, filters).
AXES = {"inputs": -2, "units": -1, "filters": -1}

registered = keras.saving.register_keras_serializable(package="softreg_fast")


class ProximalRegularizer(keras.regularizers.Regularizer):
    """A penalty of `softreg_fast.nn` on one variable of a Keras layer.

    Parameters
    ----------
    **settings
        Settings of the penalty of the same name, keyword only; `strength` is the main one.

    Attributes
    ----------
    penalty : softreg_fast.nn.Penalty
        The penalty that computes values and proximal steps.

    Notes
    -----
    The loss contains the penalty, as with Keras's own regularizers, so that the reported loss is
    the objective. Whether the gradient contains it depends on the optimizer. `ProxAdam`,
    `ProxAdamW` and `ProxSGD` take the penalty over when they are built: its gradient is then 0, and
    each of their updates ends with a proximal step, where weights become exactly zero. With any
    other optimizer it acts through its (sub)gradient: the same objective, but no zeros.
    `SparsityMonitor` warns in that case.

    Examples
    --------
    >>> from softreg_fast.nn.keras import L1
    >>> L1(strength=1e-3).penalty.strength
    0.001
    """

    make: ClassVar[type[penalties.Penalty]]
    __signature__: ClassVar[inspect.Signature]

    def __init_subclass__(cls) -> None:
        if hasattr(cls, "make"):
            own = inspect.signature(cls.__init__).parameters
            given = inspect.signature(cls.make)
            all_of_them = given.parameters.items()
            both = [own.get(n, each) for n, each in all_of_them if n not in OF_REGRESSION]
            cls.__signature__ = given.replace(parameters=both)

    def __new__(cls, *given: Any, **settings: Any) -> Self:
        if given:
            raise TypeError(
                f"{cls.__name__} takes its settings by name: {cls.__name__}(strength={given[0]!r})."
            )
        made: Self = super().__new__(cls)
        return made

    def __init__(self, **settings: Any) -> None:
        self.penalty = self.make(**settings)

    def __call__(self, x: Any) -> Any:
        """Compute the penalty as a scalar tensor for the loss, without bounds (`positive`)."""
        term = self.penalty.term(ops.convert_to_tensor(x))
        switch = _switch_of(x)
        if switch is None:
            return term
        fixed = ops.stop_gradient(term)
        return fixed + switch * (term - fixed)

    def value(self, w: Any) -> float:
        """Compute the penalty as a number; infinite where w violates a bound.

        Parameters
        ----------
        w : keras.Variable, tensor or array
        """
        return self.penalty.value(ops.convert_to_numpy(w))

    def violation(self, w: Any, gradient: Any) -> Any:
        """Compute the distance of minus the gradient of the loss from the subdifferential at w.

        Parameters
        ----------
        w : keras.Variable, tensor or array
        gradient : tensor or array of the same shape
            Gradient of the loss without the penalty, on all data for a certificate.

        Returns
        -------
        array
            One distance for each weight, or for each group; all 0 where w is stationary.
        """
        return self.penalty.violation(ops.convert_to_numpy(w), ops.convert_to_numpy(gradient))

    def get_config(self) -> dict[str, Any]:
        """Return the settings, as numbers, strings and lists."""
        given = {field.name: getattr(self.penalty, field.name) for field in fields(self.penalty)}
        return {name: _plain(v) for name, v in given.items() if name not in OF_REGRESSION}

    def __repr__(self) -> str:
        return repr(self.penalty)


def _switch_of(variable: Any) -> Any:
    # Factor (1 or 0) on the gradient of a penalty in TensorFlow graphs: the trainer adds the
    # gradient of the loss to the graph before the optimizer is built, which may then take the
    # penalty over.
    if keras.backend.backend() != "tensorflow" or not isinstance(variable, keras.Variable):
        return None
    tensorflow = sys.modules["tensorflow"]
    if tensorflow.executing_eagerly():
        return None
    if not hasattr(variable, "_gradient_of_penalty"):
        with tensorflow.init_scope():
            switch = tensorflow.Variable(1.0, trainable=False, dtype=variable.dtype)
        variable._gradient_of_penalty = switch
    return variable._gradient_of_penalty


def switch_gradient(variable: Any, on: bool) -> None:
    """Switch the gradient of the variable's penalty on or off in graphs that already exist."""
    if hasattr(variable, "_gradient_of_penalty"):
        with sys.modules["tensorflow"].init_scope():
            variable._gradient_of_penalty.assign(float(on))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return np.asarray(as_numpy(value)).tolist()


class ByGroups(ProximalRegularizer):
    """Base class of penalties on whole groups of weights."""

    def __init__(self, *, groups: Any = "units", **settings: Any) -> None:
        if isinstance(groups, str):
            if groups not in AXES:
                raise ValueError(
                    f"groups must be one of {', '.join(map(repr, AXES))}, an axis, or an array of "
                    f"integers, got {groups!r}."
                )
            groups = AXES[groups]
        super().__init__(groups=groups, **settings)


@registered
class L1(ProximalRegularizer):
    """strength * sum_j weights_j |w_j|; see `softreg_fast.nn.L1`.

    Parameters
    ----------
    strength : float >= 0, default=1.0
        lambda, the strength of the penalty, in units of the loss. By name, like all settings. The
        default is that of `softreg_fast.penalties`; networks usually want one far below 1.
    weights : array, broadcast to the shape of w, or None, default=None
        Factors >= 0 of the strength. None: all 1.
    positive : bool, default=False
        Allow only weights >= 0.
    l1_ratio : float in [0, 1], default=1.0
        Share of the L1 penalty; with another value it is an elastic net.

    Examples
    --------
    >>> import keras
    >>> from softreg_fast.nn.keras import L1
    >>> layer = keras.layers.Dense(4, kernel_regularizer=L1(strength=1e-3))
    """

    make = penalties.L1


@registered
class L2(ProximalRegularizer):
    """strength / 2 * sum_j weights_j w_j^2, half of Keras's L2; see `softreg_fast.nn.L2`.

    Parameters
    ----------
    strength : float >= 0, default=1.0
        lambda, the strength of the penalty, in units of the loss. By name, like all settings. The
        default is that of `softreg_fast.penalties`; networks usually want one far below 1.
    weights : array, broadcast to the shape of w, or None, default=None
        Factors >= 0 of the strength. None: all 1.
    positive : bool, default=False
        Allow only weights >= 0.
    l1_ratio : float in [0, 1], default=0.0
        Share of an L1 penalty; with another value it is an elastic net.

    Examples
    --------
    >>> import keras
    >>> from softreg_fast.nn.keras import L2
    >>> layer = keras.layers.Dense(4, kernel_regularizer=L2(strength=1e-3))
    """

    make = penalties.L2


@registered
class ElasticNet(ProximalRegularizer):
    """L1 and L2 in the proportion of l1_ratio; see `softreg_fast.nn.ElasticNet`.

    Parameters
    ----------
    strength : float >= 0, default=1.0
        lambda, the strength of the penalty, in units of the loss. By name, like all settings. The
        default is that of `softreg_fast.penalties`; networks usually want one far below 1.
    weights : array, broadcast to the shape of w, or None, default=None
        Factors >= 0 of the strength. None: all 1.
    positive : bool, default=False
        Allow only weights >= 0.
    l1_ratio : float in [0, 1], default=0.5
        Share of the L1 penalty: 1 is L1 alone, 0 is L2 alone.

    Examples
    --------
    >>> import keras
    >>> from softreg_fast.nn.keras import ElasticNet
    >>> layer = keras.layers.Dense(4, kernel_regularizer=ElasticNet(strength=1e-3))
    """

    make = penalties.ElasticNet


@registered
class MCP(ProximalRegularizer):
    """The minimax concave penalty; see `softreg_fast.nn.MCP`.

    Parameters
    ----------
    strength : float >= 0, default=1.0
        lambda, the strength of the penalty, in units of the loss. By name, like all settings. The
        default is that of `softreg_fast.penalties`; networks usually want one far below 1.
    weights : array, broadcast to the shape of w, or None, default=None
        Factors >= 0 of the strength. None: all 1.
    positive : bool, default=False
        Allow only weights >= 0.
    gamma : float > 0, default=3.0
        As in Zhang (2010), "Nearly unbiased variable selection under minimax concave penalty":
        weights above gamma * strength are not shrunk.

    Examples
    --------
    >>> import keras
    >>> from softreg_fast.nn.keras import MCP
    >>> layer = keras.layers.Dense(4, kernel_regularizer=MCP(strength=1e-3))
    """

    make = penalties.MCP


@registered
class SCAD(ProximalRegularizer):
    """Smoothly clipped absolute deviation; see `softreg_fast.nn.SCAD`.

    Parameters
    ----------
    strength : float >= 0, default=1.0
        lambda, the strength of the penalty, in units of the loss. By name, like all settings. The
        default is that of `softreg_fast.penalties`; networks usually want one far below 1.
    weights : array, broadcast to the shape of w, or None, default=None
        Factors >= 0 of the strength. None: all 1.
    positive : bool, default=False
        Allow only weights >= 0.
    a : float > 2, default=3.7
        As in Fan and Li (2001), "Variable selection via nonconcave penalized likelihood": weights
        above a * strength are not shrunk.

    Examples
    --------
    >>> import keras
    >>> from softreg_fast.nn.keras import SCAD
    >>> layer = keras.layers.Dense(4, kernel_regularizer=SCAD(strength=1e-3))
    """

    make = penalties.SCAD


@registered
class LHalf(ProximalRegularizer):
    """strength * sum_j weights_j sqrt|w_j|; see `softreg_fast.nn.LHalf`.

    Parameters
    ----------
    strength : float >= 0, default=1.0
        lambda, the strength of the penalty, in units of the loss. By name, like all settings. The
        default is that of `softreg_fast.penalties`; networks usually want one far below 1.
    weights : array, broadcast to the shape of w, or None, default=None
        Factors >= 0 of the strength. None: all 1.
    positive : bool, default=False
        Allow only weights >= 0.

    Examples
    --------
    >>> import keras
    >>> from softreg_fast.nn.keras import LHalf
    >>> layer = keras.layers.Dense(4, kernel_regularizer=LHalf(strength=1e-3))
    """

    make = penalties.LHalf


@registered
class NonNegative(ProximalRegularizer):
    """The constraint w >= 0 (proximal optimizers only); see `softreg_fast.nn.NonNegative`.

    Parameters
    ----------
    strength : float >= 0, default=0.0
        Strength of an elastic net beside the constraint.
    weights : array, broadcast to the shape of w, or None, default=None
        Factors >= 0 of the strength. None: all 1.
    positive : bool, default=True
        The constraint; True makes it what it is.
    l1_ratio : float in [0, 1], default=0.5
        Share of the L1 penalty in that elastic net.

    Examples
    --------
    >>> import keras
    >>> from softreg_fast.nn.keras import NonNegative
    >>> layer = keras.layers.Dense(4, kernel_regularizer=NonNegative())
    """

    make = penalties.NonNegative


@registered
class GroupLasso(ByGroups):
    """strength * sum_g c_g ||w_g||_2; see `softreg_fast.nn.GroupLasso`.

    Parameters
    ----------
    strength : float >= 0, default=1.0
        lambda, the strength of the penalty, in units of the loss. By name, like all settings. The
        default is that of `softreg_fast.penalties`; networks usually want one far below 1.
    groups : {"units", "filters", "inputs"}, int or integer array, default="units"
        "units" and "filters" are the last axis of a kernel, "inputs" the last but one, as in Dense,
        Conv and Embedding (whose "inputs" are the words). An int is any other axis; an array gives
        the group number of every weight, -1 for none.
    size : int, default=1
        Number of neighbouring indices along the axis that form one group, such as the rows of an
        attention head.
    group_weights : array (n_groups,) or None, default=None
        c_g >= 0; None: the square root of the number of weights, so that groups of different sizes
        are treated alike (Yuan and Lin 2006).
    l2_ratio : float in [0, 1), default=0.0
        Share of an L2 part, which shrinks groups that are alike towards each other; c_g multiplies
        it, too.

    Examples
    --------
    >>> import keras
    >>> from softreg_fast.nn.keras import GroupLasso
    >>> layer = keras.layers.Dense(4, kernel_regularizer=GroupLasso(strength=1e-3, groups="inputs"))
    """

    make = penalties.GroupLasso


@registered
class SparseGroupLasso(ByGroups):
    """Penalty on whole groups and on single weights in the remaining ones; see `softreg_fast.nn`.

    Parameters
    ----------
    strength : float >= 0, default=1.0
        lambda, the strength of the penalty, in units of the loss. By name, like all settings. The
        default is that of `softreg_fast.penalties`; networks usually want one far below 1.
    groups : {"units", "filters", "inputs"}, int or integer array, default="units"
        "units" and "filters" are the last axis of a kernel, "inputs" the last but one, as in Dense,
        Conv and Embedding (whose "inputs" are the words). An int is any other axis; an array gives
        the group number of every weight, -1 for none.
    size : int, default=1
        Number of neighbouring indices along the axis that form one group, such as the rows of an
        attention head.
    group_weights : array (n_groups,) or None, default=None
        c_g >= 0; None: the square root of the number of weights, so that groups of different sizes
        are treated alike (Yuan and Lin 2006).
    l2_ratio : float in [0, 1), default=0.0
        Share of an L2 part, which shrinks groups that are alike towards each other; c_g multiplies
        it, too.
    l1_ratio : float in [0, 1], default=0.5
        Share of the L1 penalty on single weights; the rest is the penalty on groups.

    Examples
    --------
    >>> import keras
    >>> from softreg_fast.nn.keras import SparseGroupLasso
    >>> layer = keras.layers.Dense(4, kernel_regularizer=SparseGroupLasso(strength=1e-3))
    """

    make = penalties.SparseGroupLasso
