"""Contents of a report."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from softreg_fast.display.outcomes import Outcomes
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.paths.result import Path, Solution

Vector = NDArray[np.float64]


# Names of kinds of penalties; of others, that are not convex, their own.
PENALTIES = {
    "group_lasso": "group lasso",
    "sparse_group_lasso": "sparse group lasso",
    "slope": "SLOPE",
    "tikhonov": "Tikhonov ridge",
}


# Losses whose names have a capital.
NAMES = {name.lower(): name for name in ("Poisson", "Gamma", "Tweedie", "Huber", "Cox")}


def today() -> str:
    """Return the date; that of SOURCE_DATE_EPOCH, if the environment has it, to repeat a page."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given.isascii() and given.isdigit() and len(given) < 12:
        moment = datetime.datetime.fromtimestamp(int(given), datetime.UTC)
        return moment.date().isoformat()
    return datetime.date.today().isoformat()


@dataclass(frozen=True)
class Report:
    """Contents of a report page.

    Attributes
    ----------
    path : Path
    k : int
        Index of the reported model on the path.
    search : CVPath or None
        Cross-validation that chose the model, if any.
    deviation : ndarray (n_features,)
        Standard deviations of the features.
    label : callable
        Function that returns the name of the j-th feature.
    l1_ratio : float
    source, target : str
        Origin of the data, and name of the predicted quantity.
    data, settings : mapping of str to str
        Facts to list.
    command : str
        Command that reproduces the page.
    loss : str
        Name of the loss, "squared" for squared error.
    outcomes : Outcomes or None
        Targets and predictions, to be compared.
    n_rows : int or None
        Number of rows that were used; None: not told.
    n_dropped : int
        Number of rows that were left out.
    made : str
        Date of the page.
    """

    path: Path
    k: int
    search: CVPath | None
    deviation: Vector
    label: Callable[[int], str]
    l1_ratio: float
    source: str
    target: str
    data: Mapping[str, str]
    settings: Mapping[str, str]
    command: str
    loss: str = "squared"
    outcomes: Outcomes | None = None
    n_rows: int | None = None
    n_dropped: int = 0
    made: str = field(default_factory=today)

    @property
    def model(self) -> Solution:
        """The reported model."""
        return self.path[self.k]

    @property
    def title(self) -> str:
        """The kind of model, and what it predicts."""
        return f"{self.kind[:1].upper()}{self.kind[1:]} for {self.target}"

    @property
    def kind(self) -> str:
        """Name of this kind of model, as within a sentence."""
        name = PENALTIES.get(self.path.penalty_kind) or self.path.bent
        if self.path.penalty_kind == "elastic_net":
            name = {0.0: "Ridge", 1.0: "Lasso"}.get(self.l1_ratio, "elastic net")
        if not self.is_squared:
            name = f"{NAMES.get(self.loss) or self.loss.replace('_', ' ').replace(':', ' ')} {name}"
        return name

    @property
    def n_features(self) -> int:
        """Number of features."""
        return int(self.path.coefs.shape[0])

    @property
    def outputs(self) -> list[str]:
        """Names of the classes with coefficients of their own; one of "" if there is one set."""
        n_outputs = np.atleast_2d(self.model.coef).shape[0]
        if n_outputs == 1:
            return [""]
        classes = self.outcomes.classes if self.outcomes is not None else None
        return [str(k) for k in range(n_outputs)] if classes is None else [*classes]

    @property
    def is_squared(self) -> bool:
        """Return whether the loss is squared error."""
        return self.loss == "squared"

    @property
    def explained(self) -> str:
        """Name of the quantity of which the model explains a part."""
        return "variance" if self.is_squared else "deviance"

    @property
    def n_folds(self) -> int:
        """Number of folds; 0: no rows were left out."""
        return 0 if self.search is None else len(self.search.fold_paths)
