"""Coordinate and gradient descent in NumPy, with Python loops over features."""

import numpy as np


class Dense:
    """State of coordinate descent on dense columns: coefficients w and residual r."""

    def __init__(self, X, y):
        self.X, self.y = X, y
        self.curvature = np.einsum("ij,ij->j", X, X)
        self.restart()

    def restart(self):
        self.w = np.zeros(self.X.shape[1], dtype=self.X.dtype)
        self.r = self.y.copy()

    def epoch(self, chosen, l1):
        """Update the chosen features once; return the largest ||x_j||^2 (change of w_j)^2."""
        X, w, r, curvature = self.X, self.w, self.r, self.curvature
        largest = 0.0
        for j in chosen:
            x = X[:, j]
            b = x @ r + curvature[j] * w[j]
            new = (max(b - l1, 0.0) + min(b + l1, 0.0)) / curvature[j]
            d = new - w[j]
            if d != 0.0:
                r -= d * x
                w[j] = new
                largest = max(largest, curvature[j] * d * d)
        return largest

    def gradient(self):
        return self.X.T @ self.r

    def gradient_of(self, chosen):
        return self.X[:, chosen].T @ self.r

    def residual_sumsq(self):
        return self.r @ self.r


class Sparse(Dense):
    """State of coordinate descent on the columns of a CSC matrix."""

    def __init__(self, X, y):
        self.X, self.y = X, y
        self.curvature = np.asarray(X.power(2).sum(axis=0))
        self.restart()

    def epoch(self, chosen, l1):
        data, indices, indptr = self.X.data, self.X.indices, self.X.indptr
        w, r, curvature = self.w, self.r, self.curvature
        largest = 0.0
        for j in chosen:
            stored = slice(indptr[j], indptr[j + 1])
            x, rows = data[stored], indices[stored]
            b = x @ r[rows] + curvature[j] * w[j]
            new = (max(b - l1, 0.0) + min(b + l1, 0.0)) / curvature[j]
            d = new - w[j]
            if d != 0.0:
                r[rows] -= d * x
                w[j] = new
                largest = max(largest, curvature[j] * d * d)
        return largest


class Gram:
    """State of coordinate descent on Q = X'X, where r is the gradient q - Q w."""

    def __init__(self, Q, q, yy):
        self.Q, self.q, self.yy = Q, q, yy
        self.curvature = np.diag(Q).copy()
        self.restart()

    def restart(self):
        self.w = np.zeros(len(self.q))
        self.r = self.q.copy()

    def epoch(self, chosen, l1):
        Q, w, r, curvature = self.Q, self.w, self.r, self.curvature
        largest = 0.0
        for j in chosen:
            b = r[j] + curvature[j] * w[j]
            new = (max(b - l1, 0.0) + min(b + l1, 0.0)) / curvature[j]
            d = new - w[j]
            if d != 0.0:
                r -= d * Q[:, j]
                w[j] = new
                largest = max(largest, curvature[j] * d * d)
        return largest

    def gradient(self):
        return self.r

    def gradient_of(self, chosen):
        return self.r[chosen]

    def residual_sumsq(self):
        return max(self.yy - self.w @ (self.q + self.r), 0.0)


def columns_of(X, y):
    """Return the state of coordinate descent on the columns of a matrix."""
    return (Dense if isinstance(X, np.ndarray) else Sparse)(X, y)


def gradient_steps(X, y, l2, step, w, count):
    """Do steps of gradient descent on 1/(2n) ||y - Xw||^2 + sum_j l2_j/2 w_j^2, in place."""
    for _ in range(count):
        w += step * (X.T @ (y - X @ w) / len(y) - l2 * w)
