"""GroupEngine: penalties of groups, by descent on blocks and Newton steps."""

from __future__ import annotations

import warnings
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from softreg_fast.kernels._groups import Blocks, entry_strengths
from softreg_fast.kernels._runtime import look_at_signals
from softreg_fast.options.types import Index, Vector
from softreg_fast.solvers.descent import Recorded
from softreg_fast.solvers.extrapolation import extrapolated
from softreg_fast.solvers.group_newton import (
    Step,
    cost_of_step,
    is_convex_on,
    newton_step,
    penalty_of_lengths,
    support_of,
)
from softreg_fast.solvers.group_screening import Screening
from softreg_fast.solvers.group_slots import GroupSlots, Layout
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import Doubt, Fits, Status

# Gram columns are kept for up to this many slots per sample: beyond, an epoch on the residual reads
# fewer numbers, and the columns need not be computed.
SLOTS_PER_SAMPLE = 1.0

# alpha_max is rounded up by this factor, so that no coefficient enters by rounding.
ROUNDED_UP = 1.0 + 1e-14

# Epochs between two computations of the gap.
EPOCHS_PER_GAP = 10

# Number of the last iterates among them that are extrapolated.
EXTRAPOLATED = 6

# Costs in multiplications of a descent step: a factorisation runs some four times as fast, and a
# Newton step takes at least as long as NEWTON_CALL of them.
FACTORISATION = 0.25
NEWTON_CALL = 200_000.0
EPOCH_CALL = 4_000.0
EACH_BLOCK = 200.0

# After a Newton step that leaves at most this share of the gap another one follows.
QUICK = 0.1

# Rounds without progress after which a fit has stalled.
MOST_VAIN = 50

# Number of times that a fit goes on after a certificate that missed the tolerance.
MOST_CERTIFICATES = 3

# Distance of slopes from stationarity, relative to their strength, that ends a fit of group MCP.
STATIONARY = 1e-11

# Up to this gamma a group has several minima whatever its columns.
LEAST_GAMMA = 1.0

# Sum of |u| up to which slopes from Gram columns are exact enough for the certificate.
LARGEST_FOR_GRAM = 10.0


def alpha_max_of_groups(problem: Problem, gradient: Vector) -> float:
    """Return the smallest strength at which no group enters, from the slopes without the others.

    For a group lasso it is the largest ||X_g'r|| / c_g; with an L1 part, the largest root s of
    ||S(X_g'r, s a_g)|| = s c_g, S the soft threshold.

    Parameters
    ----------
    problem : Problem
    gradient : ndarray (n_features,) or (n_tasks, n_features)
        Slopes of the engine's columns.
    """
    layout = Layout(problem)
    each = np.atleast_2d(gradient * layout.ratio)[:, layout.feature]
    z = np.ascontiguousarray(each.T).reshape(-1)
    found = entry_strengths(z, layout.start * len(each), layout.weight, layout.thin)
    return float(found.max(initial=0.0)) * ROUNDED_UP


