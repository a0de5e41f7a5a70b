"""solve() and path(): alpha grid, warm-started loop over alphas, early stopping, callbacks."""

from __future__ import annotations

import inspect
import numbers
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning

from softreg_fast.certificate import certified
from softreg_fast.contents import check_unmasked
from softreg_fast.design import Design, MultiTaskDesign
from softreg_fast.engines import GRAM_MEMORY, WarmEngine, make_engine
from softreg_fast.grids import EPS, N_ALPHAS, alpha_grid, check_one_grid
from softreg_fast.hints import hint, with_hints
from softreg_fast.kernels._runtime import look_at_signals
from softreg_fast.names import PerFeature
from softreg_fast.penalty import Penalty, PenaltyVectors, check_number
from softreg_fast.record import Kept
from softreg_fast.result import MultiTaskPath, Path, Solution, Status, is_alarm
from softreg_fast.threads import effective_n_threads

Vector = NDArray[np.float64]


class PathStep(NamedTuple):
    """Arguments of a `path` callback after each alpha, the position-th of n_alphas."""

    position: int
    n_alphas: int
    alpha: float
    df: int
    dev_ratio: float
    gap: float
    tol: float


@with_hints
def solve(
    X: Any,
    y: ArrayLike | None = None,
    *,
    alpha: float = 1.0,
    l1_ratio: float = 1.0,
    l1_weights: PerFeature | None = None,
    l2_weights: PerFeature | None = None,
    l1: PerFeature | None = None,
    l2: PerFeature | None = None,
    positive: bool = False,
    bounds: Any = None,
    sample_weight: ArrayLike | None = None,
    fit_intercept: bool | None = None,
    standardize: bool | None = None,
    solver: str = "auto",
    precompute: bool | str | ArrayLike = "auto",
    tol: float = 1e-6,
    max_iter: int = 100_000,
    coef_init: PerFeature | None = None,
    gram_memory: float = GRAM_MEMORY,
    n_threads: int | None = None,
) -> Solution:
    """Fit one regularised least-squares model and bound its distance from the optimum.

    Minimises, with S the sum of the sample weights s,

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2 + sum_j [ l1_j |w_j| + l2_j / 2 w_j^2 ],
        l1_j = alpha * l1_ratio * l1_weights_j,   l2_j = alpha * (1 - l1_ratio) * l2_weights_j.

    Parameters
    ----------
    X : array-like, sparse, frame or Design, (n_samples, n_features)
        See `Design` for the formats used without a copy. A Design brings its own weights,
        intercept, standardisation and threads: contradicting them here is an error.
    y : array-like (n_samples,)
        May be omitted if X is a Design that has a target.
    alpha : float >= 0, default=1.0
    l1_ratio : float in [0, 1], default=1.0
    l1_weights, l2_weights : array-like (n_features,), dict, Series or None
        0: not penalised; inf: excluded; None: all 1. A dict or a pandas Series is matched by
        feature name (by feature number if X has no names); features not named in it have 1.
    l1, l2 : array-like (n_features,), float, dict, Series or None
        The vectors of the penalty themselves, instead of the four arguments above; features not
        named in a dict or Series have 0.
    positive : bool, default=False
        Constrain every coefficient to be >= 0.
    bounds : (lower, upper), {name: (lower, upper)} or None
        Lower and upper are numbers, array-like (n_features,), dicts or Series by name, or None for
        no bound.
    sample_weight : array-like (n_samples,) or None
        >= 0; only their ratios matter.
    fit_intercept : bool or None
        None: True, or the setting of the Design.
    standardize : bool or None
        Penalise as if every column had unit variance, without an intercept unit mean square;
        coefficients stay in the units of X. None: False, as in scikit-learn, or the setting of the
        Design.
    solver : {"auto", "cd", "cholesky", "cg", "gradient"}, default="auto"
        "auto": the warm engine (coordinate descent and Newton steps on a working set, which ends at
        rounding level whatever tol), and where there is neither an L1 part nor a bound "cholesky",
        or "cg" when both sides of X are large. "cd": plain coordinate descent. "gradient":
        accelerated proximal gradient. "cholesky" and "cg" solve pure L2 problems without bounds.
    precompute : bool, "auto" or array-like (n_features, n_features), default="auto"
        Whether to build the Gram matrix X'X of all features first. "auto" does so when
        n_features <= n_samples and n_features <= 500 for a path, 300 for one alpha; along a path of
        up to 4000 features also later, when an eighth of them has become nonzero. Without it the
        warm engine stores Gram columns of the features that come near the support. `strategy` of
        the result records the choice.
    tol : float, default=1e-6
        Stop when the duality gap is at most tol * ||y - mean(y)||^2 (in the sum form of the
        objective, as in scikit-learn; relative to the null loss that is 2 tol).
    max_iter : int, default=100_000
        Largest number of epochs.
    coef_init : array-like (n_features,), dict, Series or None
        Initial coefficients; features not named in a dict or Series start at 0.
    gram_memory : float >= 0, default=2**30
        Bytes that Gram columns and the factor of the support may take, unless precompute demands
        the whole matrix. Beyond that plain coordinate descent on the residual takes over, which is
        slower if columns are correlated; the solution is the same. The default is enough for 8192
        features.
    n_threads : int or None
        None: all cores if the work is large enough.

    Returns
    -------
    Solution

    Warns
    -----
    ConvergenceWarning
        If the gap is larger than the tolerance.

    Raises
    ------
    ValueError, TypeError
        For input that cannot be fitted; the message states what is expected.

    References
    ----------
    Friedman, Hastie, Tibshirani (2010), "Regularization paths for generalized linear models via
    coordinate descent", J. Stat. Software 33(1), for the descent. docs/mathematics.md derives the
    duality gap (Fenchel's inequality, coordinate by coordinate).

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast import solve
    >>> X = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    >>> solve(X, 3 * X[:, 0], alpha=0.5).coef
    array([2., 0.])
    """
    began = time.perf_counter()
    penalty = Penalty(alpha, l1_ratio, l1_weights, l2_weights, positive, bounds, l1, l2)
    design = as_design(X, y, sample_weight, fit_intercept, standardize, n_threads)
    solution = solve_design(
        design,
        penalty,
        solver=solver,
        precompute=precompute,
        tol=tol,
        max_iter=max_iter,
        coef_init=coef_init,
        gram_memory=gram_memory,
        began=began,
    )
    if is_alarm(solution.status):
        warn_not_converged([solution.gap], [solution.tol], [solution.status], max_iter)
    return solution


