"""SparseMLPRegressor: sparse networks for regression."""

from __future__ import annotations

from typing import Any

from sklearn.base import MultiOutputMixin, RegressorMixin

from softreg_fast.nn.estimators.base import SparseMLP, Values


class SparseMLPRegressor(MultiOutputMixin, RegressorMixin, SparseMLP):
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
