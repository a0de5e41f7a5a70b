"""Group lasso and sparse group lasso under losses beyond squared error."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np

from softreg_fast.kernels._groups import Blocks, entry_strengths
from softreg_fast.kernels._runtime import look_at_signals
from softreg_fast.options.types import Index, Vector
from softreg_fast.solvers.descent import Recorded
from softreg_fast.solvers.group_engine import SLOTS_PER_SAMPLE, GroupEngine
from softreg_fast.solvers.group_slots import SMALLEST_EIGENVALUE, GroupSlots, Layout
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.reweighted import Expansion, Modelled, ReweightedEngine, slopes_of
from softreg_fast.solvers.warm import largest_gram

# Spectra of blocks at earlier weights are used while the largest ratio of the present weights to
# those is at most MOST_RATIO, and at most LOOSE times the ratio of their sums. Smaller weights than
# this share of the mean are raised to it, for their ratios would be large.
MOST_RATIO = 1.3
LOOSE = 1.5
LEAST_WEIGHT = 0.1

# Entries of dense columns that are made at once for spectra.
PANEL_ENTRIES = 4_000_000


def _starts(sizes: Any) -> Index:
    return np.append(0, np.cumsum(sizes)).astype(np.intp)


class GroupModel(GroupEngine):
    """Weighted least squares on some blocks, from the present coefficients.

    Parameters
    ----------
    problem : Problem
    layout : Layout
    """

    def __init__(self, problem: Problem, layout: Layout) -> None:
        Recorded.__init__(self, problem)
        design = self.design
        self.layout = copy.copy(layout)
        self.center, self.weight = design.stored_center.copy(), np.ones(design.n_samples)
        self.unscaled = layout.columns
        self.layout.columns = design.columns_with(
            self.center, design.scale * layout.ratio, self.weight
        )
        room = largest_gram(problem.options.gram_memory)
        self.most_slots = min(room, int(SLOTS_PER_SAMPLE * design.n_samples))
        self.strategy, self.n_newton, self._known, self._screening = "working set", 0, None, None
        self._blocks = Blocks(self.layout.columns, layout.largest)
        self.unit = 1.0
        self._reference: Any = None
        self._total = 1.0
        self._spectra: dict[int, tuple[Vector, Vector]] = {}

    def renew(self, at: Expansion, blocks: Index) -> None:
        """Make the model at an expansion, among these blocks.

        In units in which the squared working response is 1, as that of a target.
        """
        design, layout, d = self.design, self.layout, at.d
        feature = layout.feature[layout.members(blocks)]
        self.weight[:] = d
        v = np.append(at.r, 0.0)
        if design.fit_intercept:
            total = d.sum()
            v[:-1] -= d * (at.r.sum() / total)
            moved = slopes_of(design, self.unscaled, d, feature)
            scale = design.scale[feature] * layout.ratio[feature]
            self.center[feature] = design.stored_center[feature] + moved / (scale * total)
        layout.columns.reweigh()
        columns = layout.columns
        with_gram = feature.size <= self.most_slots
        self._gradient = np.zeros(design.n_features)
        if with_gram:
            slots = GroupSlots.empty(v, True).with_blocks(
                layout, blocks, self._gradient, None, design.n_threads
            )
        else:
            slots = self._without_gram(blocks, v, d)
        own = at.u[feature] / layout.ratio[feature]
        columns.slopes(v, slots.h, slots.feature, design.n_threads)
        slots.at_zero[:] = slots.h if slots.Q is None else slots.h + slots.Q @ own
        rr = float(columns.residual_sumsq(v))
        yy = rr
        if slots.Q is not None:
            yy += float(own @ (slots.at_zero + slots.h))
        else:
            whole = np.zeros(design.n_features)
            whole[feature] = -own
            at_zero = v.copy()
            columns.subtract_product(whole, at_zero, design.n_threads)
            yy = float(columns.residual_sumsq(at_zero))
        self.unit = np.sqrt(yy) if yy > 0.0 else 1.0
        slots.u[:] = own
        for part in (slots.u, slots.v, slots.h, slots.at_zero):
            part /= self.unit
        self._slots, self._yy, self._rr = slots, yy / self.unit**2, rr / self.unit**2
        self._settled = self._full()
        self._blocks.hold(slots)
        self.gap, self.n_epochs = np.inf, 0

    def _without_gram(self, blocks: Index, v: Vector, d: Vector) -> GroupSlots:
        # slots of these blocks, whose steps use the spectra at earlier weights times the largest
        # ratio of the present weights to those: never too long, and little shorter
        layout = self.layout
        ratio = np.inf
        if self._reference is not None:
            ratio = float((d / self._reference).max())
        loose = ratio > LOOSE * d.sum() / self._total
        if ratio > MOST_RATIO or loose:
            self._reference = np.maximum(d, LEAST_WEIGHT * d.mean())
            self._total, self._spectra, ratio = float(d.sum()), {}, 1.0
        new = [k for k in blocks.tolist() if k not in self._spectra]
        if new:
            step = max(PANEL_ENTRIES // (self.design.n_samples * layout.largest), 1)
            for first in range(0, len(new), step):
                look_at_signals()
                self._spectra |= self._spectra_of(np.array(new[first : first + step]))
        V, D = zip(*[self._spectra[k] for k in blocks.tolist()], strict=True)
        position = layout.members(blocks)
        sizes = layout.start[blocks + 1] - layout.start[blocks]
        zeros = np.zeros(position.size)
        return GroupSlots(
            blocks, position, layout.feature[position], _starts(sizes),
            layout.weight[blocks], layout.thin[blocks], layout.l2[blocks],
            np.concatenate(V), ratio * np.concatenate(D),
            _starts([each.size for each in V])[:-1], _starts([each.size for each in D])[:-1],
            np.array([each.size for each in D], np.intp), np.zeros(blocks.size, np.intp),
            zeros.copy(), zeros.copy(), zeros, v, None,
        )  # fmt: skip

    def _spectra_of(self, blocks: Index) -> dict[int, tuple[Vector, Vector]]:
        # eigenvectors, one after the other, and positive eigenvalues of the Gram matrices of blocks
        # at the reference weights
        layout, weight = self.layout, self._reference
        position = layout.members(blocks)
        C = np.empty((self.design.n_samples, position.size), order="F")
        self.unscaled.gather(0, C, layout.feature[position], self.design.n_threads)
        if self.design.fit_intercept:
            C -= (weight @ C) / weight.sum()
        C *= np.sqrt(weight)[:, np.newaxis]
        sizes = layout.start[blocks + 1] - layout.start[blocks]
        start, found = _starts(sizes), {}
        for size in np.unique(sizes).tolist():
            chosen = np.flatnonzero(sizes == size)
            panel = C.T[start[chosen][:, np.newaxis] + np.arange(size)]
            if size <= self.design.n_samples:
                squares, vectors = np.linalg.eigh(panel @ panel.transpose(0, 2, 1))
            else:
                vectors, lengths, _ = np.linalg.svd(panel, full_matrices=False)
                squares, vectors = np.square(lengths)[:, ::-1], vectors[:, :, ::-1]
            for k, D, U in zip(blocks[chosen].tolist(), squares, vectors, strict=True):
                used = D[-1] * SMALLEST_EIGENVALUE < D
                found[k] = np.ravel(U[:, used].T), D[used]
        return found

    def minimise(self, strength: float, enough: float, max_iter: int) -> None:
        """Minimise to a gap of `enough`."""
        self._descend(strength / self.unit, enough / self.unit**2, max_iter)

    @property
    def coef(self) -> Vector:
        """Coefficients, in the engine's units."""
        return super().coef * self.unit

    @property
    def slopes(self) -> Vector:
        """Slopes of the slots, of columns without the ratio."""
        slots = self._slots
        return np.asarray(slots.h * (self.unit / self.layout.ratio[slots.feature]))

    @property
    def features(self) -> Index:
        """Features of the slots."""
        return self._slots.feature