@with_hints
def path(
    X: Any,
    y: ArrayLike | None = None,
    *,
    alphas: ArrayLike | int | None = None,
    n_alphas: int = N_ALPHAS,
    eps: float = EPS,
    l1_ratio: float = 1.0,
    l1_weights: PerFeature | None = None,
    l2_weights: PerFeature | None = None,
    positive: bool = False,
    bounds: Any = None,
    sample_weight: ArrayLike | None = None,
    fit_intercept: bool | None = None,
    standardize: bool | None = None,
    solver: str = "auto",
    precompute: bool | str | ArrayLike = "auto",
    tol: float = 1e-6,
    max_iter: int = 100_000,
    coef_init: PerFeature | None = None,
    max_dev_ratio: float | None = None,
    max_df: int | None = None,
    callback: Callable[[PathStep], bool | None] | None = None,
    gram_memory: float = GRAM_MEMORY,
    n_threads: int | None = None,
) -> Path:
    """Fit the model of `solve` along falling alphas, each warm-started from the last.

    Parameters not listed are those of `solve`.

    Parameters
    ----------
    alphas : array-like (n_alphas,), int or None
        Sorted in falling order. None: `n_alphas` values, evenly spaced in the logarithm, from
        alpha_max, the smallest alpha at which no L1-penalised coefficient is nonzero, down to
        alpha_max * eps. For l1_ratio < 1e-3, where the L2 part dominates the shrinkage, from
        d / eps, d the largest eigenvalue of X'X / n (each column divided by the root of its l2
        weight), down to eps times the smallest variance of a column (`softreg_fast.grids`). An int
        stands for n_alphas.
    n_alphas : int, default=100
    eps : float in (0, 1], default=1e-3
    max_dev_ratio : float or None
        Stop after the first alpha that explains this fraction of the deviance.
    max_df : int or None
        Stop after the first alpha with this many nonzero coefficients.
    callback : callable or None
        Called with a `PathStep` after each alpha; a true return value ends the path there.

    Returns
    -------
    Path

    Warns
    -----
    ConvergenceWarning
        Once, if the gap is larger than the tolerance at some alpha.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import path
    >>> fits = path(*load_diabetes(return_X_y=True, as_frame=True), n_alphas=3)
    >>> fits.df
    array([ 0,  7, 10])
    """
    began = time.perf_counter()
    penalty = Penalty(1.0, l1_ratio, l1_weights, l2_weights, positive, bounds)
    check_options(tol, max_iter, gram_memory)
    stops = _stops(max_dev_ratio, max_df, callback)
    check_one_grid(alphas, n_alphas, eps, EPS)
    design = as_design(X, y, sample_weight, fit_intercept, standardize, n_threads)
    if isinstance(alphas, numbers.Integral):  # as newer scikit-learn allows
        alphas, n_alphas = None, alphas
    vectors = penalty.vectors(design.n_features, design.feature_names)
    scaled = PenaltyVectors(*design.to_engine(*vectors))
    grid = (
        alpha_grid(design, scaled, l1_ratio, n_alphas, eps) if alphas is None else as_alphas(alphas)
    )
    run = PathRun(
        design,
        penalty,
        grid,
        solver,
        precompute,
        tol,
        max_iter,
        gram_memory,
        coef_init,
        known=(vectors, scaled),
        began=began,
    )
    run.advance(len(grid), stops)
    fits = run.path()
    warn_of_missed(fits, max_iter)
    return fits


