"""NumPy versions of the kernels, vectorised over samples, with Python loops where needed."""

import numpy as np

from bench.solvers import DESCENT_STEPS, STEPS, Solver, Task, descent, tolerances

# Epochs between two computations of the gap.
EPOCHS_PER_GAP = 10


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


def columns_of(problem):
    return (Sparse if problem.is_sparse else Dense)(problem.rival_X, problem.rival_y)


def cd_epoch(problem, n_threads):
    return _descent(problem, columns_of(problem))


def cd_epoch_gram(problem, n_threads):
    return _descent(problem, Gram(*problem.gram, problem.y @ problem.y))


def _descent(problem, state):
    l1 = problem.alpha * problem.shape[0]
    chosen = np.flatnonzero(state.curvature > 0.0).tolist()

    def epochs(count):
        for _ in range(count):
            state.epoch(chosen, l1)

    return descent(state.restart, epochs, lambda: state.w)


def slopes(problem, n_threads):
    X, r = problem.rival_X, problem.residual.astype(problem.rival_X.dtype)

    def work():
        return X.T @ r

    return Task(work, work)


def moments(problem, n_threads):
    X = problem.rival_X

    def dense():
        mean = X.mean(axis=0)
        Z = X - mean
        return mean, np.sqrt(np.einsum("ij,ij->j", Z, Z))

    def sparse():
        mean = X.mean(axis=0)
        return mean, np.sqrt(X.power(2).sum(axis=0) - X.shape[0] * mean * mean)

    work = sparse if problem.is_sparse else dense
    return Task(work, work)


def gram(problem, n_threads):
    X = problem.rival_X
    mean, norm = moments(problem, n_threads).answer()

    def work():
        Z = (X - mean) / norm
        return Z.T @ Z

    return Task(work, work)


def product(problem, n_threads):
    X, r, w = problem.rival_X, problem.residual, problem.coef

    def work():
        return r - X @ w

    return Task(work, work)


def sparse_product(problem, n_threads):
    X, r = problem.rival_X, problem.residual
    support = np.flatnonzero(problem.sparse_coef)
    w = problem.sparse_coef[support]

    def work():
        return r - X[:, support] @ w

    return Task(work, work)


def gradient_step(problem, n_threads):
    running = np.zeros(problem.shape[1])

    def answer():
        w = np.zeros(problem.shape[1])
        _gradient_steps(problem, w, STEPS)
        return w

    return Task(answer, lambda: _gradient_steps(problem, running, STEPS), units=STEPS)


def _gradient_steps(problem, w, count):
    X, y, l2 = problem.rival_X, problem.y, problem.l2
    step, n = problem.learning_rate, problem.shape[0]
    for _ in range(count):
        w += step * (X.T @ (y - X @ w) / n - l2 * w)


def gradient_descent(problem, n_threads, target):
    def run(_):
        w = np.zeros(problem.shape[1])
        _gradient_steps(problem, w, DESCENT_STEPS)
        return w

    return Solver(run, lambda w: w, (None,))


def lasso_path(problem, n_threads, target):
    """Solve by coordinate descent on doubling working sets, with a gap over all features."""
    X, y = problem.X, problem.y
    n, p = X.shape

    def run(tol):
        yy = y @ y
        on_gram = not problem.is_sparse and p <= n
        state = Gram(X.T @ X, X.T @ y, yy) if on_gram else columns_of(problem)
        W = np.empty((p, len(problem.alphas)))
        for k, alpha in enumerate(problem.alphas):
            lasso(state, n * alpha, tol * yy, 1e-31 * yy)
            W[:, k] = state.w
        return W

    return Solver(run, lambda W: W, tolerances(target))


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


def accelerated_gradient(problem, n_threads, target):
    """Run FISTA with restarts on columns of unit length, step length from 20 power iterations."""
    X, y = problem.X, problem.y
    n, p = X.shape

    def run(tol):
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

    return Solver(run, lambda w: w, tolerances(target))


def largest_eigenvalue(Z, count):
    """Estimate the largest eigenvalue of Z'Z from below."""
    w = np.random.default_rng(0).standard_normal(Z.shape[1])
    largest = 0.0
    for _ in range(count):
        w /= np.linalg.norm(w)
        w = Z.T @ (Z @ w)
        largest = max(largest, np.linalg.norm(w))
    return largest


KERNELS = {
    "cd epoch": cd_epoch,
    "cd epoch, Gram": cd_epoch_gram,
    "slopes": slopes,
    "moments": moments,
    "gram": gram,
    "product": product,
    "product, sparse w": sparse_product,
    "gradient step": gradient_step,
}

SOLVERS = {
    "lasso path": lasso_path,
    "accelerated gradient": accelerated_gradient,
    "gradient descent": gradient_descent,
}
