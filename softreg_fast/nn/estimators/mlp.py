"""SparseMLPRegressor and SparseMLPClassifier: sparse networks as scikit-learn estimators.

PyTorch trains them. The fitted weights are NumPy arrays, so predictions and pickles do not need it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from softreg_fast.data.validation import as_weights, check_sparse
from softreg_fast.nn.checks import check_integer, check_real
from softreg_fast.nn.estimators import dense_layers
from softreg_fast.nn.estimators.dense_layers import Layer
from softreg_fast.nn.estimators.samples import Samples, centre_and_inverse
from softreg_fast.penalties import (
    L1,
    L2,
    MCP,
    SCAD,
    ElasticNet,
    GroupLasso,
    LHalf,
    NonNegative,
    Penalty,
    SparseGroupLasso,
)

Values = NDArray[Any]

# Penalties by name, for weights of the shape (outputs, inputs), as in PyTorch.
PENALTIES: dict[str, Callable[[float], Penalty]] = {
    "group": lambda l1_ratio: GroupLasso(strength=1.0, groups=1),
    "sparse_group": lambda l1_ratio: SparseGroupLasso(strength=1.0, groups=1, l1_ratio=l1_ratio),
    "l1": lambda l1_ratio: L1(strength=1.0),
    "l2": lambda l1_ratio: L2(strength=1.0),
    "elasticnet": lambda l1_ratio: ElasticNet(strength=1.0, l1_ratio=l1_ratio),
    "mcp": lambda l1_ratio: MCP(strength=1.0),
    "scad": lambda l1_ratio: SCAD(strength=1.0),
    "l_half": lambda l1_ratio: LHalf(strength=1.0),
}

# Initial probabilities of outputs are clipped to [SMALLEST_SHARE, 1 - SMALLEST_SHARE].
SMALLEST_SHARE = 1e-3

# Relative decrease of the objective in the last n_iter_no_change epochs above which training was
# too short.
STILL_CHANGING = 0.05


class _SparseMLP(BaseEstimator):
    # Common base: parameters, training in two parts, outputs from the remaining weights.

    n_features_in_: int
    coefs_: list[Values]
    intercepts_: list[Values]
    selected_features_: NDArray[np.intp]
    out_activation_: str

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        penalty: Any = "group",
        alpha: float = 2e-3,
        l1_ratio: float = 0.5,
        refit: float = 0.3,
        standardize: bool = True,
        batch_size: int | str = "auto",
        learning_rate_init: float = 3e-3,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.refit = refit
        self.standardize = standardize
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.verbose = verbose

    def _encoded(self, y: Any) -> tuple[Values, dict[str, Any]]:
        # targets (n_samples, n_outputs), and fitted attributes: out_activation_, others for predict
        raise NotImplementedError

    # -- fit ---------------------------------------------------------------------------------------

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like or sparse (n_samples, n_features)
            Training is in float32 if X is float32, else in float64. Sparse rows are made dense
            batch by batch.
        y : array-like (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like (n_samples,), number or None
            Samples of weight 0 are left out.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            For invalid input or parameters, and if the training diverges.
        ModuleNotFoundError
            If PyTorch is not installed.
        """
        train = _train_function(type(self).__name__)
        X, y = self._checked(X, y)
        targets, learned = self._encoded(y)
        training = _Training(self, train, learned["out_activation_"])
        rng = check_random_state(self.random_state)
        samples = self._samples(X, targets, sample_weight, training.out_activation, rng)
        centre, size = self._units(samples, training.out_activation)
        samples = replace(samples, targets=(samples.targets - centre) / size)
        layers = self._layers_before(samples, centre, size)
        if layers is None:
            layers = self._new_layers(samples, training.out_activation, rng)
        layers = training.run(layers, samples, rng)
        layers = dense_layers.without_idle(layers, self.activation)
        layers = dense_layers.with_inputs_in_units(layers, samples.mean, samples.inverse)
        layers = dense_layers.with_outputs_in_units(layers, centre, size)
        self._keep(layers, training, learned)
        return self

    def _checked(self, X: Any, y: Any) -> tuple[Any, Values]:
        check_sparse(X)
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc", "coo"],
            dtype=[np.float64, np.float32],
            multi_output=True,
            y_numeric=isinstance(self, RegressorMixin),
        )
        return X.tocsr() if sp.issparse(X) else X, y

    def _samples(
        self, X: Any, targets: Values, sample_weight: Any, out_activation: str, rng: Any
    ) -> Samples:
        weight, _ = as_weights(sample_weight, X.shape[0])
        weight = np.ones(X.shape[0]) if weight is None else weight
        rows, held_out = np.flatnonzero(weight), np.array([], np.intp)
        if self.early_stopping:
            rows, held_out = train_test_split(
                rows,
                test_size=self.validation_fraction,
                random_state=rng,
                stratify=_strata(out_activation, targets[rows]),
            )
            rows = np.sort(rows)
        weight = weight / weight[rows].mean()
        mean, inverse = np.zeros(X.shape[1]), np.ones(X.shape[1])
        if self.standardize:
            mean, inverse = centre_and_inverse(X, weight, rows)
        numbers = (each.astype(X.dtype) for each in (targets, weight, mean, inverse))
        targets, weight, mean, inverse = numbers
        return Samples(X, targets, weight, rows, held_out, mean, inverse)

    def _units(self, samples: Samples, out_activation: str) -> tuple[Values, Values]:
        # centre and size by which each output is standardised in training
        targets = samples.targets
        if out_activation != "identity" or not self.standardize:
            return np.zeros_like(targets[0]), np.ones_like(targets[0])
        centre, inverse = centre_and_inverse(targets, samples.weight, samples.rows)
        size = 1.0 / np.where(inverse > 0.0, inverse, 1.0)
        return centre.astype(targets.dtype), size.astype(targets.dtype)

    def _new_layers(self, samples: Samples, out_activation: str, rng: Any) -> list[Layer]:
        sizes = [samples.X.shape[1], *self._hidden(), samples.targets.shape[1]]
        layers = dense_layers.initial_layers(sizes, self.activation, rng, samples.targets.dtype)
        layers[0].coef[samples.inverse == 0] = 0
        wanted = np.average(
            samples.targets[samples.rows], axis=0, weights=samples.weight[samples.rows]
        )
        if out_activation != "identity":
            wanted = np.clip(wanted, SMALLEST_SHARE, 1.0 - SMALLEST_SHARE)
            wanted = logit(wanted) if out_activation == "logistic" else np.log(wanted)
        layers[-1].intercept[:] = wanted
        return layers

    def _layers_before(self, samples: Samples, centre: Values, size: Values) -> list[Layer] | None:
        # for a warm start: the layers of the last fit, in the standardised units of this one
        if not self.warm_start or not hasattr(self, "coefs_"):
            return None
        sizes = [samples.X.shape[1], *self._hidden(), samples.targets.shape[1]]
        before = [len(coef) for coef in self.coefs_] + [len(self.intercepts_[-1])]
        if before != sizes:
            raise ValueError(
                f"warm_start=True goes on with layers of sizes {before}, but now they are {sizes}. "
                "Set warm_start=False, or give data and hidden_layer_sizes as before."
            )
        dtype = samples.targets.dtype
        layers = [
            Layer(coef.astype(dtype), intercept.astype(dtype))
            for coef, intercept in zip(self.coefs_, self.intercepts_, strict=True)
        ]
        varies = samples.inverse > 0
        scale = np.divide(1, samples.inverse, out=np.zeros_like(samples.inverse), where=varies)
        coef, intercept = layers[0]
        layers[0] = Layer(coef * scale[:, np.newaxis], intercept + samples.mean @ coef)
        return dense_layers.with_outputs_in_units(layers, -centre / size, 1 / size)

    def _hidden(self) -> tuple[int, ...]:
        # the sizes of hidden layers
        hidden = tuple(np.ravel(np.asarray(self.hidden_layer_sizes, dtype=object)))
        for size in hidden:
            check_integer("each of hidden_layer_sizes", size)
        return tuple(int(size) for size in hidden)

    def _keep(self, layers: list[Layer], training: _Training, learned: dict[str, Any]) -> None:
        # all attributes at once, so that an interrupted fit leaves the last one unchanged
        read = dense_layers.read_by(layers)
        n_nonzero = sum(int(np.count_nonzero(layer.coef)) for layer in layers)
        n_weights = sum(layer.coef.size for layer in layers)
        scores = training.scores
        self.__dict__.update(
            learned,
            coefs_=[layer.coef for layer in layers],
            intercepts_=[layer.intercept for layer in layers],
            selected_features_=read[0],
            hidden_layer_sizes_=tuple(len(rows) for rows in read[1:]),
            n_nonzero_=n_nonzero,
            sparsity_=1.0 - n_nonzero / n_weights,
            n_layers_=len(layers) + 1,
            n_outputs_=len(layers[-1].intercept),
            n_iter_=len(training.losses),
            loss_=training.losses[-1],
            loss_curve_=training.losses,
            n_nonzero_curve_=training.n_nonzero,
            validation_scores_=scores or None,
            best_validation_score_=max(scores) if scores else None,
            _compacted=dense_layers.compacted(layers, read),
        )

    # -- predict -----------------------------------------------------------------------------------

    def _output(self, X: Any) -> Values:
        # output of the last layer, before its activation, from the compacted network
        check_is_fitted(self)
        check_sparse(X)
        X = validate_data(
            self,
            X,
            accept_sparse=["csr", "csc", "coo"],
            dtype=[np.float64, np.float32],
            reset=False,
        )
        if len(self.selected_features_) < self.n_features_in_:
            X = (X.tocsr() if sp.issparse(X) else X)[:, self.selected_features_]
        return dense_layers.output_of(self._compacted, X, self.activation)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


