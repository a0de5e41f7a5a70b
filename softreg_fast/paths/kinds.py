"""Linear predictors of new samples, and the kinds of predictions that are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from softreg_fast.data.contents import check_contents
from softreg_fast.data.names import Names, in_order
from softreg_fast.data.target import beside
from softreg_fast.data.validation import as_offset, check_same_rows, check_sparse
from softreg_fast.losses import SQUARED, Loss
from softreg_fast.losses.classes import labels_at
from softreg_fast.options.types import Vector
from softreg_fast.paths.recipe import Recipe
from softreg_fast.penalties.by_column import NamedGroups
from softreg_fast.penalties.nonconvex import NONCONVEX

# Kinds of predictions, each with the method of a loss that makes it of linear predictors. A loss
# has those kinds whose methods it has.
KINDS = {
    "response": "mean",
    "link": None,
    "class": "classes",
    "proba": "probabilities",
    "survival": "saturated",
}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Certified:
    """Facts of a fit that predictions need, and the name of what its gaps are."""

    feature_names: Names | None = None
    loss: Loss = SQUARED
    has_offset: bool = False
    classes: NDArray[Any] | None = None
    baselines: Any = None
    penalty_kind: str = "elastic_net"
    deviations: Vector | None = None
    coding: Any = None
    groups: NamedGroups | None = None
    recipe: Recipe | None = None

    @property
    def certificate(self) -> str:
        """Meaning of the gap: "duality gap", which bounds the distance from the minimum;
        under Tikhonov's penalty with squared error it is that distance.

        "distance to stationarity" for a loss that is not convex (`Loss.convex`): the duality gap of
        the quadratic model with the expected curvatures, 0 where no small change of the
        coefficients helps. Under penalties that are not convex it is `stationarity`. Other minima
        may be lower.
        """
        return "duality gap" if self.is_convex else "distance to stationarity"

    @property
    def is_convex(self) -> bool:
        """Return whether loss and penalty are convex, so that there is one minimum."""
        return self.loss.convex and self.penalty_kind not in NONCONVEX

    @property
    def bent(self) -> str:
        """Name of the part that is not convex, penalty or loss."""
        if self.penalty_kind in NONCONVEX:
            return self.penalty_kind.upper().replace("_", "-").replace("L-HALF", "L1/2")
        return repr(self.loss)

    @property
    def gap_unit(self) -> str:
        """Unit of relative gaps: P0, loss without features, alpha if the penalty is not convex."""
        return "alpha" if self.penalty_kind in NONCONVEX else "P0"

    @property
    def classes_(self) -> NDArray[Any]:
        """Labels of the classes, (n_classes,), in the order of coefficients and probabilities.

        Raises
        ------
        AttributeError
            For a loss of no classes.
        """
        if self.classes is None:
            raise AttributeError(f"{self.loss!r} has no classes.")
        return self.classes


class Model(Protocol):
    """Facts of a fit that predictions depend on, beside coefficients and intercepts."""

    @property
    def loss(self) -> Loss:
        """The loss of the fit."""

    @property
    def baselines(self) -> Any:
        """Return the baseline hazards of the model, or None."""

    @property
    def has_offset(self) -> bool:
        """Return whether the model was fitted with an offset."""

    @property
    def feature_names(self) -> Names | None:
        """Names of the features."""

    @property
    def classes(self) -> NDArray[Any] | None:
        """Labels of the classes; None: those of the loss."""


def predictions(
    model: Model, X: Any, coef: Any, intercept: Any, offset: Any, kind: str
) -> NDArray[Any]:
    """Return predictions of a kind for the rows of X.

    Parameters
    ----------
    model : Solution or Path
    X : as in `Solution.predict`
    coef : ndarray or csc_array (n_features, ...)
        Of tasks and alphas in one axis, in the order of the intercepts.
    intercept : float or ndarray (...)
    offset, kind : as in `Solution.predict`

    Raises
    ------
    ValueError, TypeError
        For X and offset that do not fit the model, and kinds that the loss does not have.
    """
    method = _method_for(model.loss, kind)
    if kind == "survival" and model.baselines is None:
        raise ValueError(
            "This model has no baseline hazards, which kind='survival' needs; fit it again."
        )
    if offset is None and model.has_offset:
        raise ValueError(
            "This model was fitted with an offset, and offset is missing; give that of these rows "
            "of X (zeros for the prediction without one)."
        )
    if offset is not None and not model.has_offset:
        raise ValueError(
            "offset is given, but this model was fitted without one; leave it out, or fit with "
            "the offset of the samples that were fitted."
        )
    check_same_rows(X, "offset", offset)
    coding = getattr(model, "coding", None)
    if coding is not None:
        X = coding.features_of(X)
    eta = _product(X, coef, model.feature_names)
    if np.ndim(intercept) > 1:
        eta = eta.reshape(-1, *np.shape(intercept))
    eta = np.asarray(eta + intercept)
    if offset is not None:
        classes = 1 if model.loss.n_outputs == 1 else eta.shape[-1]
        eta += beside(eta, as_offset(offset, len(eta), classes))
    if kind == "survival":
        return np.asarray(model.baselines.survival(eta, coef))
    if method is None:
        return eta
    if kind == "class":
        return labels_at(model.loss, eta, model.classes)
    return np.asarray(getattr(model.loss, method)(eta))


def _method_for(loss: Loss, kind: Any) -> str | None:
    # the name of the method that makes this kind of prediction; None: linear predictors are one
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}.")
    ours = [name for name, method in KINDS.items() if method is None or hasattr(loss, method)]
    if kind not in ours:
        what = "survival times" if kind == "survival" else "classes"
        raise ValueError(
            f"kind={kind!r} is for losses of {what}; the loss of this model, {loss!r}, has "
            f"{', '.join(ours)}."
        )
    return KINDS[kind]


def _product(X: Any, coef: Any, names: Names | None) -> NDArray[np.float64]:
    from sklearn.utils import check_array  # here, for a fit without predictions does not need it

    X = in_order(X, names, coef.shape[0])
    check_sparse(X)
    X = check_contents("X", X)
    X = check_array(X, accept_sparse=["csr", "csc", "coo"], dtype=[np.float64, np.float32])
    if X.shape[1] != coef.shape[0]:
        raise ValueError(
            f"X has {X.shape[1]} features, but this model was fitted with {coef.shape[0]}."
        )
    if sp.issparse(coef):
        return (X @ coef).toarray() if sp.issparse(X) else np.asarray(coef.T @ X.T).T
    return np.asarray(X @ coef, dtype=np.float64)
