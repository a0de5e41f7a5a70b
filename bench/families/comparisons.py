"""Comparisons of kernels and solvers, and the ratios expected of them."""

from dataclasses import dataclass

# Kernels must agree to this tolerance (relative to the largest entry) before they are timed; those
# that compute in float32 cannot, and are shown but not counted.
AGREEMENT = 1e-10
LOOSE_AGREEMENT = 1e-3

HEADINGS = {
    "cd epoch": "Coordinate-descent epoch",
    "cd epoch, centred": "Coordinate-descent epoch, sparse X centred",
    "cd epoch, Gram": "Coordinate-descent epoch on the Gram matrix",
    "slopes": "X'r",
    "moments": "Column means and norms",
    "gram": "Gram matrix X'X, centred and scaled",
    "product": "r - Xw",
    "product, sparse w": "r - Xw, 5 % of w nonzero",
    "gradient step": "Gradient step on weighted L2",
    "lasso path": "Lasso path, 50 alphas down to 1/30 of the largest",
    "weighted ridge": "Weighted ridge by factorisation",
    "accelerated gradient": "Weighted ridge by accelerated gradient",
    "gradient descent": "Gradient descent, 1000 plain steps",
}


@dataclass(frozen=True)
class Comparison:
    """One comparison.

    `expected` is the ratio rival / ours to be reached, with one thread or with (one, more)
    threads; None: shown without an expectation.
    """

    work: str  # a key of the adaptors' tables
    problem: str
    rival: str
    expected: float | tuple | None
    threaded: bool = True  # False: the kernel uses one thread only
    counted: bool = True  # False: the rival computes in float32

    def expectation(self, n_threads):
        """Return the ratio expected with `n_threads` threads, or None."""
        if isinstance(self.expected, tuple):
            return self.expected[n_threads > 1]
        return self.expected


def epoch(problem, rival, expected, kind="cd epoch", counted=True):
    return Comparison(kind, problem, rival, expected, threaded=False, counted=counted)


# Default expectation: not slower than the rival.
COMPARISONS = (
    # Short columns: NumPy spends most of its time in Python.
    epoch("short", "numpy", 30),
    epoch("small", "numpy", 1),
    epoch("square", "numpy", 1),
    epoch("tall", "numpy", 1),
    epoch("text", "numpy", 30),
    epoch("short", "sklearn", 1),
    epoch("small", "sklearn", 1),
    epoch("wide", "sklearn", 1),
    epoch("square", "sklearn", 1),
    epoch("tall", "sklearn", 1),
    epoch("wide float32", "sklearn", 1),
    epoch("wide float32", "sklearn", None, counted=False),
    epoch("text", "sklearn", 1),
    epoch("text float32", "sklearn", 1),
    epoch("text", "sklearn", 1, "cd epoch, centred"),
    epoch("columns", "numpy", 1, "cd epoch, Gram"),
    epoch("columns", "sklearn", 1, "cd epoch, Gram"),
    epoch("square", "sklearn", 1, "cd epoch, Gram"),
    Comparison("slopes", "small", "numpy", 1),
    Comparison("slopes", "wide", "numpy", 1),
    Comparison("slopes", "square", "numpy", 1),
    Comparison("slopes", "tall", "numpy", 1),
    Comparison("slopes", "wide float32", "numpy", 1),
    Comparison("slopes", "wide float32", "numpy", None, counted=False),
    Comparison("slopes", "text", "scipy", (1, 2)),
    Comparison("slopes", "text float32", "scipy", (1, 2)),
    Comparison("moments", "wide", "numpy", 1),
    Comparison("moments", "tall", "numpy", 1),
    Comparison("moments", "wide float32", "numpy", 1),
    Comparison("moments", "text", "scipy", 1),
    Comparison("moments", "text", "sklearn", 1),
    Comparison("gram", "columns", "numpy", 1),
    Comparison("gram", "tall", "numpy", 1),
    Comparison("gram", "columns float32", "numpy", 1),
    Comparison("gram", "words", "scipy", 1),
    Comparison("product", "wide", "numpy", 1),
    Comparison("product", "tall", "numpy", 1),
    Comparison("product", "text", "scipy", 1),
    Comparison("product, sparse w", "wide", "numpy", 1),
    Comparison("gradient step", "small", "numpy", 1.5),
    Comparison("gradient step", "wide", "numpy", 1.5),
    Comparison("gradient step", "square", "numpy", 1.5),
    Comparison("gradient step", "tall", "numpy", 1.5),
    Comparison("gradient step", "wide float32", "numpy", 1.5),
    Comparison("gradient step", "text", "scipy", 1.5),
    Comparison("lasso path", "genes", "numpy", 1),
    Comparison("lasso path", "survey", "numpy", 1),
    Comparison("lasso path", "reviews", "numpy", 1),
    Comparison("lasso path", "genes", "sklearn", 1),
    Comparison("lasso path", "survey", "sklearn", 1),
    Comparison("lasso path", "reviews", "sklearn", 1),
    Comparison("weighted ridge", "survey", "scipy", 1),
    Comparison("weighted ridge", "genes", "scipy", 1),
    Comparison("weighted ridge", "survey", "sklearn", 1),
    Comparison("weighted ridge", "genes", "sklearn", 1),
    Comparison("accelerated gradient", "medium", "numpy", 1),
    Comparison("accelerated gradient", "genes", "numpy", 1),
    Comparison("gradient descent", "small", "numpy", 1.5),
    Comparison("gradient descent", "medium", "numpy", 1.5),
)