PATH_OPTIONS = frozenset(inspect.signature(path).parameters)


def _stops(
    max_dev_ratio: float | None,
    max_df: int | None,
    callback: Callable[[PathStep], bool | None] | None,
) -> Callable[[PathStep], bool | None] | None:
    # one callback for all stopping rules
    if max_dev_ratio is not None:
        check_number("max_dev_ratio", max_dev_ratio, low=0.0, high=1.0)
    if max_df is not None:
        check_number("max_df", max_df, low=0.0)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a function of a PathStep or None, got {callback!r}.")
    if max_dev_ratio is None and max_df is None:
        return callback

    def stops(step: PathStep) -> bool:
        return bool(
            (callback is not None and callback(step))
            or (max_dev_ratio is not None and step.dev_ratio >= max_dev_ratio)
            or (max_df is not None and step.df >= max_df)
        )

    return stops


class PathRun:
    """A path in progress: an engine, a grid, and the position on it.

    `known` holds the vectors of the penalty in the user's units and in the engine's, if the caller
    has them; `first` is the number of alphas that another run has fitted, ending at coef_init.
    """

    def __init__(
        self,
        design: Design,
        penalty: Penalty,
        alphas: Vector,
        solver: str,
        precompute: Any,
        tol: float,
        max_iter: int,
        gram_memory: float,
        coef_init: PerFeature | None = None,
        known: tuple[PenaltyVectors, PenaltyVectors] | None = None,
        began: float | None = None,
        first: int = 0,
    ) -> None:
        self.began = time.perf_counter() if began is None else began
        self.design = design
        self.alphas = alphas
        self.l1_ratio = penalty.l1_ratio
        self.tol = tol
        self.max_iter = max_iter
        self.first = self.position = first
        self.stopped = False  # by the callback
        if known is None:
            vectors = penalty.vectors(design.n_features, design.feature_names)
            known = vectors, PenaltyVectors(*design.to_engine(*vectors))
        self.vectors, scaled = known
        if self.l1_ratio == 0.0:  # no L1 part, whatever its weights
            scaled = scaled._replace(l1=np.zeros(design.n_features))
        self.scaled = scaled
        n_fits = len(alphas) - first
        self.engine = make_engine(
            design, scaled, solver, precompute, coef_init, n_fits, gram_memory=gram_memory
        )

    def advance(self, n: int, tell: Callable[[PathStep], bool | None] | None = None) -> None:
        """Fit the next n alphas; stop early if `tell` returns a true value."""
        engine, l1_ratio, tol, max_iter = self.engine, self.l1_ratio, self.tol, self.max_iter
        alphas = self.alphas[self.position : self.position + n]
        if tell is None and isinstance(engine, WarmEngine) and engine.goes_along:
            engine.solve_along(alphas, l1_ratio, tol, max_iter)
            self.position += len(alphas)
            return
        for alpha in alphas.tolist():
            look_at_signals()
            engine.keep(engine.solve(alpha * l1_ratio, alpha * (1.0 - l1_ratio), tol, max_iter))
            self.position += 1
            if tell is not None and tell(self._step(alpha)):
                self.stopped = True
                break

    def _step(self, alpha: float) -> PathStep:
        # callback arguments for the last kept fit
        design, engine, unit = self.design, self.engine, self.design.objective_unit
        df = engine.count_nonzero() + len(design.fixed(self.vectors.lower, self.vectors.upper))
        dev_ratio = float(_dev_ratio(design, engine.residual_sumsq))
        return PathStep(
            self.position - 1,
            len(self.alphas),
            alpha,
            df,
            dev_ratio,
            engine.gap * unit,
            self.tol * unit,
        )

    def path(self) -> Path:
        """Return all fits so far."""
        kept, design = self.engine.kept(), self.design
        alphas = self.alphas[self.first :]
        fitted = alphas[: len(kept.figures)]
        strengths = fitted * self.l1_ratio, fitted * (1.0 - self.l1_ratio)
        kept = certified(kept, design, self.scaled, strengths, self.tol, self.engine.doubt)
        strategy = self.engine.strategy
        if design.only_products and strategy == "gram":
            strategy = "products"
        return _gather_path(design, self.vectors, kept, strategy, alphas, self.tol, self.began)


