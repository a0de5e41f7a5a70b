"""Fit a smooth curve with P-splines, and choose how smooth it is by generalised cross-validation.

python examples/smooth_curves.py [FILE.png]      (drawing needs matplotlib)
"""

import sys

import numpy as np
from scipy.interpolate import BSpline

import softreg_fast as sf
from softreg_fast.penalties import Tikhonov, difference_matrix

N_SPLINES = 40


def make_data(n=400, noise=0.3, seed=0):
    """Return points in [0, 1], a curve with a gap in its samples, and the curve itself."""
    rng = np.random.default_rng(seed)
    x = np.sort(rng.random(n))
    x = x[(x < 0.45) | (x > 0.6)]
    curve = truth(x)
    return x, curve + noise * rng.standard_normal(len(x))


def truth(x):
    """Return the curve without noise."""
    return np.sin(12.0 * x * x) + 2.0 * x


def splines(x):
    """Return cubic B-splines with equidistant knots at the points x, a column for each."""
    step = 1.0 / (N_SPLINES - 3)
    knots = step * np.arange(-3, N_SPLINES + 1)
    return BSpline.design_matrix(x, knots, 3)


def smooth(x, y):
    """Penalise second differences of neighbouring coefficients, and choose alpha."""
    penalty = Tikhonov(root=difference_matrix(N_SPLINES, order=2))
    return sf.cv_path(splines(x), y, penalty=penalty, criterion="gcv", n_alphas=60)


def draw(x, y, found, file):
    """Draw samples, fit and true curve."""
    from matplotlib import pyplot

    figure, ax = pyplot.subplots(figsize=(7.0, 4.2), layout="constrained")
    grid = np.linspace(0.0, 1.0, 500)
    ax.plot(x, y, ".", color="0.7", label="samples")
    ax.plot(grid, truth(grid), "--", label="true curve")
    ax.plot(grid, found.path[found.index].predict(splines(grid)), label="P-splines")
    ax.legend()
    figure.savefig(file, dpi=110)
    print(f"wrote {file}")


def main(picture=None):
    """Print errors from too rough to too smooth; draw the chosen curve if a file is given."""
    x, y = make_data()
    found = smooth(x, y)
    print(found)
    grid = np.linspace(0.0, 1.0, 200)
    print("\n     alpha        GCV   error of the curve")
    for k in sorted({0, len(found.path) // 3, found.index, len(found.path) - 1}):
        fit = found.path[k]
        error = np.sqrt(np.mean((fit.predict(splines(grid)) - truth(grid)) ** 2))
        chosen = "   <- chosen" if k == found.index else ""
        print(f"{fit.alpha:10.3g} {found.errors[0, k, 0]:10.4f} {error:12.4f}{chosen}")
    if picture is not None:
        draw(x, y, found, picture)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
