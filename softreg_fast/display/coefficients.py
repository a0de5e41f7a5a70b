"""Coefficients along a path, as they are drawn."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from softreg_fast.options.types import Vector
from softreg_fast.paths.result import Path
from softreg_fast.paths.selected import sizes_of_groups


class Coefficients(NamedTuple):
    """Coefficients along falling alphas, without the features that are 0 everywhere.

    Of a group of several features they are the norm of its coefficients.

    alphas : ndarray (n_alphas,)
    values : ndarray (n_outputs, n_kept, n_alphas)
    names : list of str, of the kept features
    outputs : list of str, of the classes or tasks; without a name for a single one
    dev_ratio : ndarray (n_alphas,) or None
    grouped : bool
        Whether some are of groups of several features.
    """

    alphas: Vector
    values: NDArray[np.float64]
    names: list[str]
    outputs: list[str]
    dev_ratio: Vector | None
    grouped: bool = False

    @classmethod
    def of_path(cls, path: Path) -> Self:
        """Return those of a path; with several tasks or classes, of each of them."""
        kept = np.unique(path.coefs.indices)
        n_outputs = path.coefs.shape[1] // max(len(path), 1)
        values = path.coefs[kept].toarray().reshape(len(kept), len(path), n_outputs)
        names, grouped = _names_of(path.feature_names, kept), False
        if path.groups is not None:
            groups = path.groups.with_singles(path.feature_names)
            grouped = len(groups.names) < path.coefs.shape[0]
            if grouped:
                values, drawn = sizes_of_groups(values, kept, groups)
                names = [str(groups.names[g]) for g in drawn]
        outputs = getattr(path, "classes_", None)
        return cls(
            path.alphas,
            values.transpose(2, 0, 1),
            names,
            _output_names(outputs, n_outputs),
            path.dev_ratio,
            grouped,
        )

    @classmethod
    def of_arrays(cls, alphas: Any, coefs: Any, feature_names: Any, outputs: Any) -> Self:
        """Return those of arrays: coefs is (n_alphas, n_features) or has outputs in between."""
        alphas, coefs = np.asarray(alphas, np.float64), np.asarray(coefs, np.float64)
        if alphas.ndim != 1 or coefs.ndim not in (2, 3) or len(coefs) != len(alphas):
            raise ValueError(
                f"alphas has shape {alphas.shape} and coefs {coefs.shape}; expected (n_alphas,) "
                "with (n_alphas, n_features) or (n_alphas, n_outputs, n_features)."
            )
        for name, given, n in (
            ("feature_names", feature_names, coefs.shape[-1]),
            ("output_names", outputs, coefs.shape[1] if coefs.ndim == 3 else 1),
        ):
            if given is not None and len(given) != n:
                raise ValueError(f"{name} has {len(given)} entries; coefs has {n} of them.")
        falling = np.argsort(-alphas, kind="stable")
        values = coefs.reshape(len(alphas), -1, coefs.shape[-1])[falling]
        kept = np.flatnonzero(values.any(axis=(0, 1)))
        return cls(
            alphas[falling],
            values[..., kept].transpose(1, 2, 0),
            _names_of(feature_names, kept),
            _output_names(outputs, values.shape[1]),
            None,
        )

    def only(self, output: int | None) -> Self:
        """Return those of one output, which then has no title; None: all."""
        n = len(self.values)
        if output is None:
            return self
        if not isinstance(output, int | np.integer) or not -n <= output < n:
            raise ValueError(
                f"output must be an index of the {n} classes or tasks, got {output!r}."
            )
        return self._replace(values=self.values[[output]], outputs=[""])

    def positions(self, against: str) -> Vector:
        """Return the places of the models on the horizontal axis."""
        if against == "alpha":
            return self.alphas
        if against == "deviance":
            if self.dev_ratio is None:
                raise ValueError("against='deviance' needs a path; coefficients alone have none.")
            return self.dev_ratio
        return np.asarray(np.abs(self.values).sum(axis=(0, 1)))

    def largest(self, k: int, at: int, n_labels: int, nonzero: bool) -> list[int]:
        """Return the features of output k with the largest coefficients at an alpha."""
        W = self.values[k]
        if nonzero:
            n_labels = min(n_labels, int(np.count_nonzero(W[:, at])))
        order = np.lexsort((-np.abs(W[:, -1]), -np.abs(W[:, at]))) if W.shape[1] else np.arange(0)
        return [int(j) for j in order[:n_labels]]


def _names_of(names: Any, kept: NDArray[np.intp]) -> list[str]:
    return [str(j) if names is None else str(names[j]) for j in kept.tolist()]


def _output_names(names: Any, n_outputs: int) -> list[str]:
    if n_outputs == 1:
        return [""]
    return [str(name) for name in (range(n_outputs) if names is None else names)]