def lasso_path(
    X: Any,
    y: ArrayLike,
    *,
    eps: float = 1e-3,
    n_alphas: int = 100,
    alphas: ArrayLike | int | None = None,
    precompute: bool | str | ArrayLike = "auto",
    Xy: ArrayLike | None = None,
    copy_X: bool = True,
    coef_init: PerFeature | None = None,
    verbose: bool | int = False,
    return_n_iter: bool = False,
    positive: bool = False,
    **params: Any,
) -> tuple[NDArray[Any], ...]:
    """Compute an `enet_path` with l1_ratio=1: scikit-learn's signature and returns."""
    return enet_path(
        X,
        y,
        l1_ratio=1.0,
        eps=eps,
        n_alphas=n_alphas,
        alphas=alphas,
        precompute=precompute,
        Xy=Xy,
        copy_X=copy_X,
        coef_init=coef_init,
        verbose=verbose,
        return_n_iter=return_n_iter,
        positive=positive,
        **params,
    )


def enet_path(
    X: Any,
    y: ArrayLike,
    *,
    l1_ratio: float = 0.5,
    eps: float = 1e-3,
    n_alphas: int = 100,
    alphas: ArrayLike | int | None = None,
    precompute: bool | str | ArrayLike = "auto",
    Xy: ArrayLike | None = None,
    copy_X: bool = True,
    coef_init: PerFeature | None = None,
    verbose: bool | int = False,
    return_n_iter: bool = False,
    positive: bool = False,
    check_input: bool = True,
    **params: Any,
) -> tuple[NDArray[Any], ...]:
    """Compute an elastic-net path without intercept: scikit-learn's signature and returns.

    Parameters
    ----------
    X : array-like or sparse (n_samples, n_features)
    y : array-like (n_samples,) or (n_samples, n_tasks)
        The columns of a matrix are fitted together, as `MultiTaskElasticNet` does.
    l1_ratio, eps, n_alphas, alphas, precompute, coef_init, positive
        As in `path`; positive is not supported for several tasks.
    Xy, copy_X, check_input
        Accepted for compatibility. X'y is cheap, X is never modified, input is always checked.
    verbose : bool or int
        True prints the path's table.
    return_n_iter : bool
    **params
        tol (default 1e-4), max_iter (default 1000), and any other argument of `path`.

    Returns
    -------
    alphas : ndarray (n_alphas,)
    coefs : ndarray (n_features, n_alphas) or (n_tasks, n_features, n_alphas), of the precision of X
    dual_gaps : ndarray (n_alphas,), in the units of the objective
    n_iters : ndarray (n_alphas,), if return_n_iter
    """
    if l1_ratio == 0.0 and (alphas is None or isinstance(alphas, numbers.Integral)):
        raise ValueError(
            "Automatic alpha grid generation is not supported for l1_ratio=0. "
            "Please supply a grid by providing your estimator with the appropriate `alphas=` "
            "argument."
        )
    unknown = sorted(set(params) - PATH_OPTIONS - {"random_state", "selection"})
    if unknown:
        raise ValueError(
            f"Unexpected parameters in params: {', '.join(unknown)}; "
            f"{hint(unknown[0], PATH_OPTIONS)}"
        )
    options = {"tol": 1e-4, "max_iter": 1000, **params}
    if not isinstance(X, Design):
        options.setdefault("fit_intercept", False)
    for name in ("random_state", "selection"):  # the order of descent is cyclic here
        options.pop(name, None)
    dtype = np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64
    several = not isinstance(X, Design) and np.ndim(y) == 2
    if several:
        if positive:
            raise ValueError("positive=True is not allowed for multi-output (y.ndim != 1).")
        described = ("sample_weight", "fit_intercept", "standardize", "n_threads")
        given = {name: options.pop(name) for name in described if name in options}
        X = MultiTaskDesign(X, y, **given)
    if alphas is None:  # with a given grid these have no effect, as in scikit-learn
        options.update(n_alphas=n_alphas, eps=eps)
    elif isinstance(alphas, numbers.Integral):
        options["eps"] = eps
    fits = path(
        X,
        None if several else y,
        l1_ratio=l1_ratio,
        alphas=alphas,
        precompute=precompute,
        coef_init=coef_init,
        positive=positive,
        **options,
    )
    if verbose:
        print(fits)
    coefs = rounded(fits.coefs.toarray(), dtype)
    if several:
        coefs = coefs.reshape(len(coefs), len(fits), -1).transpose(2, 0, 1)
    returned: tuple[NDArray[Any], ...] = (fits.alphas, coefs, fits.gaps)
    return (*returned, fits.n_epochs) if return_n_iter else returned


