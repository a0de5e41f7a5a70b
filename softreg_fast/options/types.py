"""Types that most modules use: arrays of results, and what callers may give."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.options.choices import MeasureName

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Index = NDArray[np.intp]

# Results in the precision of the data, float64 or float32.
Floats = NDArray[np.floating[Any]]


class HasShape(Protocol):
    """Anything with a shape: frames of pandas, polars and pyarrow."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Numbers of rows and columns."""


class Sparse(Protocol):
    """Sparse matrices and arrays of SciPy, whose shape pyright does not understand."""

    @property
    def tocsc(self) -> Callable[..., Any]:
        """Function that returns it in columns."""


class HasFeatures(Protocol):
    """Anything that knows its samples and features: a Design."""

    @property
    def n_samples(self) -> int:
        """Number of rows."""

    @property
    def n_features(self) -> int:
        """Number of columns."""


class HasSplit(Protocol):
    """Anything that deals rows out to folds: the splitters of scikit-learn."""

    @property
    def split(self) -> Callable[..., Any]:
        """Function of X, y and groups that yields pairs of (train, test)."""


class HasBounds(Protocol):
    """Anything with lower and upper bounds: scipy.optimize.Bounds."""

    @property
    def lb(self) -> Any:
        """Lower bounds."""

    @property
    def ub(self) -> Any:
        """Upper bounds."""


# X: arrays and nested lists, sparse matrices, frames, and where a Design is taken, that.
MatrixLike: TypeAlias = ArrayLike | HasShape | Sparse | HasFeatures

# Whether the Gram matrix is built, or the matrix itself. Not ArrayLike, of which any text is one.
Precompute: TypeAlias = bool | Literal["auto"] | HasShape | Sequence[Sequence[float]]

# Bounds of the coefficients: (lower, upper), those of SciPy, or pairs by the names of features.
Bound: TypeAlias = ArrayLike | Mapping[Any, Any] | None
Bounds: TypeAlias = tuple[Bound, Bound] | Sequence[Bound] | HasBounds | Mapping[Any, Any]

# What compares models on the samples left out: a name, or a scorer of scikit-learn, also by name.
Measured: TypeAlias = MeasureName | str | Callable[..., Any]

Scoring: TypeAlias = str | Callable[..., Any]

# Smallest alpha over the largest; "auto": a search extends the grid while the error falls.
Eps: TypeAlias = float | Literal["auto"]

# Folds: their number, pairs of (train, test), or a splitter of scikit-learn.
Folds: TypeAlias = int | Iterable[tuple[Any, Any]] | HasSplit

# Weights of classes, by label.
ClassWeight: TypeAlias = Mapping[Any, float] | Literal["balanced"]

# The seed of random numbers, or their generator.
RandomState: TypeAlias = int | np.random.RandomState
