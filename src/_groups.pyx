"""Descent on blocks of coefficients, for the group lasso, the sparse group lasso and group MCP.

    minimise  1/2 ||y - C u||_s^2
              + strength * sum_g [ c_g ||u_g||_2 + a_g ||u_g||_1 + l2_g / 2 ||u_g||_2^2 ]

over the slots, which hold the blocks near the support one after the other (docs/mathematics.md,
section 22).  A block without L1 part is minimised exactly: in the eigenvectors of its Gram matrix
the length t of the new block is the root of a function of one number.  One with an L1 part takes
proximal gradient steps on its own Gram matrix.  Slopes of the slots are kept by Gram columns, or
computed from the residual.

With a shape gamma the penalty of a block is MCP of its length instead, p(||u_g||) with the slope
p'(t) = strength c_g - t / gamma, at least 0.  p is concave: each step minimises over its tangent,
p(t) + p'(t) (||u_g|| - t), which lies above it.
"""

cimport cython
from libc.math cimport fabs, sqrt
from libc.string cimport memset

from arithmetic cimport larger, smaller
from matrix cimport matrix_of, matrix_t, shift
from passes cimport slopes_of_block
from penalty cimport soft_threshold
from rank_one cimport add_rank_one, length_of_rank_one, rank_one_t, solve_rank_one
from signals cimport check_signals
from tolerances cimport ENTRIES_PER_SIGNAL_CHECK
from vector cimport axpy, dot

import numpy as np

# Maximum number of Newton steps for a root; a few are enough.
cdef enum: MOST_STEPS = 100

# Maximum number of proximal gradient steps on a block at once, and the share of the first step's
# length at which they end.
cdef enum: MOST_INNER = 30
cdef double INNER = 0.05


cdef double norm_of(const double* x, Py_ssize_t n) noexcept nogil:
    return sqrt(dot(n, x, 0.0, x))


cdef double soft_norm(const double* z, Py_ssize_t n, double t) noexcept nogil:
    # ||S(z, t)||, S the soft threshold
    cdef double e, total = 0.0
    cdef Py_ssize_t i
    if t == 0.0:
        return norm_of(z, n)
    for i in range(n):
        e = fabs(z[i]) - t
        if e > 0.0:
            total += e * e
    return sqrt(total)


cdef double entry_strength(const double* z, Py_ssize_t n, double weight,
                           double thin) noexcept nogil:
    # The smallest strength s with ||S(z, s thin)|| <= s weight; inf if there is none.  The
    # difference of both sides is convex and falls with s: Newton's method from 0 stays left.
    cdef double s = 0.0, e, size, slope, new
    cdef Py_ssize_t i
    if thin == 0.0:
        size = norm_of(z, n)
        return size / weight if size > 0.0 else 0.0
    for _ in range(MOST_STEPS):
        size = slope = 0.0
        for i in range(n):
            e = fabs(z[i]) - s * thin
            if e > 0.0:
                size += e * e
                slope += e
        size = sqrt(size)
        if size <= s * weight:
            break
        new = s + (size - s * weight) / (thin * slope / size + weight)
        if new <= s * (1.0 + 1e-16):
            break
        s = new
    return s


def entry_strengths(const double[::1] z, const Py_ssize_t[::1] start, const double[::1] weight,
                    const double[::1] thin):
    """Return for each block the smallest strength at which slopes z leave it zero.

    Parameters
    ----------
    z : (n_slots,) slopes at u = 0 of the block
    start : (n_blocks + 1,) first slot of each block, and their number
    weight, thin : (n_blocks,) c_g and a_g
    """
    cdef Py_ssize_t k, n = weight.shape[0]
    out = np.zeros(n)
    cdef double[::1] found = out
    if start.shape[0] != n + 1 or thin.shape[0] != n or start[n] != z.shape[0]:
        raise ValueError("blocks must have one weight and one L1 part each, and end with z")
    with nogil:
        for k in range(n):
            if start[k + 1] > start[k] and (weight[k] > 0.0 or thin[k] > 0.0):
                found[k] = entry_strength(&z[start[k]], start[k + 1] - start[k], weight[k],
                                          thin[k])
    return out