class GroupOmega:
    """The penalty of groups, and its models among the blocks near the support.

    Parameters
    ----------
    problem : Problem
    """

    def __init__(self, problem: Problem) -> None:
        self.layout = layout = Layout(problem)
        self.model = GroupModel(problem, layout)
        self.free: Index = layout.feature[: layout.start[layout.n_free]]
        self._last, self._is_empty = np.inf, True
        self._wanted = np.empty(0, np.intp)
        self._owner = np.zeros(problem.design.n_features, np.intp)  # block of each feature
        self._owner[layout.feature] = np.repeat(np.arange(layout.n_blocks), np.diff(layout.start))

    def value(self, u: Vector) -> float:
        """Return Omega(u)."""
        layout, nonzero = self.layout, np.flatnonzero(u)
        own, owner = u[nonzero] / layout.ratio[nonzero], self._owner[nonzero]
        sizes = np.sqrt(np.bincount(owner, np.square(own), layout.n_blocks))
        return float(layout.weight @ sizes + layout.thin[owner] @ np.abs(own))

    def _entries(self, slopes: Vector) -> Vector:
        # the strength at which each block enters
        layout = self.layout
        z = (slopes * layout.ratio)[layout.feature]
        return entry_strengths(z, layout.start, layout.weight, layout.thin)

    def scaling(self, slopes: Vector, strength: float) -> float:
        """Return the largest factor <= 1 of a dual point at which it is feasible."""
        largest = float(self._entries(slopes).max(initial=0.0))
        return 1.0 if largest <= strength else strength / largest

    def expect(self, slopes: Vector, strength: float) -> None:
        """Choose the blocks that violate optimality, or are expected to at this strength."""
        ratio = min(strength / self._last, 1.0) if np.isfinite(self._last) else 1.0
        ahead = 2.0 * ratio - 1.0 if 0.8 < ratio < 1.0 else 1.0
        chosen = self._entries(slopes) > strength * ahead
        chosen[: self.layout.n_free] = True
        if strength == self._last:
            chosen[self._wanted] = True
        self._wanted = np.flatnonzero(chosen)
        self._last = strength

    def minimise(self, at: Expansion, strength: float, enough: float, max_iter: int) -> Modelled:
        """Return the minimum of the model at an expansion, to a gap of `enough`."""
        blocks = np.union1d(self._owner[np.flatnonzero(at.u)], self._wanted).astype(np.intp)
        self._is_empty = not blocks.size
        if self._is_empty:
            return Modelled(at.u, 0)
        self.model.renew(at, blocks)
        self.model.minimise(strength, enough, max_iter)
        return Modelled(self.model.coef, self.model.n_epochs)

    def model_slopes(self) -> tuple[Index, Vector]:
        """Return features of the last model, and their slopes at its residual."""
        if self._is_empty:
            return np.empty(0, np.intp), np.empty(0)
        return self.model.features, self.model.slopes


class ReweightedGroups(ReweightedEngine):
    """Group lasso and sparse group lasso: descent and Newton steps on weighted models."""

    needs: ClassVar[tuple[str, ...]] = (
        "modelled loss", "modelled penalty", "groups", "one target",
    )  # fmt: skip

    def _make_omega(self) -> Any:
        return GroupOmega(self.problem)