@dataclass
class _Training:
    # Training in two parts, with its record: losses, nonzero weights, scores of held-out samples.

    estimator: _SparseMLP
    train: Callable[..., list[Layer]]
    out_activation: str
    losses: list[float] = field(default_factory=list)
    n_nonzero: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        model = self.estimator
        if model.activation not in dense_layers.ACTIVATIONS:
            names = ", ".join(dense_layers.ACTIVATIONS)
            raise ValueError(f"activation must be one of {names}, got {model.activation!r}.")
        if model.batch_size != "auto":
            check_integer("batch_size", model.batch_size, " or 'auto'")
        check_integer("max_iter", model.max_iter)
        check_integer("n_iter_no_change", model.n_iter_no_change)
        check_real("alpha", model.alpha)
        check_real("tol", model.tol)
        check_real("learning_rate_init", model.learning_rate_init, above=True)
        check_real("refit", model.refit, below=1.0)
        if model.early_stopping:
            check_real("validation_fraction", model.validation_fraction, above=True, below=1.0)
        self.penalties = _penalties_of(model.penalty, model.l1_ratio, len(model._hidden()) + 1)

    def run(self, layers: list[Layer], samples: Samples, rng: Any) -> list[Layer]:
        """Train with the penalties, and then the remaining weights without them."""
        model, penalties = self.estimator, self.penalties
        after = [_in_refit(penalty) for penalty in penalties]
        n_refit = round(model.refit * model.max_iter)
        if model.alpha == 0.0 or all(a is b for a, b in zip(penalties, after, strict=True)):
            n_refit = 0
        n_first = max(model.max_iter - n_refit, 1)
        layers = self._part(layers, samples, rng, penalties, n_first, last=not n_refit)
        if not n_refit:
            return layers
        whole = dense_layers.without_idle(layers, model.activation)
        read = dense_layers.read_by(whole)
        small = dense_layers.compacted(whole, read)
        small = self._part(small, samples.of_columns(read[0]), rng, after, n_refit, last=True)
        return dense_layers.expanded(small, read, whole)

    def _part(
        self,
        layers: list[Layer],
        samples: Samples,
        rng: Any,
        penalties: list[Penalty | None],
        n_epochs: int,
        last: bool,
    ) -> list[Layer]:
        model = self.estimator
        size, n_samples = model.batch_size, len(samples.rows)
        size = min(200, max(n_samples // 10, 64)) if size == "auto" else int(size)
        refit, rate = penalties is not self.penalties, model.learning_rate_init
        watch = _Watch(self, self._scorer(samples) if last else None, by_objective=not refit)
        layers = self.train(
            layers,
            lambda: samples.batches(size, rng if model.shuffle else None),
            n_epochs,
            -(-n_samples // size),
            watch,
            activation=model.activation,
            out_activation=self.out_activation,
            penalties=penalties,
            strength=float(model.alpha),
            learning_rate=lambda done: rate * (1.0 - done if refit else 1.0),
            frozen=refit,
        )
        if not refit and watch.was_changing():
            warnings.warn(
                f"The network still changed after {n_epochs} epochs. Raise max_iter or tol; or "
                "give a larger learning_rate_init or a smaller batch_size.",
                ConvergenceWarning,
                stacklevel=4,
            )
        return watch.best or layers

    def _scorer(self, samples: Samples) -> Callable[[list[Layer]], float] | None:
        if not self.estimator.early_stopping:
            return None
        inputs = samples.inputs(samples.held_out)
        targets, weight = samples.targets[samples.held_out], samples.weight[samples.held_out]

        def score(layers: list[Layer]) -> float:
            output = dense_layers.output_of(layers, inputs, self.estimator.activation)
            return _score(self.out_activation, output, targets, weight)

        return score


class _Watch:
    # Callback after each epoch: records it, ends a part of the training when score or objective
    # stop improving, and keeps the layers of the best score.

    def __init__(
        self,
        training: _Training,
        score: Callable[[list[Layer]], float] | None,
        by_objective: bool,
    ) -> None:
        self.training = training
        self.score = score
        self.by_objective = by_objective
        self.objectives: list[float] = []
        self.merit = -np.inf
        self.n_waited = 0
        self.best: list[Layer] | None = None

    def __call__(self, loss: float, objective: float | None, layers: list[Layer]) -> bool:
        training, model = self.training, self.training.estimator
        n_nonzero = sum(int(np.count_nonzero(layer.coef)) for layer in layers)
        training.losses.append(loss)
        training.n_nonzero.append(n_nonzero)
        if not np.isfinite(loss if objective is None else objective):
            raise ValueError(
                f"The loss became {loss} in epoch {len(training.losses)}. Try a smaller "
                "learning_rate_init, and standardize=True."
            )
        if model.verbose:
            print(f"Epoch {len(training.losses)}: loss {loss:.6g}, {n_nonzero} weights")
        merit = None
        if objective is not None and self.by_objective:
            self.objectives.append(objective)
            merit = -objective
        if self.score is not None:
            merit = self.score(layers)
            training.scores.append(merit)
            if merit > self.merit:
                self.best = [Layer(layer.coef.copy(), layer.intercept.copy()) for layer in layers]
        if merit is None:
            return False
        self.n_waited = 0 if merit > self.merit + model.tol else self.n_waited + 1
        self.merit = max(self.merit, merit)
        return self.n_waited > model.n_iter_no_change

    def was_changing(self) -> bool:
        """Return whether the objective was still falling at the last epoch."""
        if self.n_waited > self.training.estimator.n_iter_no_change:
            return False
        last = self.objectives[-1 - self.training.estimator.n_iter_no_change :]
        too_few = len(last) <= self.training.estimator.n_iter_no_change
        return too_few or last[-1] < (1.0 - STILL_CHANGING) * last[0]


class SparseMLPRegressor(MultiOutputMixin, RegressorMixin, _SparseMLP):
    """Multilayer perceptron for regression that selects its inputs and hidden units.

    Minimises, with sample weights s of mean 1 and standardised inputs and targets,

        1/(2n) sum_i s_i mean_k (y_ik - f_k(x_i))^2 + alpha * sum_layers Omega(W)

    by Adam with proximal steps (Yun, Lozano, Yang 2021), which give exact zeros; then the remaining
    weights are trained further without the penalty, as in the relaxed Lasso.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(100,)
        Units of the hidden layers before selection.
    activation, penalty, alpha, l1_ratio, refit, standardize, batch_size, learning_rate_init, \
max_iter, shuffle, random_state, tol, n_iter_no_change, early_stopping, validation_fraction, \
warm_start, verbose
        As in `SparseMLPClassifier`; standardize=True standardises targets too, so that alpha does
        not depend on their units.

    Attributes
    ----------
    coefs_, intercepts_, selected_features_, hidden_layer_sizes_, n_nonzero_, sparsity_, n_iter_, \
loss_, loss_curve_, n_nonzero_curve_, validation_scores_, best_validation_score_, n_layers_, \
n_outputs_, out_activation_, n_features_in_, feature_names_in_
        As in `SparseMLPClassifier`. Losses are those of standardised targets; scores of held-out
        samples are R^2.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.nn import SparseMLPRegressor
    >>> X = np.random.default_rng(0).standard_normal((500, 10))
    >>> y = X[:, 0] - 2.0 * X[:, 1] + np.maximum(X[:, 2], 0.0)
    >>> model = SparseMLPRegressor((32,), alpha=4e-3, random_state=0).fit(X, y)
    >>> model.selected_features_
    array([0, 1, 2])
    """

    def _encoded(self, y: Any) -> tuple[Values, dict[str, Any]]:
        return y.reshape(len(y), -1), {"out_activation_": "identity", "_y_shape": y.shape[1:]}

    def predict(self, X: Any) -> Values:
        """Predict the targets.

        Parameters
        ----------
        X : array-like or sparse (n_samples, n_features)

        Returns
        -------
        ndarray (n_samples,) or (n_samples, n_outputs), like y in `fit`
        """
        output = self._output(X)
        return output.reshape(len(output), *self._y_shape)


class SparseMLPClassifier(ClassifierMixin, _SparseMLP):
    """Multilayer perceptron for classification that selects its inputs and hidden units.

    Minimises, with sample weights s of mean 1 and standardised inputs,

        1/n sum_i s_i logloss(y_i, f(x_i)) + alpha * sum_layers Omega(W)

    by Adam with proximal steps (Yun, Lozano, Yang 2021), which give exact zeros; then the remaining
    weights are trained further without the penalty, as in the relaxed Lasso. Two classes give one
    logistic output, more classes a softmax, and a matrix of zeros and ones (several labels) a
    logistic output for each column.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(100,)
        Units of the hidden layers before selection; () for none, a linear model.
    activation : {"relu", "tanh", "logistic", "identity"}, default="relu"
        Activation of the hidden layers.
    penalty : str, Penalty, list or None, default="group"
        Omega. "group": the group lasso on the outgoing weights of each input and hidden unit, so
        that these are removed as a whole. "sparse_group": also single weights of the remaining
        groups. "l1", "mcp", "scad", "l_half": single weights. "elasticnet"; "l2", which gives no
        zeros. Or a penalty of `softreg_fast.nn`, or a list of one (or None) for each layer. They
        apply to weights in PyTorch's shape (outputs, inputs): groups=1 are inputs.
    alpha : float >= 0, default=2e-3
        Strength of the penalty; multiplies the strength of a Penalty object.
    l1_ratio : float in [0, 1], default=0.5
        For "elasticnet" and "sparse_group".
    refit : float in [0, 1), default=0.3
        Final fraction of max_iter, in which zero weights stay zero and the others are trained
        without the penalty, with a learning rate that falls to 0. 0: no refit. An L2 penalty and
        the sign constraint of positive=True stay in force.
    standardize : bool, default=True
        Train on inputs of mean 0 and standard deviation 1. coefs_ are for the original inputs.
    batch_size : int or "auto", default="auto"
        "auto": a tenth of the samples, at least 64 and at most 200.
    learning_rate_init : float > 0, default=3e-3
        Learning rate of Adam until the refit.
    max_iter : int, default=200
        Maximum number of passes over the samples (epochs), including the refit.
    shuffle : bool, default=True
        Draw a new random order for each pass.
    random_state : int, RandomState or None
        For initial weights, sample orders and the held-out samples. An int gives bit-identical
        results on one thread.
    tol : float, default=1e-4
        Smallest improvement that counts, of loss + penalty or of the score of held-out samples.
    n_iter_no_change : int, default=10
        Number of passes without improvement that end the penalised part and, with early_stopping,
        the last part. A refit without early_stopping runs to its end, where the learning rate is 0.
    early_stopping : bool, default=False
        Hold out validation_fraction of the samples, stratified by class, and end the last part by
        their score; the weights are those of the pass with the best score.
    validation_fraction : float in (0, 1), default=0.1
    warm_start : bool, default=False
        Start from the weights of the last fit. Weights that were zero with "group" stay zero: go
        from small to large alpha.
    verbose : bool, default=False
        Print a line for each pass.

    Attributes
    ----------
    coefs_ : list of ndarray (n_inputs, n_outputs)
        Weights of each layer. Those without effect are zero: of units that nothing reads, and of
        units that read nothing, which are included in the intercepts of the next layer.
    intercepts_ : list of ndarray (n_outputs,)
    selected_features_ : ndarray of int
        Inputs on which the outputs depend.
    hidden_layer_sizes_ : tuple of int
        Number of remaining units of each hidden layer.
    n_nonzero_ : int
        Number of entries of coefs_ that are not zero.
    sparsity_ : float
        Fraction of entries of coefs_ that are zero.
    n_iter_ : int
        Number of passes made.
    loss_, loss_curve_, n_nonzero_curve_ : float, list of float, list of int
        Final and per-pass mean loss without the penalty, and number of nonzero weights after each
        pass.
    validation_scores_, best_validation_score_ : list of float, float
        Scores of the passes of the last part, and the best; None without early_stopping.
    classes_ : ndarray (n_classes,)
    n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_
        As in scikit-learn's MLPClassifier.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from softreg_fast.nn import SparseMLPClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = SparseMLPClassifier((32,), alpha=1e-2, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.95
    True
    >>> model.n_nonzero_ < 300  # of 992
    True
    """

    classes_: Values

    def _encoded(self, y: Any) -> tuple[Values, dict[str, Any]]:
        check_classification_targets(y)
        kind = type_of_target(y)
        if kind == "multiclass-multioutput":
            raise ValueError(
                f"y has {y.shape[1]} columns with several classes in each; give one column, or a "
                "matrix of zeros and ones for several labels."
            )
        if kind == "multilabel-indicator":
            targets = y.toarray() if sp.issparse(y) else y
            return targets, {"classes_": np.arange(targets.shape[1]), "out_activation_": "logistic"}
        y = column_or_1d(y, warn=True)
        classes = np.unique(y)
        if len(classes) <= 2:
            targets = (y == classes[-1])[:, np.newaxis]
            return targets, {"classes_": classes, "out_activation_": "logistic"}
        return y[:, np.newaxis] == classes, {"classes_": classes, "out_activation_": "softmax"}

    def predict(self, X: Any) -> Values:
        """Predict the most probable class of each sample, or all labels of probability above 1/2.

        Parameters
        ----------
        X : array-like or sparse (n_samples, n_features)

        Returns
        -------
        ndarray (n_samples,) or (n_samples, n_labels)
        """
        output = self._output(X)
        if self.out_activation_ == "softmax":
            return np.asarray(self.classes_[output.argmax(1)])
        if self.n_outputs_ > 1:
            return (output > 0).astype(int)
        return np.asarray(self.classes_[np.where(output[:, 0] > 0, -1, 0)])

    def predict_proba(self, X: Any) -> Values:
        """Predict the probabilities of the classes, in the order of classes_, or of each label.

        Parameters
        ----------
        X : array-like or sparse (n_samples, n_features)

        Returns
        -------
        ndarray (n_samples, n_classes)
        """
        output = self._output(X)
        found = dense_layers.OUT_ACTIVATIONS[self.out_activation_](output)
        if self.n_outputs_ > 1:
            return found
        return np.ones_like(found) if len(self.classes_) == 1 else np.hstack([1 - found, found])

    def predict_log_proba(self, X: Any) -> Values:
        """Return the logarithm of `predict_proba`."""
        return np.asarray(np.log(self.predict_proba(X)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _train_function(who: str) -> Callable[..., list[Layer]]:
    try:
        from softreg_fast.nn.estimators.training import train
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ModuleNotFoundError(
            f"To fit {who} needs PyTorch: pip install 'softreg_fast[torch]'. Predictions do "
            "without it.",
            name="torch",
        ) from error
    return train


def _penalties_of(given: Any, l1_ratio: float, n_layers: int) -> list[Penalty | None]:
    # one for each layer
    if isinstance(given, str) and given in PENALTIES:
        check_real("l1_ratio", l1_ratio, most=1.0)
        return [PENALTIES[given](l1_ratio)] * n_layers
    if given is None or isinstance(given, Penalty):
        return [given] * n_layers
    listed = isinstance(given, list | tuple)
    if not listed or not all(each is None or isinstance(each, Penalty) for each in given):
        names = ", ".join(map(repr, PENALTIES))
        raise ValueError(
            f"penalty must be one of {names}, None, a penalty of softreg_fast.nn, or a list of one "
            f"for each layer, got {given!r}."
        )
    if len(given) != n_layers:
        raise ValueError(f"penalty has {len(given)} entries for {n_layers} layers of weights.")
    return list(given)


def _in_refit(penalty: Penalty | None) -> Penalty | None:
    # penalties without zeros stay in force, and so do constraints on the sign
    if isinstance(penalty, ElasticNet) and (penalty.l1_ratio == 0.0 or penalty.strength == 0.0):
        return penalty
    return NonNegative() if getattr(penalty, "positive", False) else None


def _strata(out_activation: str, targets: Values) -> Values | None:
    # classes by which the held-out samples are stratified
    if out_activation == "softmax":
        return np.asarray(targets.argmax(1))
    return targets[:, 0] if out_activation == "logistic" and targets.shape[1] == 1 else None


def _score(out_activation: str, output: Values, targets: Values, weight: Values) -> float:
    # R^2 for regression, accuracy for classification
    if out_activation == "identity":
        return float(r2_score(targets, output, sample_weight=weight))
    if out_activation == "softmax":
        return float(accuracy_score(targets.argmax(1), output.argmax(1), sample_weight=weight))
    return float(accuracy_score(targets > 0.5, output > 0.0, sample_weight=weight))