# ---------------------------------------------------------------------------------------------
# Helpers shared with the estimators.


def as_design(
    X: Any,
    y: ArrayLike | None,
    sample_weight: ArrayLike | None,
    fit_intercept: bool | None,
    standardize: bool | None,
    n_threads: int | None,
) -> Design:
    """Return X if it is a Design (with target y, if given), else a Design of X."""
    if not isinstance(X, Design):
        if y is None:
            raise ValueError("y is missing; give one target value for each row of X.")
        return Design(
            X,
            y,
            sample_weight,
            fit_intercept=True if fit_intercept is None else fit_intercept,
            standardize=False if standardize is None else standardize,
            n_threads=n_threads,
        )
    _check_beside(X, sample_weight, fit_intercept, standardize, n_threads)
    if y is not None:
        return X.with_target(y)
    if not hasattr(X, "y"):
        raise ValueError("This Design has no target; give y here or when making it.")
    return X


def _check_beside(
    design: Design,
    sample_weight: ArrayLike | None,
    fit_intercept: bool | None,
    standardize: bool | None,
    n_threads: int | None,
) -> None:
    # a Design was made with all of these settings: other values here are a contradiction
    if sample_weight is not None:
        raise ValueError(
            "sample_weight is given beside a Design, which has weights of its own; give "
            "Design.with_weight(sample_weight) as X."
        )
    made = {
        "fit_intercept": (fit_intercept, design.fit_intercept),
        "standardize": (standardize, design.standardize),
        "n_threads": (
            None if n_threads is None else effective_n_threads(n_threads),
            design.most_threads,
        ),
    }
    for name, (given, own) in made.items():
        if given is not None and given != own:
            raise ValueError(
                f"{name}={given!r} contradicts the Design, which was made with {name}={own!r}; "
                f"leave {name} out, or make another Design."
            )