def soft_norms(const double[::1] z, const Py_ssize_t[::1] start, const double[::1] thin,
               double strength):
    """Return ||S(z_g, strength a_g)|| of all blocks; parameters as for `entry_strengths`."""
    cdef Py_ssize_t k, n = thin.shape[0]
    out = np.zeros(n)
    cdef double[::1] found = out
    if start.shape[0] != n + 1 or start[n] != z.shape[0]:
        raise ValueError("blocks must have one L1 part each, and end with z")
    with nogil:
        for k in range(n):
            if start[k + 1] > start[k]:
                found[k] = soft_norm(&z[start[k]], start[k + 1] - start[k], strength * thin[k])
    return out


cdef double length_at_minimum(const double* c, const double* D, Py_ssize_t n, double size,
                              double w, double l2, double t) noexcept nogil:
    # The root t of sum_i (c_i / ((D_i + l2) t + w))^2 = 1, size = ||c|| > w > 0, from a first
    # guess; D rises.  1 / sqrt(sum) is concave in t: Newton's method comes to the left of the root
    # in one step and then stays there.
    cdef double least = (size - w) / (D[n - 1] + l2), f, slope, q, e, new, root
    cdef Py_ssize_t i
    t = larger(t, least)
    for _ in range(MOST_STEPS):
        f = slope = 0.0
        for i in range(n):
            q = 1.0 / ((D[i] + l2) * t + w)
            e = c[i] * q
            f += e * e
            slope += e * e * q * (D[i] + l2)
        root = sqrt(f)
        new = larger(t + (root - 1.0) * f / slope, least)
        if fabs(new - t) <= 1e-15 * new:
            return new
        t = new
    return t


