"""The adaptive Lasso: L1 weights from the coefficients of another fit, in one or several rounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from softreg_fast.data.design import Design
from softreg_fast.data.tables import TableOptions
from softreg_fast.data.validation import as_start
from softreg_fast.losses import Loss
from softreg_fast.model_selection.choice import Choice, choose
from softreg_fast.options.choices import CRITERIA, Criterion, LossName, Missing, Unknown
from softreg_fast.options.scalars import check_count, check_number
from softreg_fast.options.types import Bounds, MatrixLike, Vector
from softreg_fast.paths.path import path
from softreg_fast.paths.result import Path
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.given_penalty import maker_of_design
from softreg_fast.solvers.problem import Problem


def adaptive_path(
    X: MatrixLike,
    y: ArrayLike | None = None,
    *,
    initial: Any = None,
    gamma: float = 1.0,
    weight_eps: float = 0.0,
    n_rounds: int = 1,
    criterion: Criterion = "bic",
    loss: Loss | LossName | None = None,
    offset: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    fit_intercept: bool | None = None,
    standardize: bool | None = None,
    data: Any = None,
    dates: Any = None,
    missing: Missing = "error",
    unknown: Unknown = "error",
    n_threads: int | None = None,
    **options: Any,
) -> Path:
    """Fit a path whose L1 weights shrink large coefficients of another fit w0 less than small ones.

    The penalty of `path` with

        l1_weights_j = 1 / (|w0_j| + weight_eps)^gamma

    so that large coefficients are hardly biased, and with w0 consistent the right features are
    selected in large samples (Zou 2006).

    Parameters
    ----------
    X : array-like, sparse, frame, Design or str, (n_samples, n_features)
        The features. `Design` lists the formats that are used without a copy. A Design brings its
        own weights, intercept, standardisation and threads: contradicting them here is an error. In
        a frame of pandas, polars or pyarrow columns of categories or text are coded: each level is
        a sparse feature of 0 and 1, "column=level", without a level dropped; columns of booleans
        are one feature of 0 and 1. A str is a formula, on `data`.
    y : array-like (n_samples,), (n_samples, n_tasks) or None, default=None
        The target, in any unit. Under squared error the columns of a matrix are tasks, fitted
        together: a feature is selected for all or for none (glmnet: mgaussian), except in relaxed
        and stability paths. None: that of X, a Design with a target. Losses of two classes take
        labels of any type, the second of the sorted labels as class 1, or numbers from 0 to 1,
        which are shares of class 1. Of two columns the first counts the samples of class 0
        (failures), the second those of class 1 (successes), in glmnet's order; each row has the
        weight of its samples.
    initial : array-like (n_features,), dict, Series or None, default=None
        Coefficients w0, in the units of X; features not named in a dict or Series have 0. None:
        those of the Lasso that `criterion` chooses.
    gamma : float > 0, default=1.0
        Power of the weights. The default makes the fit independent of the units of the columns.
    weight_eps : float >= 0, default=0.0
        Added to |w0_j|, in its units. 0: a feature with w0_j = 0 is excluded. More lets it come
        back, and with several rounds is the reweighted L1 of Candes, Wakin, Boyd (2008).
    n_rounds : int >= 1, default=1
        Number of times that weights are computed. Before each but the first, w0 is the model that
        `criterion` chooses on the path with the weights so far.
    criterion : {"aic", "aicc", "bic", "ebic", "gcv"}, default="bic"
        How w0 is chosen, as in `cv_path`.
    loss : Loss, str or None, default=None
        The loss between y and the linear predictor, or its name (`losses.as_loss` lists them).
        None: "squared", half the squared error, or the loss of the Design.
    offset : array-like (n_samples,) or None, default=None
        Part of the linear predictor that is known for each sample, such as the logarithm of an
        exposure or an earlier model's prediction; under squared error the fit is that of y -
        offset. `predict` then needs the offset of the new samples. None: there is none, or that of
        the Design.
    sample_weight : array-like (n_samples,), float or None, default=None
        Weights s_i >= 0, not all 0. Only their ratios matter. None: all equal.
    fit_intercept : bool or None, default=None
        Fit an intercept b, which is never penalised. None: True, or the setting of the Design.
    standardize : bool or None, default=None
        Penalise as if every column had unit variance, without an intercept unit mean square;
        coefficients and bounds stay in the units of X. None: False, as in scikit-learn, or the
        setting of the Design.
    data : frame or None, default=None
        The table of a formula: with X="price ~ C(cut) + bs(carat)" the target is the column price,
        and y is left out. Formulas are those of formulaic (an extra), without a level dropped; "0
        +" means no intercept. What their terms have learned, such as levels and knots, is part of
        the model. A formula is code that is run, here and by a model that was unpickled. None: X is
        no formula.
    dates : list of str, dict or None, default=None
        Parts of dates that are features, of all columns of dates in a frame or, in a dict, by
        column: year, week (of ISO 8601), day (of the month), minute and days (since the first day
        in the table) are numbers, such as "date.year"; quarter, month, dayofweek and hour have
        levels, such as "date.month=2", as their last is beside their first. Text as 2024-02-29
        12:30 is read. None: columns of dates are refused.
    missing : {"error", "drop", "indicator"}, default="error"
        What is done about missing values, NaN or null. "error": they are refused, with all columns
        named. "drop": rows with one in X, y, sample_weight or offset are left out, with a warning.
        "indicator": in a frame numbers are filled with the mean of their column, and a feature
        "column=missing" is 1 there; in a column of levels "missing" is one more.
    unknown : {"error", "zero"}, default="error"
        What a level of a column means in `predict` that the fit has not seen: an error that names
        it, or zeros, so that its column has no effect.
    n_threads : int or None, default=None
        Number of threads, as in `effective_n_threads`. None: all cores if the work is large enough.
    **options
        Further parameters of `path`:

        alphas : array-like (n_alphas,), int or None, default=None
            The alphas, sorted in falling order. None: `n_alphas` values, evenly spaced in the
            logarithm, from alpha_max, the smallest alpha at which no L1-penalised coefficient is
            nonzero, down to alpha_max * eps. For l1_ratio < 1e-3, where the L2 part dominates the
            shrinkage, from d / eps, d the largest eigenvalue of X'X / n (each column divided by the
            root of its l2 weight), down to eps times the smallest variance of a column
            (`paths.grids`). An int stands for n_alphas.
        n_alphas : int, default=100
            Number of alphas of a grid that is not given. The default is scikit-learn's.
        eps : float in (0, 1], default=1e-3
            Ratio of the smallest alpha to the largest. The default is scikit-learn's.
        l1_ratio : float in [0, 1], default=1.0
            Share of the L1 penalty: 1, the default, is the Lasso, 0 is ridge.
        l2_weights : float, array-like (n_features,), dict, Series or None, default=None
            Relative strength of the L2 penalty on each feature, as l1_weights.
        positive : bool, default=False
            Constrain every coefficient to be >= 0.
        bounds : (lower, upper), scipy.optimize.Bounds, dict or None, default=None
            Bounds of the coefficients, in the units of X. Lower and upper are numbers, arrays
            (n_features,), dicts or Series by feature name, or None for no bound. A single dict has
            pairs (lower, upper) by feature name; other features are unbounded.
        exclude : name, number, list of them, mask or None, default=None
            Features to leave out, by name or by number from 0: their coefficients are 0, as with
            infinite weights. The name of a column of a frame stands for all of its features. For
            penalties of single coefficients. None: none.
        solver : {"auto", "cd", "cholesky", "cg", "gradient"}, default="auto"
            "auto": the warm engine (coordinate descent and Newton steps on a working set, which
            ends at rounding level whatever tol), and where there is neither an L1 part nor a bound
            "cholesky", or "cg" when both sides of X are large. "cd": plain coordinate descent.
            "gradient": accelerated proximal gradient. "cholesky" and "cg" solve pure L2 problems
            without bounds.
        precompute : bool, "auto" or array-like (n_features, n_features), default="auto"
            Whether to build the Gram matrix X'X of all features first; a given X'X (with sample
            weights X'SX) is checked against X. "auto" builds it when n_features <= n_samples and
            n_features <= 500 for a path, 300 for one alpha; along a path of up to 4000 features
            also later, when an eighth of them has become nonzero. Without it the warm engine stores
            Gram columns of the features that come near the support. `strategy` of the result
            records the choice. It is for squared error: the Gram matrix of another loss changes
            with the coefficients, so that True and False have no effect, and a matrix is refused.
        tol : float, default=1e-6
            Stop when the duality gap is at most tol * ||y - mean(y)||^2 (in the sum form of the
            objective, as in scikit-learn; relative to the null loss that is 2 tol). The default is
            a hundredth of scikit-learn's, for models that can be compared along a path.
        max_iter : int, default=100_000
            Largest number of epochs, passes over the features, at one alpha. The default is a limit
            for fits that do not converge; others need far fewer.
        coef_init : array-like (n_features,), dict, Series or None, default=None
            Initial coefficients, in the units of X; features not named in a dict or Series start at
            0. None: all 0. The optimum does not depend on them, the time does.
        max_dev_ratio : float in [0, 1] or None, default=None
            Stop after the first alpha that explains this fraction of the deviance. None: no such
            limit.
        max_df : int or None, default=None
            Stop after the first alpha with this many nonzero coefficients. None: no such limit.
        pmax : int or None, default=None
            Stop after the first alpha by which this many features have been nonzero, at it or at a
            larger one. None: no such limit.
        callback : callable or None, default=None
            Called with a `PathStep` after each alpha; a true return value ends the path there.
        gram_memory : float >= 0, default=2**30
            Bytes that Gram columns and the factor of the support may take, unless precompute
            demands the whole matrix. Beyond that plain coordinate descent on the residual takes
            over, which is slower if columns are correlated; the solution is the same. Under other
            losses than squared error a fit that needs more ends there with a warning. The default
            is enough for 8192 features.
        progress : bool, default=False
            Show a bar over the alphas (needs tqdm), on a terminal or in a notebook.

    Returns
    -------
    Path
        The fits with the last weights.

    Raises
    ------
    ValueError, TypeError
        For input that cannot be fitted; the message states what is expected.

    Warns
    -----
    ConvergenceWarning
        Once, if the gap is larger than the tolerance at some alpha.

    References
    ----------
    Zou (2006), "The adaptive lasso and its oracle properties", JASA 101; Buehlmann, Meier (2008),
    discussion of "One-step sparse estimates in nonconcave penalized likelihood models", Annals of
    Statistics 36, for several rounds.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import adaptive_path
    >>> fits = adaptive_path(*load_diabetes(return_X_y=True, as_frame=True), n_alphas=5)
    >>> fits.df
    array([0, 3, 5, 6, 7])
    """
    for name in ("l1_weights", "penalty"):
        if name in options:
            raise TypeError(f"{name} has no place here: the weights come from `initial`.")
    make = maker_of_design(None, TableOptions(dates, missing, unknown, data))
    design = make(X, y, sample_weight, fit_intercept, standardize, n_threads, loss, offset)
    box = {name: options[name] for name in ("positive", "bounds") if name in options}
    rounds = Rounds(gamma, weight_eps, n_rounds, criterion, **box)
    return path(design, l1_weights=rounds.weights(design, initial), **options)


class Rounds:
    """Rule for the weights of an adaptive Lasso, with the parameters of `adaptive_path`."""

    def __init__(
        self,
        gamma: float,
        eps: float,
        n_rounds: int,
        criterion: str,
        positive: bool = False,
        bounds: Bounds | None = None,
    ) -> None:
        self.gamma = check_number("gamma", gamma, low=0.0, low_open=True)
        self.eps = check_number("weight_eps", eps, low=0.0)
        self.penalty = Penalty(positive=positive, bounds=bounds)
        self.n_rounds = check_count("n_rounds", n_rounds)
        if criterion not in CRITERIA:
            raise ValueError(f"criterion must be one of {', '.join(CRITERIA)}; got {criterion!r}.")
        self.criterion = criterion

    def weights(self, design: Design, initial: Any = None) -> Vector:
        """Return the L1 weights after all rounds, (n_features,)."""
        if design.described_target.loss.n_outputs != 1 or np.ndim(design.y_mean):
            raise ValueError(
                "Weights come from one vector of coefficients: one target, or two classes."
            )
        if initial is None:
            w = self._chosen(design, None)
        else:
            w = as_start(initial, design.n_features, names=design.feature_names, what="initial")
        weights = self._weights_of(design, w)
        for _ in range(self.n_rounds - 1):
            weights = self._weights_of(design, self._chosen(design, weights))
        return weights

    def _weights_of(self, design: Design, w: Vector) -> Vector:
        # with standardisation w0 is that of columns of unit variance, as the penalty is
        scale = design.norm / np.sqrt(design.n_samples) if design.standardize else 1.0
        with np.errstate(divide="ignore"):
            return np.asarray((np.abs(w * scale) + self.eps) ** -self.gamma)

    def _chosen(self, design: Design, weights: Vector | None) -> Vector:
        problem = Problem(design, replace(self.penalty, l1_weights=weights))
        found = choose([problem], None, Choice(criterion=self.criterion))
        return found.path[found.index].coef
