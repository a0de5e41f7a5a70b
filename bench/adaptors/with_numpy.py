"""Solvers in NumPy: working sets for the Lasso, FISTA for ridge, and plain gradient descent."""

import numpy as np

from bench.adaptors.descent import Gram, columns_of, gradient_steps
from bench.harness.task import DESCENT_STEPS, Solver, tolerances

# Epochs between two computations of the gap.
EPOCHS_PER_GAP = 10


def prepare(problem, n_threads):
    return problem


def lasso_path(problem, tol):
    """Solve by coordinate descent on doubling working sets, with a gap over all features."""
    X, y = problem.X, problem.y
    n, p = X.shape
    yy = y @ y
    on_gram = not problem.is_sparse and p <= n
    state = Gram(X.T @ X, X.T @ y, yy) if on_gram else columns_of(X, y)
    W = np.empty((p, len(problem.alphas)))
    for k, alpha in enumerate(problem.alphas):
        lasso(state, n * alpha, tol * yy, 1e-31 * yy)
        W[:, k] = state.w
    return W


def lasso(state, l1, tol, rounding, max_epochs=10_000):
    """Minimise 1/2 ||y - X w||^2 + l1 ||w||_1 from state.w until the gap is at most tol."""
    w = state.w
    n_epochs = 0
    while n_epochs < max_epochs:
        z = state.gradient()
        gap = lasso_gap(w, z, state.residual_sumsq(), l1)
        if gap <= tol:
            return
        chosen = working_set(w, z, l1)
        target, places = max(0.3 * tol, 0.03 * gap), chosen.tolist()
        largest = np.inf
        while n_epochs < max_epochs and largest > rounding:
            for _ in range(EPOCHS_PER_GAP):
                largest = state.epoch(places, l1)
                n_epochs += 1
            inner = lasso_gap(w[chosen], state.gradient_of(chosen), state.residual_sumsq(), l1)
            if inner <= target:
                break


def working_set(w, z, l1):
    """Return the support and its worst violators, at most twice the support, or 100."""
    chosen = w != 0.0
    violators = np.flatnonzero((np.abs(z) > l1) & ~chosen)
    room = max(100, 2 * np.count_nonzero(chosen))
    if len(violators) > room:
        violators = violators[np.argpartition(np.abs(z[violators]), -room)[-room:]]
    chosen[violators] = True
    return np.flatnonzero(chosen)


def lasso_gap(w, z, rr, l1):
    """Return the duality gap from z = X'r and rr = ||r||^2, with the dual point k r."""
    largest = np.max(np.abs(z), initial=0.0)
    k = min(1.0, l1 / largest) if largest > 0.0 else 1.0
    return 0.5 * (1.0 - k) ** 2 * rr + l1 * np.abs(w).sum() - k * (z @ w)


def accelerated_gradient(problem, tol):
    """Run FISTA with restarts on columns of unit length, step length from 20 power iterations."""
    X, y = problem.X, problem.y
    n, p = X.shape
    norm = np.sqrt(np.einsum("ij,ij->j", X, X))
    Z, l2 = X / norm, n * problem.l2 / norm**2
    curvature = 1.05 * largest_eigenvalue(Z, 20)
    w, v, t = np.zeros(p), np.zeros(p), 1.0
    count, n_steps = 10, 0
    while n_steps < 100_000:
        r = y - Z @ w
        slack = Z.T @ r - l2 * w
        if (slack @ (slack / l2)) / 2 <= tol * (y @ y):
            break
        v, t = w.copy(), 1.0
        for _ in range(count):
            new = (curvature * v + Z.T @ (y - Z @ v)) / (curvature + l2)
            move = new - w
            last, t = t, 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * t * t))
            uphill = (v - new) @ move > 0.0
            w, v = new, new + (last - 1.0) / t * move
            t = 1.0 if uphill else t
        n_steps += count
        count = min(2 * count, 200)
    return w / norm


def largest_eigenvalue(Z, count):
    """Estimate the largest eigenvalue of Z'Z from below."""
    w = np.random.default_rng(0).standard_normal(Z.shape[1])
    largest = 0.0
    for _ in range(count):
        w /= np.linalg.norm(w)
        w = Z.T @ (Z @ w)
        largest = max(largest, np.linalg.norm(w))
    return largest


def gradient_descent(problem, tol):
    w = np.zeros(problem.shape[1])
    options = problem.l2, problem.learning_rate
    gradient_steps(problem.X, problem.y, *options, w, DESCENT_STEPS)
    return w


GRADIENT = "accelerated gradient"

SOLVERS = {
    "lasso path": Solver(prepare, lasso_path, tolerances("lasso path")),
    GRADIENT: Solver(prepare, accelerated_gradient, tolerances("accelerated gradient")),
    "gradient descent": Solver(prepare, gradient_descent),
}