@cython.final
cdef class Blocks:
    """Blocks of slots: their coefficients and slopes, and descent on them.

    Parameters
    ----------
    columns : Columns
    largest : int
        Number of coefficients of the largest block.
    gamma : float, default=0
        Shape of group MCP; 0 for the convex penalties.
    unit : float, default=1
        Largest c_g, to which distances of blocks without a penalty are relative.
    """

    cdef const matrix_t* X
    cdef object columns
    cdef Py_ssize_t m, n_blocks
    cdef const Py_ssize_t[::1] feature, start, at_V, at_D, rank, indicators
    cdef const double[::1] weight, thin, l2, V, D
    cdef double gamma, unit
    cdef const double[:, ::1] Q
    cdef bint has_gram
    cdef double[::1] u, h, v
    cdef double[:, ::1] work
    cdef double strength
    cdef readonly Py_ssize_t n_flips     # blocks that became zero or nonzero in the last epoch
    cdef readonly double largest_move    # in it, of the fit C u

    def __init__(self, columns, Py_ssize_t largest, double gamma=0.0, double unit=1.0):
        self.gamma, self.unit = gamma, unit
        self.X = matrix_of(columns)
        self.columns = columns
        self.work = np.empty((4, max(largest, 1)))

    def hold(self, slots):
        """Take over the arrays of a record of slots (`solvers.group_slots.GroupSlots`)."""
        self.feature, self.start = slots.feature, slots.start
        self.weight, self.thin, self.l2 = slots.weight, slots.thin, slots.l2
        self.V, self.D = slots.V, slots.D
        self.at_V, self.at_D, self.rank = slots.at_V, slots.at_D, slots.rank
        self.indicators = slots.indicators
        self.u, self.h, self.v = slots.u, slots.h, slots.v
        self.has_gram = slots.Q is not None
        if self.has_gram:
            self.Q = slots.Q
        self.n_blocks, self.m = self.weight.shape[0], self.u.shape[0]

    # -- the step of one block -----------------------------------------------------------------

    cdef void _exact_step(self, Py_ssize_t k, double* new) noexcept nogil:
        # new <- the minimum over block k, which has no L1 part
        cdef Py_ssize_t i, o = self.start[k], d = self.start[k + 1] - o, r = self.rank[k]
        cdef const double* V = &self.V[0] + self.at_V[k]
        cdef const double* D = &self.D[self.at_D[k]]
        cdef double* c = &self.work[1, 0]
        cdef double l2 = self.strength * self.l2[k], w, t, before
        t = norm_of(&self.u[o], d)
        if self.indicators[k]:
            self._indicator_step(k, l2, t, new)
            return
        for i in range(r):
            c[i] = dot(d, V + i * d, 0.0, &self.h[o]) + D[i] * dot(d, V + i * d, 0.0, &self.u[o])
        memset(new, 0, d * sizeof(double))
        for _ in range(MOST_INNER):
            before = t
            w = self._slope_at(k, t)
            t = self._length(k, w, t)
            if self.gamma == 0.0 or fabs(t - before) <= 1e-12 * t:
                break
        if t == 0.0:
            return
        for i in range(r):
            axpy(d, -c[i] * t / ((D[i] + l2) * t + w), V + i * d, 0.0, NULL, new)

    cdef rank_one_t _rank_one(self, Py_ssize_t k) noexcept nogil:
        # the Gram matrix of a block of indicators
        cdef rank_one_t G
        G.n = self.rank[k]
        G.a = &self.D[self.at_D[k]]
        G.m, G.spare = G.a + G.n, G.a[2 * G.n]
        return G

    cdef void _indicator_step(self, Py_ssize_t k, double l2, double t,
                              double* new) noexcept nogil:
        # the same for a block of indicators, of length t now
        cdef rank_one_t G = self._rank_one(k)
        cdef double* b = &self.work[1, 0]
        cdef double w = self.strength * self.weight[k], size
        cdef Py_ssize_t i, o = self.start[k]
        for i in range(G.n):
            b[i] = self.h[o + i]
            new[i] = 0.0
        add_rank_one(&G, &self.u[o], 1.0, b)
        size = norm_of(b, G.n)
        if size <= w:
            return
        t = length_of_rank_one(&G, l2, size, w, b, t, &self.work[2, 0], &self.work[3, 0])
        solve_rank_one(&G, l2, t, w, b, new)
        for i in range(G.n):
            new[i] *= t

    cdef double _slope_at(self, Py_ssize_t k, double t) noexcept nogil:
        # the derivative of the penalty of block k by its length t
        cdef double w = self.strength * self.weight[k]
        return larger(w - t / self.gamma, 0.0) if self.gamma > 0.0 and w > 0.0 else w

    cdef double _length(self, Py_ssize_t k, double w, double t) noexcept nogil:
        # The length of block k at its minimum under w ||u_k|| and its L2 part, from a first guess;
        # its slopes at 0, in the eigenvectors, are in the second row of `work`.
        cdef Py_ssize_t i, r = self.rank[k]
        cdef const double* D = &self.D[self.at_D[k]]
        cdef const double* c = &self.work[1, 0]
        cdef double l2 = self.strength * self.l2[k], size = norm_of(c, r), total = 0.0
        if size <= w:
            return 0.0
        if w == 0.0:
            for i in range(r):
                total += (c[i] / (D[i] + l2)) ** 2
            return sqrt(total)
        if r == 1:
            return (size - w) / (D[0] + l2)
        return length_at_minimum(c, D, r, size, w, l2, t)

    cdef void _proximal_steps(self, Py_ssize_t k, double* new) noexcept nogil:
        # new <- block k after some proximal gradient steps
        cdef Py_ssize_t i, o = self.start[k], d = self.start[k + 1] - o
        cdef double l2 = self.strength * self.l2[k]
        cdef double L = self._top(k) + l2, w = self.strength * self.weight[k]
        cdef double thin = self.strength * self.thin[k], size, f, move, first = 0.0
        cdef double* h = &self.work[1, 0]
        cdef double* x = &self.work[2, 0]
        for i in range(d):
            h[i] = self.h[o + i]
            new[i] = 0.0
        self._add_product(k, &self.u[o], 1.0, h)        # the slopes at 0
        if soft_norm(h, d, thin) <= w:
            return
        for i in range(d):
            h[i] = self.h[o + i]
            new[i] = self.u[o + i]
        for _ in range(MOST_INNER):
            for i in range(d):
                x[i] = soft_threshold(new[i] + (h[i] - l2 * new[i]) / L, thin / L)
            size = norm_of(x, d)
            f = larger(1.0 - w / (L * size), 0.0) if size > 0.0 else 0.0
            move = 0.0
            for i in range(d):
                x[i] = f * x[i] - new[i]
                if x[i] != 0.0:
                    move = larger(move, fabs(x[i]))
                    new[i] = new[i] + x[i]
            first = larger(first, move)
            if d == 1 or move <= INNER * first:
                return
            self._add_product(k, x, -1.0, h)

    cdef void _add_product(self, Py_ssize_t k, const double* x, double f,
                           double* h) noexcept nogil:
        # h += f G x, G the Gram matrix of block k
        cdef Py_ssize_t i, d = self.start[k + 1] - self.start[k]
        cdef const double* V = &self.V[0] + self.at_V[k]
        cdef const double* D = &self.D[self.at_D[k]]
        cdef rank_one_t G
        if self.indicators[k]:
            G = self._rank_one(k)
            add_rank_one(&G, x, f, h)
            return
        for i in range(self.rank[k]):
            axpy(d, -f * D[i] * dot(d, V + i * d, 0.0, x), V + i * d, 0.0, NULL, h)

    cdef double _top(self, Py_ssize_t k) noexcept nogil:
        # the largest eigenvalue of the block's Gram matrix, of indicators a bound of it
        cdef Py_ssize_t i, o = self.at_D[k], d = self.rank[k]
        cdef double top = self.D[o + d - 1]
        if self.indicators[k]:
            for i in range(o, o + d):
                top = larger(top, self.D[i])
        return top

    # -- epochs --------------------------------------------------------------------------------

    cdef void _slopes_of(self, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
        cdef Py_ssize_t a = start
        while a < stop:
            slopes_of_block(self.X, &self.v[0], &self.feature[0], a, min(a + 4, stop), &self.h[a])
            a += 4

    cdef Py_ssize_t _descend(self, Py_ssize_t first, bint only_nonzero) noexcept nogil:
        # Minimise over the blocks from `first` on, one after the other, until a check for signals
        # is due; returns the number of the next block.
        cdef Py_ssize_t k, a, o, stop, cost = 0
        cdef Py_ssize_t each = self.m if self.has_gram else self.X.n
        cdef double* new = &self.work[0, 0]
        cdef double d, move
        cdef bint was, moved, present
        for k in range(first, self.n_blocks):
            if cost > ENTRIES_PER_SIGNAL_CHECK:
                return k
            o, stop = self.start[k], self.start[k + 1]
            was = False
            for a in range(o, stop):
                was = was or self.u[a] != 0.0
            if self.rank[k] == 0 or (only_nonzero and not was):
                continue
            if not self.has_gram:
                self._slopes_of(o, stop)
                cost += (stop - o) * each
            if not was and (soft_norm(&self.h[o], stop - o, self.strength * self.thin[k])
                            <= self.strength * self.weight[k]):
                continue
            if self.thin[k] > 0.0:
                self._proximal_steps(k, new)
            else:
                self._exact_step(k, new)
            cost += (stop - o) * (each + stop - o)
            moved = present = False
            move = 0.0
            for a in range(o, stop):
                present = present or new[a - o] != 0.0
                d = new[a - o] - self.u[a]
                if d == 0.0:
                    continue
                moved = True
                move += d * d
                self.u[a] = new[a - o]
                if self.has_gram:
                    axpy(self.m, d, &self.Q[a, 0], 0.0, NULL, &self.h[0])
                else:
                    shift(self.X, self.feature[a], d, &self.v[0])
            if moved:
                self.largest_move = larger(self.largest_move, sqrt(move * self._top(k)))
            self.n_flips = self.n_flips + (present != was)
        return self.n_blocks

    def epoch(self, double strength, bint only_nonzero=False):
        """Minimise over all blocks, or those that are not zero, one after the other."""
        cdef Py_ssize_t k = 0
        self.strength = strength
        self.n_flips, self.largest_move = 0, 0.0
        while k < self.n_blocks:
            with nogil:
                k = self._descend(k, only_nonzero)
            check_signals()

    def subtract_products(self):
        """Subtract Q u from the slopes, which are those at u = 0."""
        cdef Py_ssize_t a = 0, cost
        while a < self.m:
            cost = 0
            with nogil:
                while a < self.m and cost < ENTRIES_PER_SIGNAL_CHECK:
                    if self.u[a] != 0.0:
                        axpy(self.m, self.u[a], &self.Q[a, 0], 0.0, NULL, &self.h[0])
                        cost += self.m
                    a += 1
            check_signals()

    # -- certificate ---------------------------------------------------------------------------

    def gap(self, double strength, double rr):
        """Return the duality gap, from the slopes h and ||r||^2 = rr.

        The dual point is k r, k <= 1 as large as the slopes of the slots allow; blocks without
        slots must allow 1. An L2 part is squared error of further samples, whose residuals are
        -sqrt(strength l2) u.
        """
        cdef Py_ssize_t k, a
        cdef double scaling = 1.0, total = 0.0, l2
        with nogil:
            for k in range(self.n_blocks):
                l2 = strength * self.l2[k]
                if l2 > 0.0:
                    for a in range(self.start[k], self.start[k + 1]):
                        rr += l2 * self.u[a] * self.u[a]
                scaling = smaller(scaling, self._scaling(k, strength))
            if scaling < 1.0:       # rounding must not make the point infeasible
                scaling *= 1.0 - 1e-15
            for k in range(self.n_blocks):
                total += self._part_of_gap(k, strength, scaling)
        return 0.5 * (1.0 - scaling) * (1.0 - scaling) * rr + total

    cdef double _scaling(self, Py_ssize_t k, double strength) noexcept nogil:
        # the largest factor <= 1 of the slopes of block k at which its conjugate is 0
        cdef Py_ssize_t o = self.start[k], d = self.start[k + 1] - o
        cdef double weight = self.weight[k], thin = self.thin[k]
        cdef const double* h = self._full_slopes(k, strength)
        if d == 0 or (weight == 0.0 and thin == 0.0):
            return 1.0
        if soft_norm(h, d, strength * thin) <= strength * weight:
            return 1.0
        return strength / entry_strength(h, d, weight, thin)

    cdef const double* _full_slopes(self, Py_ssize_t k, double strength) noexcept nogil:
        # the slopes of block k, with those of its L2 part
        cdef Py_ssize_t a, o = self.start[k]
        cdef double l2 = strength * self.l2[k]
        if l2 == 0.0:
            return &self.h[0] + o
        for a in range(o, self.start[k + 1]):
            self.work[1, a - o] = self.h[a] - l2 * self.u[a]
        return &self.work[1, 0]

    cdef double _part_of_gap(self, Py_ssize_t k, double strength, double scaling) noexcept nogil:
        # phi(u) - scaling h.u of block k, without the L2 part; of a block without penalty the size
        # of its second term, which is 0 but for rounding
        cdef Py_ssize_t a, o = self.start[k], stop = self.start[k + 1]
        cdef double inner = 0.0, total = 0.0, ones = 0.0
        cdef const double* h = self._full_slopes(k, strength)
        for a in range(o, stop):
            inner += h[a - o] * self.u[a]
            total += self.u[a] * self.u[a]
            ones += fabs(self.u[a])
        if self.weight[k] == 0.0 and self.thin[k] == 0.0:
            return fabs(scaling * inner)
        return larger(strength * (self.weight[k] * sqrt(total) + self.thin[k] * ones)
                      - scaling * inner, 0.0)

    # -- stationarity --------------------------------------------------------------------------

    def distance(self, double strength):
        """Return the largest distance of a block's slopes from stationarity, relative to its own
        strength * c_g, of group MCP."""
        cdef Py_ssize_t k
        cdef double worst = 0.0
        self.strength = strength
        with nogil:
            for k in range(self.n_blocks):
                worst = larger(worst, self._distance(k))
        return worst

    cdef double _distance(self, Py_ssize_t k) noexcept nogil:
        cdef Py_ssize_t a, o = self.start[k], stop = self.start[k + 1]
        cdef double t = norm_of(&self.u[0] + o, stop - o), pull, e, total = 0.0
        cdef const double* h = self._full_slopes(k, self.strength)
        cdef double w = self.strength * (self.weight[k] if self.weight[k] > 0.0 else self.unit)
        if t == 0.0 and self.weight[k] > 0.0:
            return larger(norm_of(h, stop - o) - w, 0.0) / w
        pull = self._slope_at(k, t) / t if t > 0.0 else 0.0
        for a in range(o, stop):
            e = h[a - o] - pull * self.u[a]
            total += e * e
        return sqrt(total) / w
