"""Checkpoint folder of a path of networks: atomically written weights after every strength."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from softreg_fast.system.writing import whole_file, write_whole

FORMAT = "softreg_fast path of networks"
VERSION = 1

# The index file. A strength counts as done once it is listed there.
INDEX = "path.json"

# Temporary files left by interrupted writes.
UNFINISHED = ".softreg.*.part"


class Checkpoints:
    """A folder with the weights after every strength and the states needed to resume training.

    Parameters
    ----------
    folder : path
        Created if it does not exist.
    strengths : list of float, rising
    model : torch.nn.Module

    Attributes
    ----------
    rows : list of dict
        One for each completed strength: strength, score, standard_error, nonzeros, seconds.

    Raises
    ------
    ValueError
        If the folder holds another path: different strengths so far, or weights of other names or
        shapes.
    """

    def __init__(self, folder: Any, strengths: list[float], model: nn.Module) -> None:
        self.folder = Path(folder)
        self.shapes = {name: list(value.shape) for name, value in tensors_of(model).items()}
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"{self.folder} is no folder; give one, or a name for a new one.")
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob(UNFINISHED):
            left.unlink(missing_ok=True)
        self.rows: list[dict[str, Any]] = self._read(strengths)

    def _read(self, strengths: list[float]) -> list[dict[str, Any]]:
        index = self.folder / INDEX
        if not index.exists():
            strange = sorted(self.folder.glob("strength-*.pt"))
            if strange and any(not _is_ours(file) for file in strange):
                raise ValueError(self._refusal(f"{strange[0].name} was not written by a path"))
            return []
        try:
            held = json.loads(index.read_text(encoding="utf-8"))
            if held["format"] != FORMAT:
                raise KeyError
            version, shapes, rows = held["version"], held["shapes"], held["done"]
            before = [float(row["strength"]) for row in rows]
        except (ValueError, KeyError, TypeError):
            raise ValueError(self._refusal(f"its {INDEX} is not one of a path")) from None
        if version != VERSION:
            raise ValueError(self._refusal(f"it has format {version}, expected {VERSION}"))
        if shapes != self.shapes:
            odd = sorted(
                name
                for name in {*shapes, *self.shapes}
                if shapes.get(name) != self.shapes.get(name)
            )[0]
            theirs, ours = shapes.get(odd, "missing"), self.shapes.get(odd, "missing")
            raise ValueError(
                self._refusal(f"there {odd} has the shape {theirs}, in this model {ours}")
            )
        for k, (done, wanted) in enumerate(zip(before, strengths, strict=False)):
            if done != wanted:
                raise ValueError(
                    self._refusal(f"its strength number {k} is {done:g}, that asked for {wanted:g}")
                )
        return [_with_nan(row) for row in rows[: len(strengths)]]

    def _refusal(self, reason: str) -> str:
        return (
            f"The folder {self.folder} belongs to something else: {reason}. Give another folder, "
            "or delete this one to train anew."
        )

    def file(self, k: int) -> Path:
        """Return the file of the weights after the k-th strength."""
        return self.folder / f"strength-{k:04d}.pt"

    def save(self, k: int, row: Mapping[str, Any], content: dict[str, Any]) -> None:
        """Save the k-th strength as done: first the weights, then its row in the index."""
        content = {"format": FORMAT, "version": VERSION, "strength": row["strength"], **content}
        with whole_file(self.file(k)) as file:
            torch.save(content, file)
        rows = [*self.rows[:k], dict(row)]
        index = {"format": FORMAT, "version": VERSION, "shapes": self.shapes}
        text = json.dumps({**index, "done": [_with_null(each) for each in rows]}, indent=1)
        write_whole(self.folder / INDEX, text)
        self.rows = rows

    def load(self, k: int) -> dict[str, Any]:
        """Load the content that `save` wrote for the k-th strength."""
        try:
            content: dict[str, Any] = torch.load(
                self.file(k), map_location="cpu", weights_only=True
            )
        except Exception as error:  # pickle and zip raise many types for a damaged archive
            raise ValueError(
                f"{self.file(k)} cannot be read ({type(error).__name__}). Delete the folder to "
                "train anew."
            ) from error
        return content


def _is_ours(file: Path) -> bool:
    try:
        return bool(torch.load(file, map_location="cpu", weights_only=True)["format"] == FORMAT)
    except Exception:
        return False


def _with_null(row: Mapping[str, Any]) -> dict[str, Any]:
    # JSON has no NaN
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in row.items()
    }


def _with_nan(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in row.items()}


def tensors_of(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the tensors in the state_dict of a model, without its other entries."""
    return {name: value for name, value in model.state_dict().items() if torch.is_tensor(value)}


def weights_of(model: nn.Module) -> dict[str, Any]:
    """Return a copy of the state_dict of a model, in main memory."""
    return {
        name: value.detach().cpu().clone() if torch.is_tensor(value) else value
        for name, value in model.state_dict().items()
    }


# -- other state that training depends on ----------------------------------------------------------


def states_of(carried: list[Any]) -> list[Any]:
    """Return the states of optimisers, schedulers and generators."""
    return [
        each.get_state() if isinstance(each, torch.Generator) else each.state_dict()
        for each in carried
    ]


def restore_states(carried: list[Any], states: list[Any]) -> None:
    """Restore the state of each optimiser, scheduler and generator in `carried`."""
    if len(carried) != len(states):
        raise ValueError(
            f"carry has {len(carried)} objects, the folder was written with {len(states)}; give "
            "the same ones."
        )
    for each, state in zip(carried, states, strict=True):
        if isinstance(each, torch.Generator):
            each.set_state(state)
        else:
            each.load_state_dict(state)


def random_states() -> dict[str, Any]:
    """Return the states of the random generators of Python, NumPy and PyTorch, as plain data."""
    numbers: dict[str, Any] = np.random.get_state(legacy=False)  # noqa: NPY002
    if numbers["bit_generator"] == "MT19937":
        words = torch.from_numpy(numbers["state"]["key"].astype(np.int64))
        numbers = {**numbers, "state": {**numbers["state"], "key": words}}
    return {
        "python": random.getstate(),
        "numpy": numbers if numbers["bit_generator"] == "MT19937" else None,
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_random_states(states: dict[str, Any]) -> None:
    """Restore the random generators from the result of `random_states`."""
    version, words, gauss = states["python"]
    random.setstate((version, tuple(words), gauss))
    numbers = states["numpy"]
    if numbers is not None:
        key = numbers["state"]["key"].numpy().astype(np.uint32)
        np.random.set_state({**numbers, "state": {**numbers["state"], "key": key}})  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    if len(states["cuda"]) == (torch.cuda.device_count() if torch.cuda.is_available() else 0):
        torch.cuda.set_rng_state_all(states["cuda"])
