"""SparseMLP, the common base of SparseMLPRegressor and SparseMLPClassifier.

PyTorch trains them. The fitted weights are NumPy arrays, so predictions and pickles do not need it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from softreg_fast.data.validation import as_weights, check_sparse
from softreg_fast.nn.checks import check_integer
from softreg_fast.nn.estimators import dense_layers
from softreg_fast.nn.estimators.dense_layers import DenseLayer
from softreg_fast.nn.estimators.fitting import Training, train_function
from softreg_fast.nn.estimators.samples import Samples, centre_and_inverse

Values = NDArray[Any]


# Initial probabilities of outputs are clipped to [SMALLEST_SHARE, 1 - SMALLEST_SHARE].
SMALLEST_SHARE = 1e-3


class SparseMLP(BaseEstimator):
    """Common base: parameters, training in two parts, outputs from the remaining weights."""

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
        train = train_function(type(self).__name__)
        X, y = self._checked(X, y)
        targets, learned = self._encoded(y)
        training = Training(self, train, learned["out_activation_"])
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

    def _new_layers(self, samples: Samples, out_activation: str, rng: Any) -> list[DenseLayer]:
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

    def _layers_before(
        self, samples: Samples, centre: Values, size: Values
    ) -> list[DenseLayer] | None:
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
            DenseLayer(coef.astype(dtype), intercept.astype(dtype))
            for coef, intercept in zip(self.coefs_, self.intercepts_, strict=True)
        ]
        varies = samples.inverse > 0
        scale = np.divide(1, samples.inverse, out=np.zeros_like(samples.inverse), where=varies)
        coef, intercept = layers[0]
        layers[0] = DenseLayer(coef * scale[:, np.newaxis], intercept + samples.mean @ coef)
        return dense_layers.with_outputs_in_units(layers, -centre / size, 1 / size)

    def _hidden(self) -> tuple[int, ...]:
        # the sizes of hidden layers
        hidden = tuple(np.ravel(np.asarray(self.hidden_layer_sizes, dtype=object)))
        for size in hidden:
            check_integer("each of hidden_layer_sizes", size)
        return tuple(int(size) for size in hidden)

    def _keep(self, layers: list[DenseLayer], training: Training, learned: dict[str, Any]) -> None:
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


def _strata(out_activation: str, targets: Values) -> Values | None:
    # classes by which the held-out samples are stratified
    if out_activation == "softmax":
        return np.asarray(targets.argmax(1))
    return targets[:, 0] if out_activation == "logistic" and targets.shape[1] == 1 else None
