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
        Units of the hidden layers before selection; () for none, a linear model.
    activation : {"relu", "tanh", "logistic", "identity"}, default="relu"
        Activation of the hidden layers.
    penalty : str, Penalty, list or None, default="group"
        Omega. "group": the group lasso on the outgoing weights of each input and hidden unit, so
        that these are removed as a whole. "sparse_group": also single weights of the remaining
        groups. "l1", "mcp", "scad", "l_half": single weights. "elasticnet"; "l2", which gives no
        zeros. Or a penalty of `softreg_fast.nn`, or a list of one (or None) for each layer. They
        apply to weights in PyTorch's shape (outputs, inputs): groups=1 are inputs.
    alpha : float >= 0, default=0.002
        Strength of the penalty; multiplies the strength of a Penalty object.
    l1_ratio : float in [0, 1], default=0.5
        For "elasticnet" and "sparse_group".
    refit : float in [0, 1), default=0.3
        Final fraction of max_iter, in which zero weights stay zero and the others are trained
        without the penalty, with a learning rate that falls to 0. 0: no refit. An L2 penalty and
        the sign constraint of positive=True stay in force.
    standardize : bool, default=True
        Train on inputs and targets of mean 0 and standard deviation 1, so that alpha does not
        depend on the units of the targets. coefs_ are for the original inputs and targets.
    batch_size : int or "auto", default="auto"
        "auto": a tenth of the samples, at least 64 and at most 200.
    learning_rate_init : float > 0, default=0.003
        Learning rate of Adam until the refit.
    max_iter : int, default=200
        Maximum number of passes over the samples (epochs), including the refit.
    shuffle : bool, default=True
        Draw a new random order for each pass.
    random_state : int, RandomState or None, default=None
        For initial weights, sample orders and the held-out samples. An int gives bit-identical
        results on one thread.
    tol : float, default=0.0001
        Smallest improvement that counts, of loss + penalty or of the score of held-out samples.
    n_iter_no_change : int, default=10
        Number of passes without improvement that end the penalised part and, with early_stopping,
        the last part. A refit without early_stopping runs to its end, where the learning rate is 0.
    early_stopping : bool, default=False
        Hold out validation_fraction of the samples, and end the last part by their score, R^2; the
        weights are those of the pass with the best score.
    validation_fraction : float in (0, 1), default=0.1
        Fraction of the samples that early_stopping holds out.
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
        Intercepts of each layer.
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
    loss_ : float
        Mean loss of the last pass in units of the standardised targets, without the penalty.
    loss_curve_ : list of float
        Mean loss of each pass in units of the standardised targets, without the penalty.
    n_nonzero_curve_ : list of int
        Number of nonzero weights after each pass.
    validation_scores_ : list of float or None
        Scores of the passes of the last part; None without early_stopping.
    best_validation_score_ : float or None
        The best of these scores; None without early_stopping.
    n_layers_ : int
        Number of layers, including that of the inputs.
    n_outputs_ : int
        Number of outputs of the last layer.
    out_activation_ : {"identity", "logistic", "softmax"}
        Activation of the last layer.
    n_features_in_ : int
        Number of features of X.
    feature_names_in_ : ndarray (n_features_in_,) of str
        Names of the features, if X had names.

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
