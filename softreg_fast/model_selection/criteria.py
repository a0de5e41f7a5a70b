"""Information criteria: model selection on a path without folds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import gammaln

from softreg_fast.data.design import Design
from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.model_selection.coupled_freedom import degrees_of_clusters, degrees_of_groups
from softreg_fast.model_selection.dispersion import (
    LEAST_FREEDOM,
    MOST_ROUNDS,
    degrees_of_classes,
    degrees_of_curved,
    dispersion_of,
    n_counted,
    n_free_outputs,
    n_informative,
    nonzeros_of,
)
from softreg_fast.options.scalars import check_number
from softreg_fast.options.types import Vector
from softreg_fast.paths.result import Path
from softreg_fast.paths.solve import solve_design
from softreg_fast.penalties.grouping import GROUPED
from softreg_fast.penalties.quadratic import Tikhonov
from softreg_fast.penalties.sorted import SLOPE
from softreg_fast.penalties.vectors import Penalty, PenaltyVectors
from softreg_fast.solvers.choice import make_engine
from softreg_fast.solvers.overlap import overlaps
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.tikhonov import spectrum_of
from softreg_fast.solvers.turned import turn_of, turns
from softreg_fast.system.interrupts import interruptible


@dataclass(frozen=True)
class Criterion:
    """-2 log likelihood with a known scale, plus a penalty per degree of freedom; or "gcv".

    With RSS the weighted sum of squared residuals (weights of mean one), n the number of samples
    with a positive weight, d the degrees of freedom (the intercept is one of them) and k the number
    of nonzero coefficients of p, a model of normal errors has

        n log(2 pi noise_variance) + RSS / noise_variance + penalty,

    and under other losses -2 log likelihood + penalty:

        aic     penalty = 2 d
        aicc              2 d n / (n - d - 1)
        bic               d log n
        ebic              d log n + 2 log (p over k)

    Under Cox's loss n in these is the number of events, which is what the partial likelihood grows
    with. With several classes p and k count coefficients, unless the penalty is of rows; an
    intercept is one degree less than there are classes.

    Generalised cross-validation needs no variance. It is for squared error, the mean squared error
    that leaving one sample out at a time would have if all samples had the same influence:

        gcv     (RSS / n) / (1 - d / n)^2

    A model with d >= n - 1 explains nothing: infinity. The variance is not taken from the model:
    n log(RSS / n) falls without bound as a path with many features approaches the data, and no
    penalty on d stops it. Gamma, Tweedie and inverse Gaussian losses have a dispersion in its
    place. The density of a Tweedie distribution between Poisson and Gamma has no closed form; the
    part that is the same for all models, because it depends on y alone, is left out.

    Attributes
    ----------
    name : {"aic", "aicc", "bic", "ebic", "gcv"}
    noise_variance : float or None
        The variance, or the dispersion; None for a loss whose likelihood has no free scale, and for
        "gcv".

    References
    ----------
    Zou, Hastie, Tibshirani (2007), "On the 'degrees of freedom' of the lasso", Annals of Statistics
    35, for the form and for d; Hurvich, Tsai (1989), Biometrika 76 (the factor of aicc); Chen, Chen
    (2008), Biometrika 95 (ebic with gamma = 1); Golub, Heath, Wahba (1979), Technometrics 21 (gcv);
    Volinsky, Raftery (2000), "Bayesian information criterion for censored survival models",
    Biometrics 56 (events).
    """

    name: str
    noise_variance: float | None

    @property
    def dispersion(self) -> float:
        """Scale of the deviance in -2 log likelihood: the noise variance, 1 if there is none."""
        return 1.0 if self.noise_variance is None else self.noise_variance

    def of(self, fits: Path, problem: Problem) -> Vector:
        """Return the criterion of every model of a path, (n_alphas,)."""
        design = problem.design
        target, loss = problem.target, problem.loss
        n, m = n_counted(design), n_informative(design)
        d = degrees_of_freedom(fits, problem) + target.fit_intercept * n_free_outputs(design)
        deviance = 2.0 * target.null_loss * n * np.maximum(1.0 - fits.dev_ratio, 0.0)
        values = np.full(len(fits), np.inf)
        usable = d < m - 1
        d = d[usable]
        if self.name == "gcv":
            values[usable] = deviance[usable] / n / np.square(1.0 - d / n)
            return values
        asked = {
            "aic": 2.0 * d,
            "aicc": 2.0 * d * m / (m - d - 1.0),
            "bic": d * np.log(m),
            "ebic": d * np.log(m) + 2.0 * _log_choices(*_chosen(fits, problem))[usable],
        }[self.name]
        values[usable] = deviance[usable] / self.dispersion + asked
        constant = loss.log_normaliser(n, self.dispersion, target.observed, target.weight)
        return np.asarray(values + constant)


def criterion_for(name: str, problem: Problem, noise_variance: float | None) -> Criterion:
    """Return the named criterion for a problem, estimating its noise variance unless given.

    Raises
    ------
    ValueError
        For several targets, a loss without a likelihood, or a noise variance that is not > 0.
    """
    loss = problem.loss
    if isinstance(problem.design, MultiTaskDesign) and loss.quadratic:
        raise ValueError("A criterion is for one target; for several use cross-validation.")
    if name == "gcv":
        return _gcv(problem, noise_variance)
    if not loss.is_likelihood:
        raise ValueError(
            f"A criterion needs a likelihood, and {loss!r} has none; choose by cross-validation."
        )
    if not loss.has_dispersion:
        if noise_variance is not None:
            raise ValueError(
                f"noise_variance is for losses with a free scale, and that of {loss!r} is known; "
                "leave it out."
            )
        return Criterion(name, None)
    if noise_variance is None:
        estimate = noise_variance_of if loss.quadratic else dispersion_of
        return Criterion(name, estimate(problem))
    return Criterion(name, check_number("noise_variance", noise_variance, low=0.0, low_open=True))


def _gcv(problem: Problem, noise_variance: float | None) -> Criterion:
    if not problem.loss.quadratic:
        raise ValueError(
            f"criterion='gcv' is for squared error, not for {problem.loss!r}; choose another one, "
            "or by cross-validation."
        )
    if noise_variance is not None:
        raise ValueError("criterion='gcv' needs no noise_variance; leave it out.")
    return Criterion("gcv", None)


def noise_variance_of(problem: Problem) -> float:
    """Estimate the variance of y about its mean given X, for a sample of mean weight.

    Where at least half of the samples are left as degrees of freedom, RSS / (n - p - 1) of least
    squares on all features (n - p if there is no intercept). Otherwise that of least squares on the
    k features that the scaled Lasso chooses, RSS / (n - k - 1): the Lasso on columns of unit
    variance with alpha = sigma sqrt(2 log p / n), where sigma is the root of its own mean squared
    residual. So large an alpha admits hardly any column of pure noise, and signals too weak for it
    count as noise. If more than half as many features are chosen as there are samples, the estimate
    is that mean squared residual. Excluded features take no part; those without an L1 penalty
    always do.

    References
    ----------
    Sun, Zhang (2012), "Scaled sparse linear regression", Biometrika 99; Reid, Tibshirani, Friedman
    (2016), "A study of error variance estimation in Lasso regression", Statistica Sinica 26.
    """
    design, scaled = problem.design, problem.scaled
    varying = (design.norm > 0.0) & (scaled.lower < scaled.upper)
    whole = float(2.0 * problem.target.null_loss)
    if not whole > 0.0:
        return 1.0  # nothing to explain: all models are alike
    n = n_counted(design)
    found = _by_least_squares(design, varying, n)
    if found is None:
        share, chosen = _scaled_lasso(problem, varying, n)
        found = _by_least_squares(design, chosen, n)
        found = share if found is None else found
    return whole * max(found, float(np.finfo(np.float64).eps) ** 2)


def _by_least_squares(design: Design, features: NDArray[np.bool_], n: int) -> float | None:
    # noise share of the variance, from the residuals of least squares on some features; None if
    # these leave too few degrees of freedom
    left = n - int(np.count_nonzero(features)) - design.fit_intercept
    if left < LEAST_FREEDOM * n:
        return None
    penalty = Penalty(l2=np.where(features, 0.0, np.inf))
    fit = solve_design(design, penalty, tol=1e-10)
    return (1.0 - fit.dev_ratio) * n / left


def _scaled_lasso(
    problem: Problem, varying: NDArray[np.bool_], n: int
) -> tuple[float, NDArray[np.bool_]]:
    # residual share of the variance and the chosen features; in the engine's units all columns and
    # the target have length one, so that alpha / sigma sqrt(n) is the threshold
    held = np.where(varying, np.inf, 0.0)
    l1 = np.where(varying & (problem.vectors.l1 > 0.0), 1.0, 0.0)
    vectors = PenaltyVectors(l1, np.zeros(len(l1)), -held, held)
    engine = make_engine(Problem.in_engine_units(problem.design, vectors))
    threshold = float(np.sqrt(2.0 * np.log(max(int(np.count_nonzero(l1)), 2)) / n))
    share = 1.0
    for _ in range(MOST_ROUNDS):
        engine.solve(threshold * np.sqrt(share), 0.0, 1e-8, 10_000)
        last, share = share, float(engine.residual_sumsq)
        if not share < (1.0 - 1e-4) * last:
            break
    return share, engine.coef != 0.0


def _chosen(fits: Path, problem: Problem) -> tuple[int, NDArray[np.int64]]:
    # how many coefficients, or rows of them, there are to choose from, and how many are chosen
    p, loss = problem.design.n_features, problem.loss
    if loss.n_outputs == 1 or loss.by_rows:
        return p, fits.df
    return p * np.size(fits.intercepts[0]), nonzeros_of(fits)


def _log_choices(p: int, k: NDArray[np.int64]) -> Vector:
    # logarithm of the binomial coefficient p over k
    return np.asarray(gammaln(p + 1.0) - gammaln(k + 1.0) - gammaln(p - k + 1.0))


def degrees_of_freedom(fits: Path, problem: Problem) -> Vector:
    """Return the degrees of freedom of every model: its number of nonzero coefficients or, with an
    L2 part, on its support A, trace(C_A (C_A'C_A + diag(l2_A))^-1 C_A') of squared error; with
    Tikhonov's penalty trace(C (C'C + alpha P)^-1 C'). Of SLOPE it is the number of clusters, of
    groups the same trace with the Hessian of their norms in place of l2.
    """
    if overlaps(problem):
        raise ValueError(
            "Information criteria count degrees of freedom, which are not known for groups with "
            "overlap=True; choose alpha by folds."
        )
    if turns(problem):
        turn = turn_of(problem)
        coefs = sp.csc_array(turn.inverse @ fits.coefs.toarray())
        fits, problem = replace(fits, coefs=coefs), turn.problem
    if problem.penalty_kind == Tikhonov.kind:
        return spectrum_of(problem).degrees_of_freedom(fits.alphas)
    if problem.penalty_kind == SLOPE.kind:
        return degrees_of_clusters(fits)
    if problem.penalty_kind in GROUPED and problem.loss.quadratic:
        return degrees_of_groups(fits, problem)
    design, l1_ratio = problem.design, problem.l1_ratio
    if problem.loss.n_outputs != 1:
        return degrees_of_classes(fits, problem)
    if l1_ratio == 1.0:
        return fits.df.astype(np.float64)
    if not problem.loss.quadratic:
        return degrees_of_curved(fits, problem)
    support = np.unique(fits.coefs.indices).astype(np.intp)
    gram = design.crossproduct(support)
    found = np.zeros(len(fits))
    for k, alpha in enumerate(fits.alphas):
        members = fits.coefs.indices[fits.coefs.indptr[k] : fits.coefs.indptr[k + 1]]
        place = np.searchsorted(support, members)
        l2 = alpha * (1.0 - l1_ratio) * problem.scaled.l2[members]
        among = gram[np.ix_(place, place)]
        shrunk = interruptible(np.linalg.lstsq, among + np.diag(l2), among, None)[0]
        found[k] = np.trace(shrunk)
    return found
