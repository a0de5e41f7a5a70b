"""Soft regularisation: gradient descent that is pulled towards small coefficients.

Linear regression with an L2 penalty of its own weight omega_j for every coefficient:

    J(theta) = 1/(2m) sum_i (x_i . theta - y_i)^2  +  lambda/(2m) sum_j omega_j theta_j^2

This script minimises J in two ways and shows that the results agree:

    1. by gradient descent, with a learning rate chosen by hand, as in a first course;
    2. exactly, with `solve`, which also proves how close it is to the minimum.

Run it:  python examples/soft_regularisation.py
"""

import numpy as np

from softreg_fast import gradient_descent, solve

STRENGTH = 0.1  # lambda: the larger, the stronger the pull towards 0
LEARNING_RATE = 0.01
ITERATIONS = 1000


def make_data(seed=0):
    """Return one feature between 0 and 2, and a target of 4 times that plus noise."""
    rng = np.random.default_rng(seed)
    X = 2 * rng.random((100, 1))
    y = 4 * X[:, 0] + rng.standard_normal(100)
    return X, y


def l2_vector(m, omega):
    """Return l2_j = lambda omega_j / m, as the penalty in `solve` is 1/2 sum_j l2_j theta_j^2."""
    return STRENGTH * np.asarray(omega) / m


def closed_form(X, y, omega):
    """Return the zero of J's gradient:  (X'X + lambda diag(omega)) theta = X'y."""
    return np.linalg.solve(X.T @ X + STRENGTH * np.diag(omega), X.T @ y)


def contraction(X, omega):
    """Return the factor by which a gradient step reduces the distance to the minimum.

    It is the largest |1 - learning rate * e| over the eigenvalues e of J's second derivative.
    """
    m = len(X)
    eigenvalues = np.linalg.eigvalsh(X.T @ X / m + np.diag(l2_vector(m, omega)))
    return np.max(np.abs(1 - LEARNING_RATE * eigenvalues))


def main():
    X, y = make_data()
    m = len(y)
    omega = [1.0]  # one weight per coefficient; 0 would leave a coefficient unpenalised

    exact = closed_form(X, y, omega)
    print(f"{'iteration':>9}  {'theta':>12}  {'still to go':>11}")
    theta = np.zeros(1)
    for iteration in range(100, ITERATIONS + 1, 100):
        # another hundred steps, starting where the last hundred ended
        theta = gradient_descent(
            X,
            y,
            learning_rate=LEARNING_RATE,
            n_iter=100,
            l2=l2_vector(m, omega),
            coef_init=theta,
        )
        print(f"{iteration:>9}  {theta[0]:>12.8f}  {abs(theta - exact)[0]:>11.1e}")

    print(f"\nEvery step leaves {contraction(X, omega):.4f} of the way to the minimum.")

    # The same problem without a learning rate and without guessing the number of steps.
    fit = solve(X, y, l2=l2_vector(m, omega), fit_intercept=False)
    print(f"closed form  {exact[0]:.8f}")
    print(f"solve        {fit.coef[0]:.8f}, at most {fit.gap:.0e} above the minimum of J")
    return theta, exact, fit


if __name__ == "__main__":
    main()
