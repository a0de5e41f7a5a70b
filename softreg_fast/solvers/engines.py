"""The solvers behind path() and solve(), and the choice of solver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.design import Design, MultiTaskDesign
from softreg_fast.data.names import PerFeature
from softreg_fast.kernels._cd import CONVERGED, MAX_ITER, CoordinateDescent
from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._engine import NO_ROOM
from softreg_fast.kernels._engine import Engine as GramSpaceEngine
from softreg_fast.kernels._multi_task import RowDescent, RowEngine
from softreg_fast.options.types import Vector
from softreg_fast.penalties.vectors import PenaltyVectors
from softreg_fast.solvers.certificate import Doubt
from softreg_fast.solvers.record import Kept, Record, joined
from softreg_fast.solvers.ridge import GradientEngine, RidgeEngine

SOLVERS = ("auto", "cd", "cholesky", "cg", "gradient")

# "auto" builds the whole Gram matrix when there are no more features than samples: up to
# LARGEST_EARLY_GRAM features at the start, up to LARGEST_AUTO_GRAM (128 MiB) once the share
# DENSE_SUPPORT of the features has become nonzero.
LARGEST_EARLY_GRAM = 500
LARGEST_AUTO_GRAM = 4_000
DENSE_SUPPORT = 0.125

# For a single alpha only up to this size, where it is cheap compared with the scans it saves.
LARGEST_SINGLE_GRAM = 300

# "auto" factorises for a ridge problem if the smaller side of X is at most this.
LARGEST_AUTO_FACTOR = 3_000

# Bytes for Gram columns and the factor of the support; beyond, plain coordinate descent on the
# residual takes over.
GRAM_MEMORY = float(1 << 30)

# With several tasks, a Newton step on ROWS_PER_ROOT times sqrt(n_samples * n_tasks) rows costs
# about ten epochs on the residuals; on FEWEST_ROWS rows it costs almost nothing.
ROWS_PER_ROOT = 10.0
FEWEST_ROWS = 200

# Epochs that all Newton steps together may cost in that case; their cost grows with the square of
# the number of rows.
EPOCHS_BEFORE_NEWTON = 200

# A cold start at a small alpha approaches it by the factor DESCENT per step; by FAST_DESCENT while
# there are fewer nonzero coefficients than FEW_NONZEROS times the samples, which makes the next
# features to enter easy to predict; and by STEEP_DESCENT with SAMPLES_FOR_STEEP_DESCENT or more
# samples per feature, where a scan of X costs more than a wrongly added slot.
DESCENT = 0.75
FAST_DESCENT = 0.5
FEW_NONZEROS = 0.02
STEEP_DESCENT = 0.3
SAMPLES_FOR_STEEP_DESCENT = 10

# An elastic net with an l1 strength below FAR times the last one is limited to EPOCHS_FROM_AFAR
# epochs before it is restarted as from a cold start: with many wrong slots descent can take
# thousands.
FAR = 0.05
EPOCHS_FROM_AFAR = 300


class Engine(Protocol):
    """Interface that path() and solve() require of a solver: warm state and one method."""

    @property
    def gap(self) -> float: ...

    @property
    def n_epochs(self) -> int: ...

    def keep(self, status: int) -> None: ...

    def kept(self) -> Kept: ...

    def count_nonzero(self) -> int: ...

    @property
    def residual_sumsq(self) -> float: ...

    @property
    def strategy(self) -> str: ...

    @property
    def doubt(self) -> Doubt: ...

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int: ...


class WarmEngine:
    """The Gram-space engine, replaced by plain coordinate descent when its slots run out."""

    foreign_gram = False  # whether the Gram matrix was given by the user

    _solver_type: Any = GramSpaceEngine

    def __init__(
        self,
        design: Design,
        scaled: PenaltyVectors,
        gram: NDArray[np.float64] | None = None,
        may_build_gram: bool = False,
        gram_memory: float = GRAM_MEMORY,
    ) -> None:
        self.design = design
        self.penalty = scaled
        self.most_slots = min(largest_gram(gram_memory), design.n_features)
        self.may_build_gram = may_build_gram
        self._solver: Any = None
        self._record: Record | None = None  # for solvers that do not keep fits themselves
        self._earlier: list[Kept] = []  # fits of the solvers before the present one
        self._earlier_reads = 0.0 if gram is None else 1.0
        self._begin(gram)
        self._cold = True
        self._last = 0.0  # l1 strength of the present fit; infinite if unknown

    def _begin(self, gram: NDArray[np.float64] | None) -> None:
        design = self.design
        columns = design.columns if gram is None else Columns.gram(gram)
        target = design.target if gram is None else design.gradient_at_zero()
        self.strategy = "working set" if gram is None else "gram"
        self._solver = self._solver_type(
            columns, target, design.target_sumsq, self.penalty, design.n_threads, self.most_slots
        )

    def _build_gram_if_dense(self) -> None:
        # With many nonzero coefficients the whole Gram matrix is cheaper than the scans.
        enough = DENSE_SUPPORT * self.design.n_features
        if self._solver.n_slots > enough and self._solver.count_nonzero() > enough:
            reached = self.coef
            self._earlier = [self.kept()]
            self._earlier_reads = self.n_reads + 1.0
            self._begin(self.design.gram)
            self._solver.coef[:] = reached
            self._solver.refresh()
            self.may_build_gram = False

    @property
    def doubt(self) -> Doubt:
        """Rules for which of this engine's certificates are recomputed from X."""
        return Doubt(self.foreign_gram, self.strategy != "residual", self.strategy == "gram")

    @property
    def coef(self) -> Vector:
        """Current coefficients, in the engine's units."""
        coef: Vector = self._solver.coef
        return coef

    def keep(self, status: int) -> None:
        """Append the current fit to those that `kept` returns."""
        if self._record is None:
            self._solver.keep(status)
        else:
            self._record.keep(self._solver, status)

    def kept(self) -> Kept:
        """Return all fits so far."""
        now = self._solver if self._record is None else self._record
        return joined([*self._earlier, Kept(*now.kept())])

    def count_nonzero(self) -> int:
        """Return the number of nonzero coefficients of the last kept fit."""
        now = self._solver if self._record is None else self._record
        count: int = now.count_nonzero()
        return count

    @property
    def gap(self) -> float:
        """Duality gap over all features."""
        gap: float = self._solver.gap
        return gap

    @property
    def n_epochs(self) -> int:
        """Number of epochs of the last call."""
        n_epochs: int = self._solver.n_epochs
        return n_epochs

    @property
    def residual_sumsq(self) -> float:
        """||y - C u||^2"""
        sumsq: float = self._solver.residual_sumsq
        return sumsq

    @property
    def n_reads(self) -> float:
        """Number of passes over X before the switch to the residual form, if that happened."""
        return self._earlier_reads + getattr(self._solver, "n_reads", 0.0)

    def start(self, u: Vector) -> None:
        """Set the starting coefficients."""
        self._solver.coef[:] = u
        self._solver.refresh()
        self._cold = not u.any()
        self._last = np.inf

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Minimise from the current state and return the status."""
        if self._cold:
            self._cold = False
            for strength in self._descent(l1_strength):
                if self._solver.approach(strength, l2_strength, max_iter) == NO_ROOM:
                    break
            self._last = 0.0
        far = self._is_far(l1_strength, l2_strength)
        self._last = l1_strength
        if self.may_build_gram:
            self._build_gram_if_dense()
        most = min(max_iter, EPOCHS_FROM_AFAR) if far else max_iter
        status: int = self._solver.solve(l1_strength, l2_strength, tol, most)
        if far and status == MAX_ITER:
            self.start(np.clip(0.0, self.penalty.lower, self.penalty.upper))
            self._cold = True
            return self.solve(l1_strength, l2_strength, tol, max_iter)
        if status == NO_ROOM:
            self.go_on_without_gram()
            status = self.solve(l1_strength, l2_strength, tol, max_iter)
        return status

    @property
    def goes_along(self) -> bool:
        """Return whether the compiled solver can run a whole alpha grid in one call."""
        return self.strategy == "gram" and isinstance(self._solver, GramSpaceEngine)

    def solve_along(self, alphas: Vector, l1_ratio: float, tol: float, max_iter: int) -> None:
        """Run `solve` and `keep` for each alpha, each in less time than a Python call takes."""
        self._solver.solve_along(alphas, l1_ratio, tol, max_iter)
        self._cold = False

    def _is_far(self, l1_strength: float, l2_strength: float) -> bool:
        # whether an elastic net may be reached sooner from zero than from the current coefficients
        if l2_strength == 0.0 or self.strategy != "working set":
            return False
        return l1_strength < FAR * self._last

    def go_on_without_gram(self) -> None:
        """Continue with plain coordinate descent from the current coefficients."""
        reached = self.coef
        self._earlier = [self.kept()]
        self._earlier_reads = self.n_reads
        self.strategy = "residual"
        self._solver = self._plain_solver()
        self._record = Record()
        self._solver.coef[:] = reached
        self.may_build_gram = False

    def _plain_solver(self) -> Any:
        return plain_descent(self.design, self.penalty)

    def _descent(self, l1_strength: float) -> Iterator[float]:
        # A short path of its own, from the strength at which the first coefficients enter.
        if self.strategy != "working set" or l1_strength <= 0.0:
            return
        gradient = self.design.gradient_at_zero()
        if not self.coef.any():
            self._solver.know(gradient)
        n, p = self.design.n_samples, self.design.n_features
        steep = n >= SAMPLES_FOR_STEEP_DESCENT * p
        strength = self._solver.entry_strength(gradient) * (STEEP_DESCENT if steep else DESCENT)
        while strength * DESCENT > l1_strength:
            yield strength
            few = self._solver.count_nonzero() < FEW_NONZEROS * n
            strength *= STEEP_DESCENT if steep else FAST_DESCENT if few else DESCENT


class PlainEngine(WarmEngine):
    """Plain coordinate descent: on a Gram matrix if one is given, else on the residual."""

    def __init__(
        self,
        design: Design,
        scaled: PenaltyVectors,
        gram: NDArray[np.float64] | None = None,
        rng: Any = None,
    ) -> None:
        self.design = design
        self.penalty = scaled
        self.strategy = "residual" if gram is None else "gram"
        self.may_build_gram = False
        self._solver = plain_descent(design, scaled, gram, rng)
        self._record = Record()
        self._earlier = []
        self._cold = False

    @property
    def doubt(self) -> Doubt:
        """Rules for which of this engine's certificates are recomputed from X."""
        return Doubt(self.foreign_gram, False, self.strategy == "gram")


