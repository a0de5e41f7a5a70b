"""Kept: part of all results, by which scripts save and notebooks show them."""

from __future__ import annotations

import os
from typing import Any

from softreg_fast.options.cells import Cell


class Kept:
    """A result that can be saved, and that notebooks show."""

    def _cell(self) -> Cell:
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return self._cell().html()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write this result to a file, whole or not at all, which `load` reads.

        The file is JSON, and loading it executes nothing. It has no samples: what needs them, such
        as `at` with `exact`, needs the result of a fit.

        Parameters
        ----------
        path : str or path
            Name of the file; an existing one is replaced.

        Raises
        ------
        OSError
            If the file cannot be written.
        TypeError
            For names of features or classes that are neither text, numbers nor booleans.
        ValueError
            For a model of a formula, which is code.
        """
        from softreg_fast.model_selection.saved import save  # which knows all results

        result: Any = self
        save(result, path)