class GroupEngine(Recorded):
    """Descent on the blocks near the support, Newton steps where they cost less, to a duality gap.

    Under group MCP `gap` is the largest distance of a block's slopes from stationarity, relative to
    its strength, and fits go on to rounding.

    Parameters
    ----------
    problem : Problem
    gram : ndarray (n_features, n_features) or None, default=None
        Gram matrix of all features, so that X is read for the certificate at most.
    most_slots : int, default=8192
        Largest number of slots with Gram columns.
    """

    needs: ClassVar[tuple[str, ...]] = ("quadratic loss", "groups", "one target")

    def __init__(
        self,
        problem: Problem,
        gram: NDArray[np.float64] | None = None,
        most_slots: int = 8192,
    ) -> None:
        super().__init__(problem)
        self.layout = layout = self._lay_out()
        design = self.design
        self._convex: list[bool] = []
        if 0.0 < layout.gamma <= LEAST_GAMMA:
            _warn_of_gamma(layout.gamma)
        self.strategy = "working set" if gram is None else "gram"
        self.gap, self.n_epochs, self.n_newton = np.inf, 0, 0
        self.most_slots = min(most_slots, int(SLOTS_PER_SAMPLE * design.n_samples))
        self._gradient: Vector = design.gradient_at_zero() * layout.ratio
        self._yy = float(design.target_sumsq)
        self._rr = self._yy
        self._last = np.inf
        self._settled: Vector = np.zeros(design.n_features)  # coefficients of the residual v
        self._slots = GroupSlots.empty(design.target.copy(), True)
        self._known = None
        self._screening: Screening | None = None
        first = np.arange(layout.n_free)
        if gram is not None:
            order, ratio = layout.feature, layout.ratio[layout.feature]
            self._known = np.ascontiguousarray(gram[np.ix_(order, order)] * np.outer(ratio, ratio))
            first = np.arange(layout.n_blocks)
        else:
            self._screening = Screening(layout, design)
        unit = float(layout.weight.max(initial=0.0)) or 1.0
        self._blocks = Blocks(layout.columns, layout.largest, layout.gamma, unit)
        self._enter(first)

    def _lay_out(self) -> Layout:
        return Layout(self.problem)

    # -- what paths read -----------------------------------------------------------------------

    @property
    def doubt(self) -> Doubt:
        """No certificate is recomputed: each is for groups, and from X where that is needed."""
        return Doubt(False, False, False)

    @property
    def coef(self) -> Vector:
        """Current coefficients, in the engine's units."""
        coef = np.zeros(self.design.n_features)
        slots = self._slots
        coef[slots.feature] = slots.u * self.layout.ratio[slots.feature]
        return coef

    @property
    def residual_sumsq(self) -> float:
        """||y - C u||^2"""
        return self._rr

    def keep(self, status: int) -> None:
        """Append the current fit, of group MCP with whether it is convex on the support."""
        super().keep(status)
        if self.layout.gamma:
            n_threads = self.design.n_threads
            self._convex.append(is_convex_on(self._slots, self.layout, self._last, n_threads))

    def kept(self) -> Fits:
        """Return all fits so far."""
        fits = super().kept()
        return fits._replace(locally_convex=np.array(self._convex)) if self.layout.gamma else fits

    def start(self, u: Vector) -> None:
        """Set the starting coefficients."""
        ratio = self.layout.ratio
        own = np.divide(u, ratio, out=np.zeros(len(u)), where=ratio > 0.0)
        nonzero = np.add.reduceat(np.append(own[self.layout.feature] != 0.0, 0), self.layout.start)
        wanted = np.flatnonzero(nonzero[:-1] > 0)
        self._enter(np.setdiff1d(wanted, self._slots.block))
        self._slots.u[:] = own[self._slots.feature]
        self._refresh(exact=True)

    # -- slots ---------------------------------------------------------------------------------

    def _enter(self, blocks: Index) -> None:
        if blocks.size:
            sizes = np.diff(self.layout.start)[blocks]
            m = len(self._slots.feature) + int(sizes.sum())
            if self._known is None and self._slots.Q is not None and m > self.most_slots:
                self._go_on_without_gram()
            elif self._slots.Q is None:
                self._settle()
            self._slots = self._slots.with_blocks(
                self.layout, blocks, self._gradient, self._known, self.design.n_threads
            )
        self._blocks.hold(self._slots)

    def _go_on_without_gram(self) -> None:
        self._settle()
        self._slots = self._slots._replace(Q=None)
        self.strategy = "residual"

    def _full(self) -> Vector:
        # the slots' coefficients by feature
        full = np.zeros(self.design.n_features)
        full[self._slots.feature] = self._slots.u
        return full

    def _settle(self, afresh: bool = False) -> None:
        # make v the residual of the present coefficients
        full, v = self._full(), self._slots.v
        if afresh:
            v[:] = self.design.target
            self._settled = np.zeros(len(full))
        elif self._slots.Q is None:
            return  # the epochs keep it
        change = full - self._settled
        if change.any():
            self.layout.columns.subtract_product(change, v, self.design.n_threads)
        self._settled = full

    def _refresh(self, exact: bool = False) -> None:
        # recompute the slopes and ||r||^2: of the coefficients, or `exact` from X
        slots, columns = self._slots, self.layout.columns
        from_x = exact and self._known is None
        if slots.Q is not None and not from_x:
            slots.h[:] = slots.at_zero
            self._blocks.subtract_products()
            self._follow_slopes()
            return
        self._settle(afresh=from_x)
        if slots.feature.size:
            columns.slopes(slots.v, slots.h, slots.feature, self.design.n_threads)
        self._rr = float(columns.residual_sumsq(slots.v))

    def _follow_slopes(self) -> None:
        # ||r||^2 from the slopes, ||y||^2 - u'(X'y + h)
        slots = self._slots
        self._rr = max(self._yy - float(slots.u @ (slots.at_zero + slots.h)), 0.0)

    # -- the fit at one strength ---------------------------------------------------------------

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Minimise from the current coefficients and return the status."""
        if l1_strength == 0.0:
            raise ValueError(
                f"alpha is 0, at which {type(self.problem.penalty.omega).__name__} penalises "
                "nothing; give alpha > 0, or leave the penalty out for least squares."
            )
        ratio = min(l1_strength / self._last, 1.0)
        ahead = 2.0 * ratio - 1.0 if ratio > 0.8 else 1.0
        self._last = l1_strength
        self.n_epochs = 0
        wanted, tol = tol, STATIONARY if self.layout.gamma else tol
        for _ in range(MOST_CERTIFICATES):  # more than one where slopes had lost digits
            while True:
                self._descend(l1_strength, tol, max_iter)
                if not self._let_in(l1_strength, ahead):
                    break
            self._certify(l1_strength)
            if self.gap <= tol or self.n_epochs >= max_iter:
                break
        if self.gap <= wanted:
            return int(Status.CONVERGED)
        return int(Status.MAX_ITER if self.n_epochs >= max_iter else Status.STALLED)

    def _let_in(self, strength: float, ahead: float) -> bool:
        # give slots to the blocks that violate optimality, or are expected to at the next strength;
        # returns whether any did violate it
        if self._screening is None:
            return False
        slots = self._slots
        found = self._screening.open_blocks(slots, self._rr, strength)
        if not found.size:
            return False
        self._settle()
        self._rr = float(self.layout.columns.residual_sumsq(slots.v))
        z = self._screening.slopes_of(found, slots.v)
        sizes = self.layout.start[found + 1] - self.layout.start[found]
        start = np.append(0, np.cumsum(sizes)).astype(np.intp)
        entry = entry_strengths(z, start, self.layout.weight[found], self.layout.thin[found])
        wanted = entry > strength * ahead
        violated = bool((entry > strength).any())
        chosen, urgency = found[wanted], entry[wanted]
        room = max(20, len(slots.block))
        if chosen.size > room:
            chosen = np.sort(chosen[np.argpartition(urgency, -room)[-room:]])
        self._enter(chosen)
        return violated

    def _certify(self, strength: float) -> None:
        # the gap from slopes recomputed without the rounding errors of many updates
        slots = self._slots
        exact = self._known is None and (
            slots.Q is None or np.abs(slots.u).sum() > LARGEST_FOR_GRAM
        )
        self._refresh(exact)
        self.gap = self._measured(strength)

    def _descend(self, strength: float, tol: float, max_iter: int) -> None:
        # epochs and Newton steps within the slots, until the gap is at most tol or stays
        if not self._slots.feature.size:
            self.gap = 0.0
            return
        last, best, vain = np.inf, np.inf, 0
        while self.n_epochs < max_iter and vain < MOST_VAIN:
            before = self.n_epochs
            self._epochs(strength, max_iter)
            if self._slots.Q is None:
                self._refresh()
            else:
                self._follow_slopes()
            self.gap = self._measured(strength)
            if self.gap <= tol:
                return
            moved = self._blocks.largest_move > 1e-15
            if not moved or self._newton_pays(last, self.n_epochs - before, tol):
                moved = self._newton_steps(strength, tol) or moved
                if self.gap <= tol:
                    return
            if not moved:
                return
            vain = 0 if self.gap <= 0.9 * best else vain + 1
            if self._blocks.n_flips:
                vain = min(vain, MOST_VAIN - 2)
            last, best = self.gap, min(best, self.gap)

    def _measured(self, strength: float) -> float:
        if self.layout.gamma:
            return self._blocks.distance(strength)
        return self._blocks.gap(strength, self._rr)

    def _epochs(self, strength: float, max_iter: int) -> None:
        # epochs, the first over all slots, and an extrapolation of the last ones
        first, iterates = 0.0, []
        for k in range(min(EPOCHS_PER_GAP, max_iter - self.n_epochs)):
            look_at_signals()
            self._blocks.epoch(strength, k > 0)
            self.n_epochs += 1
            first = max(first, self._blocks.largest_move)
            if self._blocks.largest_move <= 1e-3 * first:
                return
            if k >= EPOCHS_PER_GAP - EXTRAPOLATED:
                iterates.append(np.concatenate(self._state))
        if len(iterates) == EXTRAPOLATED:
            self._jump_to(extrapolated(iterates), strength)

    @property
    def _state(self) -> tuple[Vector, Vector]:
        # the coefficients, and what changes linearly with them
        return self._slots.u, self._slots.v if self._slots.Q is None else self._slots.h

    def _jump_to(self, state: Vector | None, strength: float) -> None:
        # go to an extrapolated state if the objective is lower there
        if state is None:
            return
        now, before = self._state, np.concatenate(self._state)
        objective = self._objective(strength)
        for part, new in zip(now, np.split(state, [now[0].size]), strict=True):
            part[:] = new
        if not self._objective(strength) < objective:
            for part, old in zip(now, np.split(before, [now[0].size]), strict=True):
                part[:] = old

    def _objective(self, strength: float) -> float:
        slots = self._slots
        if slots.Q is None:
            rr = self.layout.columns.residual_sumsq(slots.v)
        else:
            rr = self._yy - float(slots.u @ (slots.at_zero + slots.h))
        squares = np.add.reduceat(np.square(slots.u), slots.start[:-1])
        ones = np.add.reduceat(np.abs(slots.u), slots.start[:-1])
        penalties = strength * float(slots.thin @ ones + 0.5 * slots.l2 @ squares)
        of_lengths = penalty_of_lengths(
            np.sqrt(squares), strength * slots.weight, self.layout.gamma
        )
        return 0.5 * rr + penalties + of_lengths

    def _newton_pays(self, last: float, n_epochs: int, tol: float) -> bool:
        # whether the epochs that are still needed, at the rate of the last ones, cost more than a
        # few Newton steps
        slots, n = self._slots, self.design.n_samples
        k = support_of(slots).size
        factor = FACTORISATION * cost_of_step(k, n, slots.Q is not None)
        newton = NEWTON_CALL + factor + k * (len(slots.u) if slots.Q is not None else n)
        epoch = EPOCH_CALL + EACH_BLOCK * len(slots.block)
        epoch += k * (len(slots.u) if slots.Q is not None else 2.0 * n)
        if not np.isfinite(last):
            return bool(newton <= EPOCHS_PER_GAP * epoch)
        if self.gap >= last:
            return True
        rate = np.log(self.gap / last) / n_epochs
        needed = np.log(max(tol, 1e-16) / self.gap) / rate
        return bool(2.0 * newton < needed * epoch)

    def _newton_steps(self, strength: float, tol: float) -> bool:
        # Newton steps as long as each leaves a small part of the gap; returns whether the
        # coefficients changed
        moved, last = False, np.inf
        while self.gap > tol and self.gap <= QUICK * last and self._newton(strength):
            moved, last = True, self.gap
            self.gap = self._measured(strength)
        return moved

    def _newton(self, strength: float) -> bool:
        # returns whether the coefficients changed
        self.n_newton += 1
        step = newton_step(self._slots, self.layout, strength, self.design.n_threads)
        if step is None or not step.change.any():
            return False
        self._take(step)
        return True

    def _take(self, step: Step) -> None:
        slots = self._slots
        slots.u[step.slots] += step.change
        if step.way is not None:
            slots.h[:] -= step.way
            self._follow_slopes()
            return
        change = np.zeros(self.design.n_features)
        change[slots.feature[step.slots]] = step.change
        self.layout.columns.subtract_product(change, slots.v, self.design.n_threads)
        self._refresh()


def _warn_of_gamma(gamma: float) -> None:
    warnings.warn(
        f"gamma of GroupMCP is {gamma:g}, in units of the curvature of the longest column of a "
        "group: up to 1 the penalty is steeper than the loss is curved, with many stationary "
        "points; 3 is usual.",
        UserWarning,
        stacklevel=2,
    )