def solve_design(
    design: Design,
    penalty: Penalty,
    *,
    solver: str,
    precompute: Any,
    tol: float,
    max_iter: int,
    coef_init: PerFeature | None = None,
    gram_memory: float = GRAM_MEMORY,
    began: float | None = None,
    rng: Any = None,
) -> Solution:
    """Run `solve` for an existing Design and Penalty; the caller warns."""
    began = time.perf_counter() if began is None else began
    check_options(tol, max_iter, gram_memory)
    vectors = penalty.vectors(design.n_features, design.feature_names)
    scaled = PenaltyVectors(*design.to_engine(*vectors))
    if penalty.strengths[0] == 0.0:  # no L1 part, whatever its weights
        scaled = scaled._replace(l1=np.zeros(design.n_features))
    engine = make_engine(design, scaled, solver, precompute, coef_init, 1, rng, gram_memory)
    status = engine.solve(*penalty.strengths, tol, max_iter)
    engine.keep(status)
    strengths = [[strength] for strength in penalty.strengths]
    kept = certified(engine.kept(), design, scaled, strengths, tol, engine.doubt)
    _, gap, sumsq, _, status = kept.figures[0].tolist()
    found = _coefficients(design, vectors, kept)
    coef = np.zeros((design.n_features, *found.w.shape[1:]))
    coef[found.features] = found.w
    intercept = found.intercepts[0]
    outright = penalty.l1 is not None or penalty.l2 is not None
    return Solution(
        alpha=float("nan") if outright else float(penalty.alpha),
        coef=coef.T,
        intercept=intercept if np.ndim(intercept) else float(intercept),
        gap=gap * design.objective_unit,
        tol=tol * design.objective_unit,
        null_loss=null_loss(design),
        n_epochs=engine.n_epochs,
        status=Status(int(status)),
        dev_ratio=float(_dev_ratio(design, sumsq)),
        df=len(found.features),
        seconds=time.perf_counter() - began,
        strategy=engine.strategy,
        feature_names=design.feature_names,
    )


def check_options(tol: float, max_iter: int, gram_memory: float = GRAM_MEMORY) -> None:
    """Raise an error for an invalid tolerance or limit."""
    check_number("tol", tol, low=0.0)
    check_number("gram_memory", gram_memory, low=0.0)
    if isinstance(max_iter, bool) or not isinstance(max_iter, numbers.Integral) or max_iter < 1:
        raise ValueError(f"max_iter must be an integer >= 1, got {max_iter!r}.")
    if max_iter > sys.maxsize:
        raise ValueError(f"max_iter must be an integer <= {sys.maxsize}, got {max_iter!r}.")


def as_alphas(alphas: ArrayLike) -> Vector:
    """Return a user's grid, validated and in falling order."""
    return np.sort(checked_alphas(alphas))[::-1]


def checked_alphas(alphas: ArrayLike, positive: bool = False) -> Vector:
    """Return a user's alphas in their order; raise an error naming the first invalid one."""
    check_unmasked("alphas", alphas)
    given = np.asarray(alphas)
    if given.dtype.kind not in "fiu":
        for k, alpha in enumerate(np.ravel(np.asarray(alphas, dtype=object))):
            if isinstance(alpha, bool) or not isinstance(alpha, numbers.Real):
                kind = type(alpha).__name__
                raise TypeError(f"alphas[{k}] must be an instance of float, not {kind}.")
        raise TypeError(f"alphas must be real numbers, got dtype {given.dtype}.")
    grid = given.astype(np.float64)
    if grid.ndim != 1 or not grid.size:
        raise ValueError(
            f"alphas must be a vector of at least one number, got shape {grid.shape}; for one "
            "alpha use [alpha]."
        )
    bad = ~np.isfinite(grid) | ((grid <= 0.0) if positive else (grid < 0.0))
    if bad.any():
        k, wanted = int(np.flatnonzero(bad)[0]), "> 0.0" if positive else ">= 0.0"
        raise ValueError(f"alphas[{k}] == {given[k]}, must be {wanted} and finite.")
    return grid


def rounded(values: NDArray[np.float64], dtype: Any) -> NDArray[Any]:
    """Return the values in the precision of the data, unless some would overflow or underflow."""
    with np.errstate(over="ignore", under="ignore"):
        result = values.astype(dtype, copy=False)
    lost = ~np.isfinite(result) | ((result == 0.0) & (values != 0.0))
    return values if lost.any() else result


def null_loss(design: Design) -> float:
    """Return 1/(2S) sum_i s_i (y_i - mean(y))^2, the loss without features."""
    return 0.5 * design.target_sumsq * design.objective_unit


def _dev_ratio(design: Design, residual_sumsq: Any) -> Any:
    # fraction of the deviance explained by a fit with this residual
    whole = design.target_sumsq
    return 1.0 - residual_sumsq / whole if whole else 0.0 * residual_sumsq


