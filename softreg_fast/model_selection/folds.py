"""Folds as weight vectors: training designs that share X if it is large, and test errors."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold, StratifiedKFold, check_cv

from softreg_fast.data.columns import KnownMoments
from softreg_fast.data.design import Design
from softreg_fast.data.gram import mirror
from softreg_fast.data.rows import design_of_rows
from softreg_fast.data.survival_target import SurvivalTarget
from softreg_fast.data.target import UNSEEN, Target
from softreg_fast.kernels._folds import squared_errors, training_moments
from softreg_fast.losses.base import Loss
from softreg_fast.losses.classes import shown
from softreg_fast.options.scalars import is_integer
from softreg_fast.options.types import Index, Vector
from softreg_fast.paths.convergence import level_of_caller
from softreg_fast.paths.predict import row_blocks
from softreg_fast.paths.result import Path
from softreg_fast.solvers.limits import LARGEST_EARLY_GRAM
from softreg_fast.system.threads import blas_threads_for

# Largest number of entries of the Gram matrices of all folds, unless X has more: 128 MiB.
MOST_GRAM_ENTRIES = 1 << 24

# Largest number of entries of an X of which each fold copies its training rows: 4 MiB.
LARGEST_COPY = 1 << 19

# A squared error this small relative to the sums of which it is the difference is recomputed from
# residuals, and so is a training column whose spread nearly vanishes without the fold.
CANCELLATION = 1e-7


class Fold(NamedTuple):
    """The number of times each sample is trained on, and the held-out test samples."""

    counts: NDArray[np.intp]
    test: Index
    covers: bool  # whether the test set is exactly the samples without training


def pairs_of(cv: Any, X: Any, y: Any, stratified: bool = False, **split_options: Any) -> list[Any]:
    """Return (train, test) of every fold.

    Parameters
    ----------
    cv : int, splitter, iterable of (train, test) or None
        As in scikit-learn; None is 5 folds.
    X, y : data to split
    stratified : bool, default=False
        Give all folds of a number of them the same shares of the classes in y.
    **split_options
        Options of the splitter, such as groups.

    Raises
    ------
    ValueError
        If an iterable yields anything but pairs.
    """
    if np.iterable(cv) and not isinstance(cv, str) and not hasattr(cv, "split"):
        cv = list(cv)
        if cv and all(isinstance(fold, numbers.Integral) for fold in cv):
            return list(_by_number(cv, X))
        for k, pair in enumerate(cv):
            if not hasattr(pair, "__len__") or len(pair) != 2:
                raise ValueError(f"Fold {k} is {pair!r}; expected a pair (train, test).")
    return list(check_cv(cv, y, classifier=stratified).split(X, y, **split_options))


def _by_number(numbers_of: list[Any], X: Any) -> Iterator[tuple[Index, Index]]:
    # each sample is tested in the fold of its number, as by glmnet's foldid
    of_sample = np.array(numbers_of)
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    if len(of_sample) != n:
        raise ValueError(
            f"cv holds the numbers of the folds of {len(of_sample)} samples, and X has {n}; give "
            "one for each."
        )
    found = np.unique(of_sample)
    if len(found) < 2:
        raise ValueError(
            f"cv puts all samples into fold {found[0]}; give the numbers of at least two folds, or "
            "a number of folds."
        )
    for number in found:
        yield np.flatnonzero(of_sample != number), np.flatnonzero(of_sample == number)


def folds_for(
    cv: Any,
    seed: int | None,
    X: Any,
    y: Vector,
    stratified: bool = False,
    **split_options: Any,
) -> list[Any]:
    """Return (train, test) of every fold, shuffling the samples first if `cv` is a number or None.

    Parameters
    ----------
    cv, X, y, **split_options
        As in `pairs_of`.
    seed : int or None
        Seed of the shuffle; None: blocks of samples in their order.
    stratified : bool, default=False
        Whether y holds classes, of which all folds made here hold the same shares.

    Raises
    ------
    TypeError, ValueError
        If the seed is invalid; as in `pairs_of`.
    """
    if seed is not None and not is_integer(seed):
        raise TypeError(f"seed must be an integer or None, got {seed!r}.")
    if seed is not None and not 0 <= seed < 2**32:
        raise ValueError(f"seed must be from 0 to {2**32 - 1}, got {seed!r}.")
    if cv is None or isinstance(cv, numbers.Integral):
        kind = StratifiedKFold if stratified else KFold
        cv = kind(5 if cv is None else cv, shuffle=seed is not None, random_state=seed)
    return pairs_of(cv, X, y, **split_options)


def check_fold_options(
    cv: Any, seed: Any, groups: Any, fold_weights: str, criterion: str | None
) -> None:
    """Raise ValueError for options about folds where there are none, or the splitter is given."""
    if criterion is not None:
        given = {"cv": cv, "groups": groups}
        said = [name for name, value in given.items() if value is not None]
        if fold_weights != "equal":
            said.append("fold_weights")
        if seed != 0:
            said.append("seed")
        if said:
            raise ValueError(
                f"{' and '.join(said)}: a criterion needs no folds; leave this out, or criterion."
            )
    made_here = cv is None or isinstance(cv, numbers.Integral)
    if made_here and groups is not None:
        raise ValueError(
            "groups need a splitter that keeps them together, such as "
            f"cv=GroupKFold({5 if cv is None else cv}) of sklearn.model_selection."
        )
    if criterion is None and not made_here and seed != 0:
        raise ValueError(
            "seed is for folds that are made here, by a number; this cv brings its own order."
        )


def make_folds(pairs: list[Any], n: int) -> list[Fold]:
    """Make validated folds of n samples from pairs of indices or masks.

    Raises
    ------
    ValueError
        For a fold without training or test samples, or with indices out of range.
    """
    folds = []
    for k, (train, test) in enumerate(pairs):
        train, test = _as_indices("training", train, n, k), _as_indices("test", test, n, k)
        counts, tested = np.bincount(train, minlength=n), np.bincount(test, minlength=n)
        folds.append(Fold(counts, test, bool((counts + tested == 1).all())))
    if not folds:
        raise ValueError("cv yields no folds; give at least one pair (train, test).")
    return folds


def _as_indices(name: str, given: Any, n: int, k: int) -> Index:
    chosen = np.asarray(given)
    if chosen.dtype == bool and chosen.shape == (n,):
        chosen = np.flatnonzero(chosen)
    if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
        raise ValueError(
            f"The {name} set of fold {k} has dtype {chosen.dtype} and shape {chosen.shape}; "
            "expected a vector of sample indices."
        )
    if not chosen.size:
        raise ValueError(f"The {name} set of fold {k} is empty; use fewer folds or other groups.")
    if chosen.dtype == np.intp and chosen.view(np.uintp).max() < n:
        return chosen  # the usual case in one pass: negative numbers would be large
    lowest, highest = chosen.min(), chosen.max()
    if lowest < -n or highest >= n:
        raise ValueError(
            f"The {name} set of fold {k} holds sample {highest if highest >= n else lowest}; "
            f"there are {n} samples."
        )
    chosen = chosen.astype(np.intp, copy=False)
    return chosen if lowest >= 0 else np.where(chosen < 0, chosen + n, chosen)


class Training:
    """Training designs of all folds of one Design, and the test errors of their paths."""

    def __init__(self, design: Design, folds: list[Fold]) -> None:
        self.design = design
        self.folds = folds
        self.weight: Vector = np.ones(design.n_samples)
        if design.weight is not None:
            self.weight = design.weight
            self._check_weights()
        self._grams = self._fold_grams()
        # of training designs, as long as those are in use
        self._targets: WeakValueDictionary[int, Target] = WeakValueDictionary()

    def say_unseen_classes(self, classes: Any) -> None:
        """Warn where the training samples of a fold lack one of several classes, by its label."""
        target = self.design.described_target
        if target.loss.n_outputs == 1 or not self.design.fit_intercept:
            return
        for k, fold in enumerate(self.folds):
            sums = (self.weight * fold.counts) @ target.y
            if not sums.all():
                missing = int(np.argmin(sums))
                label = missing if classes is None else np.asarray(classes).tolist()[missing]
                warnings.warn(
                    f"The training samples of fold {k} hold no sample of class {shown(label)}, "
                    f"whose probability is then {UNSEEN:g}; that makes the errors of its test "
                    "samples large. Use fewer folds, or leave the class out.",
                    UserWarning,
                    stacklevel=level_of_caller(),
                )
                return

    def _check_weights(self) -> None:
        for k, fold in enumerate(self.folds):
            trained, tested = self.weight * fold.counts, self.weight[fold.test]
            for name, weights in (("training", trained), ("test", tested)):
                if not weights.any():
                    raise ValueError(
                        f"sample_weight is zero for every {name} sample of fold {k}; use other "
                        "folds, or leave out samples without weight before they are split."
                    )

    def fold_weights(self, kind: str) -> Vector | None:
        """Return the weights of the folds in means of errors, (n_folds,); None: all equal.

        They are sums of the weights of the test samples for kind "samples", else equal.
        """
        if kind != "samples":
            return None
        target, weight = self.design.described_target, self.weight
        if isinstance(target, SurvivalTarget):  # what their errors are means over
            weight = weight * target.events
        return np.array([weight[fold.test].sum() for fold in self.folds])

    def _fold_grams(self) -> FoldGrams | None:
        design = self.design
        if not design.described_target.loss.quadratic:
            return None
        p = design.n_features
        few = p <= min(LARGEST_EARLY_GRAM, design.n_samples // 2)
        # with many folds of a few samples each, their matrices take more memory than X
        small = len(self.folds) * p * p <= max(design.n_entries, MOST_GRAM_ENTRIES)
        if not (few and small) or design.is_sparse or design.is_null:
            return None
        if not all(fold.covers for fold in self.folds):
            return None
        return FoldGrams(design, [fold.test for fold in self.folds])

    def design_of(self, k: int, n_threads: int | None = None) -> Design:
        """Return the training design of the k-th fold, limited to `n_threads` threads."""
        design = self.design if n_threads is None else self.design.with_threads(n_threads)
        weight = self.weight * self.folds[k].counts
        known = None if self._grams is None else self._grams.training(k)
        if known is not None:
            return design.with_moments(weight, known)
        try:
            design = self._few_rows(design, weight) or design.reweighted(weight, is_part=True)
        except ValueError as error:  # such as one class only
            raise ValueError(
                f"The training samples of fold {k} cannot be fitted: {error}"
            ) from error
        self._targets[k] = design.described_target
        return design

    def _few_rows(self, design: Design, weight: Vector) -> Design | None:
        # Rows of a small X that is not wide are copied: then solvers are up to 1.7 times as fast as
        # with weights. Those of squared error mostly work with Gram matrices.
        small = design.n_features <= design.n_samples and design.n_entries <= LARGEST_COPY
        if design.described_target.loss.quadratic or not small:
            return None
        rows = np.flatnonzero(weight)
        if len(rows) == len(weight):
            return None
        plain = design.weight is None and weight.max() == 1.0
        return design_of_rows(design, rows, None if plain else weight[rows])

    def target_of(self, k: int) -> Target | None:
        """Return the target of the k-th training design, unless none is in use."""
        return self._targets.get(k)

    @property
    def loss(self) -> Loss:
        """The loss of the design."""
        return self.design.described_target.loss

    @property
    def classes(self) -> Any:
        """Labels of the classes of the target; None if it has none."""
        return self.design.described_target.classes

    def errors_of(self, k: int, fits: Path) -> Vector:
        """Return the weighted mean deviance at each alpha on the test samples of fold k.

        For squared loss it is the mean squared error.
        """
        if self._grams is not None:
            errors = self._grams.errors(k, fits)
            if errors is not None:
                return errors
        return self._mean_of_sums(k, fits, self.design.described_target.deviance_sums)

    def mean_over(self, k: int, fits: Path, of: Callable[[Index, Any], Any]) -> Vector:
        """Return the weighted mean over the test samples of fold k of a function of samples and
        their linear predictors without offset, at each alpha; with several tasks the mean over
        these, too.
        """

        def sums(rows: Index, eta: Any, weight: Vector) -> Any:
            return weight @ of(rows, eta).reshape(len(eta), -1)

        return self._mean_of_sums(k, fits, sums)

    def _mean_of_sums(
        self, k: int, fits: Path, sums: Callable[[Index, Any, Vector], Any]
    ) -> Vector:
        test = self.folds[k].test
        test = test[self.weight[test] > 0.0]  # 0 times infinity would be NaN
        weight = self.weight[test]
        total: Any = 0.0
        for part, eta in self._blocks_of(test, fits):
            total = total + sums(test[part], eta, weight[part])
        return np.asarray(total.reshape(len(fits), -1).mean(axis=1) / weight.sum())

    def predictors_of(self, k: int, fits: Path) -> NDArray[np.float64]:
        """Return the linear predictors of the test samples of fold k, (n_test, n_alphas); with
        several tasks (n_test, n_alphas, n_tasks).
        """
        test = self.folds[k].test
        found = np.empty((len(test), *fits.intercepts.shape))
        for part, eta in self._blocks_of(test, fits):
            found[part] = self.design.described_target.predictors_of(test[part], eta)
        return found

    def _blocks_of(self, test: Index, fits: Path) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        # linear predictors without offset, of blocks of these samples
        for part, eta in row_blocks(self.design.X, test, fits.coefs, fits.intercepts.ravel()):
            yield part, eta.reshape(-1, *fits.intercepts.shape)

    def observed_of(self, k: int) -> Vector:
        """Return the targets of the test samples of the k-th fold."""
        return np.asarray(self.design.described_target.observed[self.folds[k].test])

    def test_weight(self, k: int) -> Vector:
        """Return the weights of the test samples of the k-th fold."""
        return np.asarray(self.weight[self.folds[k].test])


class FoldGrams:
    """Moments of each test fold, X'SX and the like, from one pass over X.

    With z the columns of the Design that all folds share (centred by all samples, of unit length)
    and t its target, every fold has the matrix M = sum_i s_i m_i m_i', m_i = (z_i, t_i, 1), over
    its test samples; for the training samples it is the sum over all samples minus that. Only
    columns whose spread lies in the fold lose digits in the difference.
    """

    def __init__(self, design: Design, tests: list[Index]) -> None:
        self.design = design
        targets = (design.y - design.y_mean) / design.y_norm
        self.n_targets = targets[:1].size
        self.extra = np.ones((design.n_samples, self.n_targets + 1), order="F")
        self.extra[:, :-1] = targets.reshape(-1, self.n_targets)
        times = np.bincount(np.concatenate(tests), minlength=design.n_samples)
        with blas_threads_for(0):
            self.tests = [self._moments(test) for test in tests]
            if np.all(times == 1):
                self.total = np.sum(self.tests, axis=0).T  # symmetric; .T restores Fortran order
            else:
                self.total = self._moments(np.arange(design.n_samples))
        p = design.n_features
        shape = *np.shape(design.y_mean), p
        design.described_target.know_gradient(self.total[p:-1, :p].reshape(shape).copy())
        if not design.has_gram:  # used by the fit to all samples
            design.know_gram(self.total[:p, :p].copy(order="F"))

    def _moments(self, rows: Index) -> NDArray[np.float64]:
        design = self.design
        everything = np.arange(design.n_features, dtype=np.intp)
        product = np.zeros((design.n_features + self.extra.shape[1],) * 2, order="F")
        design.columns.crossproduct(
            product,
            everything,
            n_threads=design.n_threads,
            rows=np.sort(rows).astype(np.intp),
            extra=self.extra,
        )
        mirror(product)
        return product

    def training(self, k: int) -> KnownMoments | None:
        """Return the moments of a training design; None where the difference is too small."""
        design, p, total, test = self.design, self.design.n_features, self.total, self.tests[k]
        found = training_moments(total, test, self.n_targets, design.fit_intercept, CANCELLATION)
        if found is None:
            return None
        mean, length, gram, gradient = found
        stretch = np.sqrt(design.n_samples / (total[-1, -1] - test[-1, -1]))  # weights of mean one
        shape = np.shape(design.y_mean)
        return KnownMoments(
            center=design.center + mean[:p] * design.norm,
            norm=design.norm * length[:p] * stretch,
            y_mean=design.y_mean + design.y_norm * mean[p:].reshape(shape),
            y_norm=float(design.y_norm * length[p] * stretch),
            gram=gram,
            gradient=gradient.reshape(*shape, p),
        )

    def errors(self, k: int, fits: Path) -> Vector | None:
        """Return the mean squared test errors; None where differences of sums are inaccurate."""
        design, M, coefs = self.design, self.tests[k], fits.coefs
        sumsq, size = squared_errors(
            M,
            design.norm,
            design.center,
            design.y_norm,
            (fits.intercepts - design.y_mean).ravel(),
            self.n_targets,
            coefs.indptr.astype(np.int64, copy=False),
            coefs.indices.astype(np.int64, copy=False),
            coefs.data,
        )
        if (sumsq <= CANCELLATION * size).any():
            return None
        if self.n_targets > 1:
            sumsq = sumsq.reshape(-1, self.n_targets).mean(axis=1)
        return np.asarray(sumsq * (design.y_norm**2 / M[-1, -1]))
