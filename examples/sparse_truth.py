"""Sparse regularisation: find the 10 relevant features among 1000.

    J(w, b) = 1/(2m) sum_i (x_i . w + b - y_i)^2  +  lambda sum_j |w_j|

The absolute value in the penalty sets most coefficients to exactly 0. Here the truth is known: the
target is made from 10 features, and there are 200 samples to find them with. The script

    1. fits a path of models, from the strongest penalty to weaker ones;
    2. picks the model that predicts fresh samples best;
    3. removes the shrinkage: it fits the features of that model again, each penalised less the
       larger its coefficient was, which keeps large coefficients and drops chance findings;
    4. compares the support (the coefficients that are not 0) with the truth.

Run it:  python examples/sparse_truth.py
"""

import numpy as np

from softreg_fast import path, solve

SAMPLES, FEATURES, TRUE_FEATURES = 200, 1000, 10


def make_data(seed=0):
    """Return independent features with 10 in the target; also a validation set of equal size."""
    rng = np.random.default_rng(seed)
    w = np.zeros(FEATURES)
    support = rng.choice(FEATURES, TRUE_FEATURES, replace=False)
    w[support] = rng.choice([-1, 1], TRUE_FEATURES) * rng.uniform(1, 3, TRUE_FEATURES)
    X = rng.standard_normal((2 * SAMPLES, FEATURES))
    y = X @ w + 0.5 * rng.standard_normal(2 * SAMPLES)
    return (X[:SAMPLES], y[:SAMPLES]), (X[SAMPLES:], y[SAMPLES:]), w


def main():
    (X, y), (X_fresh, y_fresh), truth = make_data()

    # 1. A hundred values of lambda, each fit with a warm start from the previous one.
    fits = path(X, y)
    print(fits.table(rows=8), "\n")

    # 2. The error on validation samples, which no fit has used.
    errors = np.mean((fits.predict(X_fresh) - y_fresh[:, None]) ** 2, axis=0)
    first = fits[int(np.argmin(errors))]
    print(f"best on fresh samples: {first}")

    # 3. One weight per feature: 1 / |w_j|, and infinity (left out) where w_j is 0.
    with np.errstate(divide="ignore"):
        weights = 1 / np.abs(first.coef)
    final = solve(X, y, alpha=first.alpha, l1_weights=weights)
    print(f"fitted again:          {final}\n")

    # 4. The support found, the true one, and the certificate of the minimum.
    print(f"{'feature':>7}  {'truth':>7}  {'found':>7}")
    for j in np.flatnonzero((truth != 0) | (final.coef != 0)):
        print(f"{j:>7}  {truth[j]:>7.3f}  {final.coef[j]:>7.3f}")
    same = np.array_equal(final.coef != 0, truth != 0)
    print(f"\nThe support found {'is' if same else 'is NOT'} the true one.")
    print(
        f"Certificate: J is at most {final.gap:.1e} above its minimum "
        f"({final.relative_gap:.1e} of the loss without features)."
    )
    return first, final, truth


if __name__ == "__main__":
    main()