class MultiTaskEngine(WarmEngine):
    """The warm engine for rows of coefficients, on a MultiTaskDesign.

    Newton steps on k rows cost k^3, epochs on the residuals k * n_samples * n_tasks. If there are
    too many rows for Newton steps to be cheap, descent on the residuals comes first, followed by
    Newton steps, with all available slots, if it turns out to be slow.
    """

    _solver_type = RowEngine

    def __init__(
        self,
        design: MultiTaskDesign,
        scaled: PenaltyVectors,
        gram: NDArray[np.float64] | None = None,
        may_build_gram: bool = False,
        gram_memory: float = GRAM_MEMORY,
    ) -> None:
        cheap = cheap_rows(design)
        super().__init__(design, scaled, gram, may_build_gram, min(gram_memory, 16.0 * cheap**2))
        self._cheap = cheap
        self._room = min(largest_gram(gram_memory), design.n_features)
        self._epochs_before = 0

    @property
    def n_epochs(self) -> int:
        """Number of epochs of the last call."""
        return self._epochs_before + super().n_epochs

    def begin_single(self) -> None:
        """Prepare for a single fit, whose rows may be many, unlike at the beginning of a path."""
        n, p = self.design.X.shape
        if self._cheap < p and n < SAMPLES_FOR_STEEP_DESCENT * p:
            self.go_on_without_gram()

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Minimise from the current state and return the status."""
        self._epochs_before = 0
        may_hurry = self.strategy == "residual" and self.most_slots < self._room
        if not may_hurry:
            return super().solve(l1_strength, l2_strength, tol, max_iter)
        size = np.count_nonzero(self.coef.any(axis=0)) / self._cheap
        patience = int(EPOCHS_BEFORE_NEWTON * max(size, 1.0) ** 2)
        status: int = self._solver.solve(l1_strength, l2_strength, tol, min(max_iter, patience))
        if status == CONVERGED or self.n_epochs >= max_iter:
            return status
        epochs = self.n_epochs
        self._go_on_with_newton(l1_strength)
        status = super().solve(l1_strength, l2_strength, tol, max_iter)
        self._epochs_before += epochs
        return status

    def _go_on_with_newton(self, l1_strength: float) -> None:
        design, reached = self.design, self.coef
        self._earlier = [self.kept()]
        self._earlier_reads = self.n_reads
        self._record = None
        self.most_slots = self._room
        tall = self._room == design.n_features <= design.n_samples
        self._begin(design.gram if tall else None)
        self.start(reached)
        self._last = l1_strength

    def _plain_solver(self) -> RowDescent:
        design = self.design
        return RowDescent(
            design.columns,
            design.target,
            design.target_sumsq,
            design.curvature,
            self.penalty,
            design.n_threads,
        )


def plain_descent(
    design: Design,
    scaled: PenaltyVectors,
    gram: NDArray[np.float64] | None = None,
    rng: Any = None,
) -> CoordinateDescent:
    """Return the compiled coordinate descent for a Design."""
    if gram is None:
        columns, target, curvature = design.columns, design.target, design.curvature
    else:
        columns, target = Columns.gram(gram), design.gradient_at_zero()
        curvature = np.diag(gram).copy()
    return CoordinateDescent(
        columns, target, design.target_sumsq, curvature, scaled, design.n_threads, rng
    )


def make_engine(
    design: Design,
    scaled: PenaltyVectors,
    solver: str,
    precompute: Any,
    coef_init: PerFeature | None,
    n_alphas: int,
    rng: Any = None,
    gram_memory: float = GRAM_MEMORY,
) -> Engine:
    """Return the solver for the problem, started from coef_init."""
    if solver not in SOLVERS:
        raise ValueError(f"solver must be one of {', '.join(SOLVERS)}; got {solver!r}.")
    if isinstance(design, MultiTaskDesign):
        check_for_rows(scaled, solver)
    if solver == "auto" and scaled.is_ridge:
        solver = ridge_solver(design)
    start = None
    if coef_init is not None:
        start = np.clip(design.from_user(coef_init), scaled.lower, scaled.upper)
    engine: RidgeEngine | GradientEngine | WarmEngine
    if solver in ("cholesky", "cg"):
        if not scaled.is_ridge:
            raise ValueError(
                f"solver={solver!r} solves pure L2 problems; with an L1 part or bounds use "
                "solver='auto', 'cd' or 'gradient'."
            )
        engine = RidgeEngine(design, scaled, solver)
    elif solver == "gradient":
        engine = GradientEngine(design, scaled)
    else:
        single = LARGEST_SINGLE_GRAM if solver == "auto" else 0
        warm = solver == "auto" and rng is None
        early = LARGEST_EARLY_GRAM if warm else LARGEST_AUTO_GRAM
        room = largest_gram(gram_memory)
        if isinstance(design, MultiTaskDesign):
            room = min(room, cheap_rows(design))
        gram = gram_for(precompute, design, min(early if n_alphas > 1 else single, room))
        if warm:
            few = design.n_features <= min(design.n_samples, LARGEST_AUTO_GRAM, room)
            later = gram is None and n_alphas > 1 and few and isinstance(precompute, str)
            if isinstance(design, MultiTaskDesign):
                engine = MultiTaskEngine(design, scaled, gram, later, gram_memory)
                if gram is None and n_alphas == 1:
                    engine.begin_single()
            else:
                engine = WarmEngine(design, scaled, gram, later, gram_memory)
        else:
            engine = PlainEngine(design, scaled, gram, rng)
        own = gram is None or (design.has_gram and gram is design.gram)
        engine.foreign_gram = not own
    if start is not None:
        engine.start(start)
    return engine


def ridge_solver(design: Design) -> str:
    """Return the solver that "auto" stands for in a pure L2 problem."""
    smaller_side = min(design.n_samples, design.n_features)
    return "cholesky" if smaller_side <= LARGEST_AUTO_FACTOR else "cg"


def check_for_rows(scaled: PenaltyVectors, solver: str) -> None:
    """Raise ValueError for options that a joint fit of several tasks does not support."""
    if solver != "auto":
        raise ValueError(f"Several tasks are fitted by solver='auto' only; got {solver!r}.")
    free = np.isneginf(scaled.lower) & np.isposinf(scaled.upper)
    if not np.all(free | ((scaled.lower == 0.0) & (scaled.upper == 0.0))):
        raise ValueError(
            "positive and bounds are not for several tasks at once: their penalty sees the length "
            "of a row only; leave them out, or fit the tasks one by one."
        )


def largest_gram(gram_memory: float) -> int:
    """Return the number of features whose Gram matrix and factor fit into `gram_memory` bytes."""
    return int(np.sqrt(gram_memory / 16))


def cheap_rows(design: MultiTaskDesign) -> int:
    """Return the number of rows up to which Newton steps are cheap compared with epochs."""
    entries = design.n_tasks * design.n_entries / design.n_features
    return max(FEWEST_ROWS, int(ROWS_PER_ROOT * np.sqrt(entries)))


def gram_for(precompute: Any, design: Design, largest: int) -> NDArray[np.float64] | None:
    """Return the Gram matrix of all features if `precompute` is true or "auto" finds it cheap."""
    if isinstance(precompute, str):
        if precompute != "auto":
            raise ValueError(
                f"precompute must be True, False, 'auto' or the matrix X'X; got {precompute!r}."
            )
        return design.gram if design.n_features <= min(design.n_samples, largest) else None
    if isinstance(precompute, bool) or precompute is None:
        return design.gram if precompute else None
    return design.gram_from(precompute)
