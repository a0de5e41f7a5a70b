"""Exact minimum in rational arithmetic, without rounding, for problems of a few features.

A float is a rational number, and so are sums, products and quotients of floats. For each choice of
"at 0", "positive", "negative" or "at a bound" for every coefficient, the minimiser solves a linear
system; the minimum is the least objective over the choices that are consistent with their own
solution.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np


def rational(a):
    """Convert an array of floats to Fractions."""
    if hasattr(a, "toarray"):
        a = a.toarray()
    a = np.asarray(a)
    flat = [Fraction(float(x)) for x in a.ravel()]
    return np.array(flat, dtype=object).reshape(a.shape)


class ExactProblem:
    """minimise 1/(2S) sum_i s_i (y_i - x_i.w - b)^2 + sum_j l1_j |w_j| + l2_j/2 w_j^2 in a box.

    All fields are floats or arrays of floats; an infinite bound means no bound.
    """

    def __init__(self, X, y, *, l1=0.0, l2=0.0, s=None, intercept=True, lower=None, upper=None):
        X, y = rational(X), rational(y)
        n, p = X.shape
        s = rational(np.ones(n) if s is None else s)
        s = s / sum(s)
        if intercept:
            X, y = X - (s[:, None] * X).sum(axis=0), y - (s * y).sum()
        weighted = s[:, None] * X
        self.gram, self.slopes, self.square = weighted.T @ X, weighted.T @ y, (s * y) @ y
        self.l1, self.l2 = (rational(np.broadcast_to(a, p)) for a in (l1, l2))
        self.lower = [
            None if v is None or v == -np.inf else Fraction(float(v))
            for v in np.broadcast_to(lower, p)
        ]
        self.upper = [
            None if v is None or v == np.inf else Fraction(float(v))
            for v in np.broadcast_to(upper, p)
        ]
        self._minimum = None

    @property
    def null_loss(self):
        """Objective at w = 0 without its penalty."""
        return self.square / 2

    def objective(self, w):
        """Return J at w and the best b, a Fraction."""
        w = np.asarray(w)
        w = w if w.dtype == object else rational(w)
        loss = (self.square - 2 * self.slopes @ w + w @ self.gram @ w) / 2
        return loss + self.l1 @ abs(w) + self.l2 @ (w * w) / 2

    def excess(self, w):
        """Return the excess of J at w over the minimum, relative to the null loss."""
        return float((self.objective(w) - self.minimum(w)) / self.null_loss)

    def minimum(self, near=None):
        """Return the least J. `near` are coefficients whose signs are tried first."""
        if self._minimum is None:
            self._minimum = self._find_minimum(near)
        return self._minimum

    def _find_minimum(self, near):
        p = len(self.l1)
        first = tuple(self._state(j, near[j]) for j in range(p)) if near is not None else None
        states = [first] if first else []
        states += product(*(self._states(j) for j in range(p)))
        best = None
        for state in states:
            w = self._solve(state)
            if w is None:
                continue
            if self._is_optimal(w):
                return self.objective(w)
            value = self.objective(w)
            best = value if best is None else min(best, value)
        return best

    def _states(self, j):
        # 0, a sign, or a bound
        states = ["+", "-"] if self.l1[j] else ["+"]
        if (self.lower[j] is None or self.lower[j] <= 0) and (
            self.upper[j] is None or self.upper[j] >= 0
        ):
            states.append(Fraction(0))
        return states + list({self.lower[j], self.upper[j]} - {None, Fraction(0)})

    def _state(self, j, w):
        w = Fraction(float(w))
        if w in (0, self.lower[j], self.upper[j]):
            return w
        return "+" if w > 0 or not self.l1[j] else "-"

    def _solve(self, state):
        # the stationary point of these states; None if inconsistent with them or not unique
        p = len(state)
        w = np.array([v if isinstance(v, Fraction) else Fraction(0) for v in state], dtype=object)
        A = [j for j in range(p) if not isinstance(state[j], Fraction)]
        right = self.slopes - self.gram @ w
        system = [
            [self.gram[i, j] + (self.l2[i] if i == j else 0) for j in A]
            + [right[i] - (self.l1[i] if state[i] == "+" else -self.l1[i])]
            for i in A
        ]
        found = solve_rational(system)
        if found is None:
            return None
        for j, v in zip(A, found, strict=True):
            outside = (self.lower[j] is not None and v < self.lower[j]) or (
                self.upper[j] is not None and v > self.upper[j]
            )
            wrong = self.l1[j] and (v < 0 if state[j] == "+" else v > 0)
            if outside or wrong:
                return None
            w[j] = v
        return w

    def _is_optimal(self, w):
        z = self.slopes - self.gram @ w - self.l2 * w
        for j, v in enumerate(w):
            low = self.l1[j] if v > 0 else -self.l1[j]
            high = -self.l1[j] if v < 0 else self.l1[j]
            if z[j] < low and not (self.lower[j] is not None and v == self.lower[j]):
                return False
            if z[j] > high and not (self.upper[j] is not None and v == self.upper[j]):
                return False
        return True


def solve_rational(system):
    """Solve a linear system [A | b], a list of rows; return None if it is not unique."""
    rows = [list(row) for row in system]
    size = len(rows)
    for k in range(size):
        pivot = next((i for i in range(k, size) if rows[i][k]), None)
        if pivot is None:
            return None
        rows[k], rows[pivot] = rows[pivot], rows[k]
        for i in range(size):
            if i != k and rows[i][k]:
                f = rows[i][k] / rows[k][k]
                rows[i] = [a - f * b for a, b in zip(rows[i], rows[k], strict=True)]
    return [rows[k][size] / rows[k][k] for k in range(size)]
