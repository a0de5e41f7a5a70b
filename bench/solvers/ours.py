"""Adaptor of softreg_fast: its compiled kernels and its solvers."""

import numpy as np

import softreg_fast
from bench.solvers import DESCENT_STEPS, STEPS, Solver, Task, descent, tolerances
from softreg_fast import Design
from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._descent import CoordinateDescent
from softreg_fast.kernels._gradient import GradientUpdates


def raw_columns(problem, n_threads):
    """Return the columns of X unchanged, and the number of threads the package uses for them."""
    design = Design(problem.X, fit_intercept=False, n_threads=n_threads)
    return design.unscaled_columns, design.n_threads


def cd_epoch(problem, n_threads, centred=False):
    design = Design(problem.X, problem.y, fit_intercept=centred)
    target = np.append(problem.y - design.y_mean, 0.0)
    return _descent(problem, design.unscaled_columns, target, design.norm**2)


def cd_epoch_centred(problem, n_threads):
    return cd_epoch(problem, n_threads, centred=True)


def cd_epoch_gram(problem, n_threads):
    Q, q = problem.gram
    return _descent(problem, Columns.gram(Q), q, np.diag(Q).copy())


def _descent(problem, columns, target, curvature):
    n, p = problem.shape
    inf = np.full(p, np.inf)
    penalty = np.full(p, problem.alpha * n), np.zeros(p), -inf, inf
    engine = CoordinateDescent(columns, target, problem.y @ problem.y, curvature, penalty)
    engine.certify(1.0, 1.0)  # sets the strengths of both penalties
    chosen = np.flatnonzero(curvature > 0.0)

    def start():
        engine.coef[:] = 0.0
        engine.refresh()

    return descent(start, lambda count: engine.epochs(chosen, count), lambda: engine.coef.copy())


def slopes(problem, n_threads):
    columns, n_threads = raw_columns(problem, n_threads)
    v = np.append(problem.residual, 0.0)
    out = np.empty(problem.shape[1])

    def work():
        columns.slopes(v, out, None, n_threads)

    def answer():
        work()
        return out.copy()

    return Task(answer, work)


def moments(problem, n_threads):
    columns, n_threads = raw_columns(problem, n_threads)

    def work():
        return columns.moments(True, n_threads)[:2]

    return Task(work, work)


def gram(problem, n_threads):
    design = Design(problem.X, n_threads=n_threads)

    def work():
        return Design.gram.func(design)

    return Task(work, work)


def product(problem, n_threads):
    return _product(problem, problem.coef, n_threads)


def sparse_product(problem, n_threads):
    return _product(problem, problem.sparse_coef, n_threads)


def _product(problem, coef, n_threads):
    columns, n_threads = raw_columns(problem, n_threads)
    v = np.append(problem.residual, 0.0)

    def answer():
        fresh = np.append(problem.residual, 0.0)
        columns.subtract_product(coef, fresh, n_threads)
        return fresh[:-1]

    return Task(answer, lambda: columns.subtract_product(coef, v, n_threads))


def gradient_step(problem, n_threads):
    n, p = problem.shape
    columns, n_threads = raw_columns(problem, n_threads)
    target = np.append(problem.y, 0.0)
    zero, inf = np.zeros(p), np.full(p, np.inf)

    def updates():
        box = zero, zero, -inf, inf
        return GradientUpdates(columns, target, n * problem.l2, box, None, n_threads)

    def answer():
        fresh = updates()
        fresh.descend(problem.learning_rate / n, STEPS)
        return fresh.coef

    running = updates()
    return Task(answer, lambda: running.descend(problem.learning_rate / n, STEPS), units=STEPS)


def gradient_descent(problem, n_threads, target):
    def run(_):
        return softreg_fast.gradient_descent(
            problem.X,
            problem.y,
            learning_rate=problem.learning_rate,
            n_iter=DESCENT_STEPS,
            l2=problem.l2,
            n_threads=n_threads,
        )

    return Solver(run, lambda w: w, (None,))


def lasso_path(problem, n_threads, target):
    def run(tol):
        return softreg_fast.path(
            problem.X,
            problem.y,
            alphas=problem.alphas,
            fit_intercept=False,
            tol=tol,
            n_threads=n_threads,
        )

    return Solver(run, lambda fits: fits.coefs.toarray(), tolerances(target))


def weighted_ridge(problem, n_threads, target):
    return _solve(problem, "cholesky", n_threads, target)


def accelerated_gradient(problem, n_threads, target):
    return _solve(problem, "gradient", n_threads, target)


def _solve(problem, method, n_threads, target):
    def run(tol):
        return softreg_fast.solve(
            problem.X,
            problem.y,
            l2=problem.l2,
            solver=method,
            fit_intercept=False,
            tol=tol,
            n_threads=n_threads,
        )

    return Solver(run, lambda fit: fit.coef, tolerances(target))


KERNELS = {
    "cd epoch": cd_epoch,
    "cd epoch, centred": cd_epoch_centred,
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
    "weighted ridge": weighted_ridge,
    "accelerated gradient": accelerated_gradient,
    "gradient descent": gradient_descent,
}