class _Coefficients(NamedTuple):
    """Concatenated fits in the units of X, the k-th in starts[k]:starts[k + 1]."""

    starts: NDArray[np.int64]
    features: NDArray[np.intp]
    w: Vector
    intercepts: Vector


def _coefficients(design: Design, vectors: PenaltyVectors, kept: Kept) -> _Coefficients:
    features, u, figures = kept
    starts = np.zeros(len(figures) + 1, np.int64)
    np.cumsum(figures[:, 0], dtype=np.int64, out=starts[1:])
    fixed = design.fixed(vectors.lower, vectors.upper)
    if fixed.size:
        ends = np.repeat(starts[1:], fixed.size)
        features = np.insert(features, ends, np.tile(fixed, len(figures)))
        u = np.insert(u, ends, 0.0)
        starts += fixed.size * np.arange(len(starts))
    w, offsets = design.to_user(features, u, starts, vectors.lower, vectors.upper)
    if not np.isfinite(w).all():
        raise ValueError(
            "The coefficients leave the range of float64: the columns of X are too small "
            "against y. Multiply X, or divide y, by a constant."
        )
    return _Coefficients(starts, features, w, design.y_mean - offsets)


def _gather_path(
    design: Design,
    vectors: PenaltyVectors,
    kept: Kept,
    strategy: str,
    alphas: Vector,
    tol: float,
    began: float,
) -> Path:
    unit = design.objective_unit
    starts, features, w, intercepts = _coefficients(design, vectors, kept)
    _, gaps, sumsq, n_epochs, status = kept.figures.T
    df, kind = np.diff(starts), Path
    if w.ndim > 1:  # the columns of one alpha, one for each task, then those of the next
        kind, inner = MultiTaskPath, starts[1:-1]
        features = np.concatenate([np.tile(f, w.shape[1]) for f in np.split(features, inner)])
        starts = np.append(0, np.cumsum(np.repeat(df, w.shape[1])))
        w = np.concatenate([part.T.ravel() for part in np.split(w, inner)])
    coefs = sp.csc_array((w, features, starts), shape=(design.n_features, len(starts) - 1))
    coefs.sort_indices()
    return kind(
        alphas=alphas[: len(gaps)],
        coefs=coefs,
        intercepts=intercepts,
        gaps=gaps * unit,
        tols=np.full(len(gaps), tol * unit),
        n_epochs=n_epochs.astype(np.int64),
        status=status.astype(np.int8),
        dev_ratio=_dev_ratio(design, sumsq),
        df=df,
        null_loss=null_loss(design),
        seconds=time.perf_counter() - began,
        strategy=strategy,
        feature_names=design.feature_names,
    )


def warn_of_missed(fits: Path, max_iter: int) -> None:
    """Issue one ConvergenceWarning if a path missed the tolerance at some alpha."""
    missed = np.flatnonzero(is_alarm(fits.status))
    if missed.size:
        worst = fits.alphas[missed][np.argmax(fits.gaps[missed])]
        where = f" at {missed.size} of {len(fits)} alphas, worst at alpha={worst:.6g}"
        warn_not_converged(
            fits.gaps[missed], fits.tols[missed], fits.status[missed], max_iter, where
        )


def warn_not_converged(gaps: Any, tols: Any, status: Any, max_iter: int, where: str = "") -> None:
    """Issue one ConvergenceWarning: the gap reached, the tolerance, and advice."""
    worst = int(np.argmax(gaps))
    if np.all(np.equal(status, Status.STALLED)):
        advice = "Float64 allows no further progress: raise tol"
    else:  # the wording of scikit-learn
        advice = "You might want to increase the number of iterations "
        advice += f"(max_iter, now {max_iter}), raise tol"
    warnings.warn(
        f"Objective did not converge{where}. {advice}, or use a larger alpha; features that are "
        "nearly copies of each other make convergence slow. Duality gap: "
        f"{gaps[worst]:.6e}, tolerance: {tols[worst]:.6e}.",
        ConvergenceWarning,
        stacklevel=level_of_caller(),
    )


def level_of_caller() -> int:
    """Return the stacklevel at which a warning points to the user's line."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("softreg_fast."):
        frame, level = frame.f_back, level + 1
    return level
