"""Proximal steps, and Adam with a proximal step, on float64 and float32 weights in place.

    argmin_x  sum_j (x_j - z_j)^2 / (2 t_j) + s_j Omega(x_j)            (docs/neural.md)

Weights are processed in blocks that fit the cache, in parallel over blocks or groups: a fused step
reads and writes each weight once.
"""

from cython.parallel cimport prange
from libc.math cimport INFINITY, fabs, sqrt
from libc.stdint cimport int64_t

from sorted cimport pool

cdef extern from "prox.h" nogil:
    enum: NOTHING "SR_KIND_nothing"
    const char** sr_penalties   # the names of the kinds, ended by NULL
    void sr_prox_f64(int kind, Py_ssize_t n, double* z, const double* t, const double* s,
                     double shape) noexcept
    void sr_prox_f32(int kind, Py_ssize_t n, float* z, const float* t, const float* s,
                     float shape) noexcept
    void sr_clip_below_f64(Py_ssize_t n, double* z) noexcept
    void sr_clip_below_f32(Py_ssize_t n, float* z) noexcept
    void sr_adam_steps_f64(Py_ssize_t n, const double* v, double lr, double eps, double c2,
                           double* t) noexcept
    void sr_adam_steps_f32(Py_ssize_t n, const float* v, float lr, float eps, float c2,
                           float* t) noexcept
    void sr_adamw_f64(Py_ssize_t n, double* w, const double* g, double* m, double* v, double* most,
                      double lr, double beta1, double beta2, double eps, double keep, double c1,
                      double c2, double* t) noexcept
    void sr_adamw_f32(Py_ssize_t n, float* w, const float* g, float* m, float* v, float* most,
                      float lr, float beta1, float beta2, float eps, float keep, float c1,
                      float c2, float* t) noexcept

ctypedef fused real_t:
    double
    float

# Weights in a block: a few KiB for each vector involved.
cdef enum: BLOCK = 1024

# Maximum number of Newton steps for the norm of a group; five suffice where the t_j differ by a
# factor below 1e5.
cdef enum: MOST_STEPS = 60


cdef dict kinds_by_name():
    cdef dict found = {}
    while sr_penalties[len(found)] != NULL:
        found[sr_penalties[len(found)].decode()] = len(found)
    return found


KINDS = kinds_by_name()

ctypedef struct rule_t:
    int kind
    double strength
    double shape        # l1_ratio of an elastic net, gamma of MCP, a of SCAD
    bint positive

ctypedef struct adam_t:
    double lr, beta1, beta2, eps
    double keep         # 1 - lr * weight_decay
    double c1, c2       # 1 - beta1^k, sqrt(1 - beta2^k)
    bint frozen         # zeros stay zero
    bint seen_only      # no proximal step for weights that never had a gradient


cdef rule_t rule_of(tuple rule) except *:
    cdef rule_t R
    kind, R.strength, R.shape, R.positive = rule
    R.kind = KINDS[kind]
    return R


cdef int check_length(name, Py_ssize_t n, Py_ssize_t wanted) except -1:
    if n != wanted:
        raise ValueError(f"{name} has {n} entries, there are {wanted} weights")
    return 0


def prox(real_t[::1] z, const real_t[::1] t, tuple rule, const real_t[::1] weights=None,
         int n_threads=1):
    """Replace z by its proximal point.

    t: step lengths, one per weight or a single one. rule: (kind, strength, shape, positive).
    weights: penalty weights, which multiply the strength.
    """
    cdef rule_t R = rule_of(rule)
    cdef Py_ssize_t block, n = z.shape[0], n_blocks = (n + BLOCK - 1) // BLOCK
    cdef Py_ssize_t step = 0 if t.shape[0] == 1 else 1
    if step:
        check_length("t", t.shape[0], n)
    if weights is not None:
        check_length("weights", weights.shape[0], n)
    cdef const real_t* factors = NULL
    if n == 0:
        return
    if weights is not None:
        factors = &weights[0]
    for block in prange(n_blocks, num_threads=n_threads, schedule="static", nogil=True):
        prox_block(&R, block * BLOCK, min(n - block * BLOCK, BLOCK), &z[block * BLOCK],
                   &t[step * block * BLOCK], step, factors)


cdef void prox_block(const rule_t* R, Py_ssize_t start, Py_ssize_t n, real_t* z, const real_t* t,
                     Py_ssize_t step, const real_t* weights) noexcept nogil:
    # z and t point to the block, weights to the whole vector
    cdef real_t[BLOCK] s
    cdef real_t[BLOCK] same
    cdef Py_ssize_t i
    cdef real_t strength = R.strength
    for i in range(n):
        s[i] = strength
    if weights != NULL:
        for i in range(n):
            s[i] = strength * weights[start + i]
    if step == 0:
        for i in range(n):
            same[i] = t[0]
        t = &same[0]
    prox_leaf(R, n, z, t, &s[0])


cdef inline void prox_leaf(const rule_t* R, Py_ssize_t n, real_t* z, const real_t* t,
                           const real_t* s) noexcept nogil:
    if real_t is double:
        if R.positive:
            sr_clip_below_f64(n, z)
        sr_prox_f64(R.kind, n, z, t, s, R.shape)
    else:
        if R.positive:
            sr_clip_below_f32(n, z)
        sr_prox_f32(R.kind, n, z, t, s, <float> R.shape)


def prox_by_moment(real_t[::1] z, const real_t[::1] v, tuple settings, tuple rule,
                   const real_t[::1] weights=None, int n_threads=1):
    """Apply `prox` with the step lengths of Adam's metric, lr / (sqrt(v) / c2 + eps).

    v: the second moment. settings: (lr, eps, c2, seen_only), c2 = sqrt(1 - beta2^k) after k steps;
    with seen_only the step lengths are 0 where v is 0: there never was a gradient.
    """
    cdef rule_t R = rule_of(rule)
    cdef double lr, eps, c2
    cdef bint seen_only
    cdef Py_ssize_t block, n = z.shape[0], n_blocks = (n + BLOCK - 1) // BLOCK
    cdef const real_t* factors = NULL
    lr, eps, c2, seen_only = settings
    check_length("v", v.shape[0], n)
    if weights is not None:
        check_length("weights", weights.shape[0], n)
    if n == 0:
        return
    if weights is not None:
        factors = &weights[0]
    for block in prange(n_blocks, num_threads=n_threads, schedule="static", nogil=True):
        prox_by_moment_block(&R, block * BLOCK, min(n - block * BLOCK, BLOCK), &z[block * BLOCK],
                             &v[block * BLOCK], lr, eps, c2, seen_only, factors)


cdef void prox_by_moment_block(const rule_t* R, Py_ssize_t start, Py_ssize_t n, real_t* z,
                               const real_t* v, double lr, double eps, double c2,
                               bint seen_only, const real_t* weights) noexcept nogil:
    cdef real_t[BLOCK] t
    if real_t is double:
        sr_adam_steps_f64(n, v, lr, eps, c2, &t[0])
    else:
        sr_adam_steps_f32(n, v, <float> lr, <float> eps, <float> c2, &t[0])
    if seen_only:
        stop_unseen(n, v, &t[0])
    prox_block(R, start, n, z, &t[0], 1, weights)


cdef inline void stop_unseen(Py_ssize_t n, const real_t* v, real_t* t) noexcept nogil:
    # A second moment of exactly 0 means that there never was a gradient, so that the metric is
    # undefined: no step.
    cdef Py_ssize_t i
    for i in range(n):
        t[i] = 0 if v[i] == 0 else t[i]


def group_prox(real_t[::1] z, const real_t[::1] t, const int64_t[::1] starts,
               const double[::1] strengths, int n_threads=1):
    """Replace z by its proximal point for sum_g strengths_g ||x_g||_2, in the metric given by t.

    Group g holds the weights from starts[g] to starts[g + 1].  t: step lengths, one per weight or
    a single one.
    """
    cdef Py_ssize_t g, n_groups = starts.shape[0] - 1
    cdef Py_ssize_t step = 0 if t.shape[0] == 1 else 1
    if step:
        check_length("t", t.shape[0], z.shape[0])
    if strengths.shape[0] != n_groups:
        raise ValueError(f"{n_groups} groups want one strength each, got {strengths.shape[0]}")
    if n_groups < 0 or starts[0] != 0 or starts[n_groups] != z.shape[0]:
        raise ValueError("starts must go from 0 to the number of weights")
    for g in range(n_groups):
        if starts[g] > starts[g + 1]:
            raise ValueError("starts must not fall")
    if z.shape[0] == 0:
        return
    for g in prange(n_groups, num_threads=n_threads, schedule="static", nogil=True):
        if starts[g] < starts[g + 1]:
            prox_of_group(starts[g + 1] - starts[g], &z[starts[g]], &t[step * starts[g]], step,
                          strengths[g])


cdef void prox_of_group(Py_ssize_t n, real_t* z, const real_t* t, Py_ssize_t step,
                        double strength) noexcept nogil:
    # x_j = z_j r / (r + s t_j) with r = ||x||, the root of sum_j (z_j / (r + s t_j))^2 = 1;
    # x = 0 where ||z / t|| <= s.
    cdef Py_ssize_t j
    cdef double r, most = 0.0, scaled = 0.0, size = 0.0
    for j in range(n):
        size += <double> z[j] * z[j]
        most = t[step * j] if t[step * j] > most else most
        if z[j] != 0.0:
            scaled += (z[j] / <double> t[step * j]) * (z[j] / <double> t[step * j])
    if strength == 0.0 or most == 0.0:
        for j in range(n):
            z[j] = z[j] + <real_t> 0.0      # turns -0.0 into 0.0
        return
    if sqrt(scaled) <= strength:
        for j in range(n):
            z[j] = 0.0
        return
    r = norm_after(n, z, t, step, strength, sqrt(size), sqrt(size) - strength * most)
    for j in range(n):
        z[j] = <real_t> (z[j] * (r / (r + strength * t[step * j])) + 0.0)


cdef double norm_after(Py_ssize_t n, const real_t* z, const real_t* t, Py_ssize_t step,
                       double strength, double high, double low) noexcept nogil:
    # Newton's method, safeguarded by bisection between low and high, on the almost linear function
    # 1 / sqrt(sum_j (z_j / (r + s t_j))^2) - 1 of r.
    cdef Py_ssize_t j
    cdef double r, q, a, total, slope, new
    low = low if low > 0.0 else 0.0
    r = low
    for _ in range(MOST_STEPS):
        total = slope = 0.0
        for j in range(n):
            a = r + strength * t[step * j]
            q = z[j] / a if z[j] != 0.0 else 0.0
            total += q * q
            slope += q * q / a if z[j] != 0.0 else 0.0
        if total > 1.0:
            low = r
        else:
            high = r
        if total == INFINITY:       # r = 0 and some t_j = 0
            new = 0.5 * (low + high)
        else:
            new = r + (sqrt(total) - 1.0) * total / slope
        if not low <= new <= high:
            new = 0.5 * (low + high)
        if fabs(new - r) <= 1e-15 * new:
            return new
        r = new
    return r


def adamw(real_t[::1] w, const real_t[::1] g, real_t[::1] m, real_t[::1] v, real_t[::1] most,
          tuple settings, tuple rule, const real_t[::1] weights=None, real_t[::1] steps=None,
          int n_threads=1):
    """Take a step of AdamW (Loshchilov & Hutter 2019) and its proximal step, in one pass.

    The proximal step is in Adam's metric. w, m, v, and with AMSGrad `most` (the largest v), are
    updated in place. settings: (lr, beta1, beta2, eps, weight_decay, number k of this step, whether
    zero weights stay zero, with moments of zero, whether weights that never had a gradient skip the
    proximal step). rule, weights: as in `prox`. steps: output for the step lengths of all weights,
    lr / (sqrt(v / (1 - beta2^k)) + eps), for a penalty of groups.
    """
    cdef rule_t R = rule_of(rule)
    cdef adam_t A
    cdef Py_ssize_t block, n = w.shape[0], n_blocks = (n + BLOCK - 1) // BLOCK
    A.lr, A.beta1, A.beta2, A.eps, decay, k, A.frozen, A.seen_only = settings
    A.keep = 1.0 - A.lr * decay
    A.c1 = 1.0 - A.beta1 ** k
    A.c2 = sqrt(1.0 - A.beta2 ** k)
    for name, given in (("g", g), ("m", m), ("v", v), ("most", most), ("weights", weights),
                        ("steps", steps)):
        if given is not None:
            check_length(name, given.shape[0], n)
    cdef const real_t* factors = NULL
    cdef real_t* largest = NULL
    cdef real_t* out = NULL
    if n == 0:
        return
    if weights is not None:
        factors = &weights[0]
    if most is not None:
        largest = &most[0]
    if steps is not None:
        out = &steps[0]
    for block in prange(n_blocks, num_threads=n_threads, schedule="static", nogil=True):
        adamw_block(&A, &R, block * BLOCK, min(n - block * BLOCK, BLOCK), &w[0], &g[0], &m[0],
                    &v[0], largest, factors, out)


cdef void adamw_block(const adam_t* A, const rule_t* R, Py_ssize_t start, Py_ssize_t n, real_t* w,
                      const real_t* g, real_t* m, real_t* v, real_t* most, const real_t* weights,
                      real_t* steps) noexcept nogil:
    cdef real_t[BLOCK] own
    cdef char[BLOCK] zero
    cdef real_t* t = &own[0]
    cdef Py_ssize_t i
    if steps != NULL:
        t = steps + start
    if most != NULL:
        most += start
    w, g, m, v = w + start, g + start, m + start, v + start
    if A.frozen:
        for i in range(n):
            zero[i] = w[i] == 0.0
    if real_t is double:
        sr_adamw_f64(n, w, g, m, v, most, A.lr, A.beta1, A.beta2, A.eps, A.keep, A.c1, A.c2, t)
    else:
        sr_adamw_f32(n, w, g, m, v, most, <float> A.lr, <float> A.beta1, <float> A.beta2,
                     <float> A.eps, <float> A.keep, <float> A.c1, <float> A.c2, t)
    if A.frozen:
        for i in range(n):
            if zero[i]:
                w[i] = m[i] = v[i] = 0.0
                if most != NULL:
                    most[i] = 0.0
    if A.seen_only:
        stop_unseen(n, v if most == NULL else most, t)
    if R.kind != NOTHING or R.positive:
        prox_block(R, start, n, w, t, 1, weights)


def pool_falling(double[::1] sums, double[::1] weights, Py_ssize_t[::1] stop):
    """Pool the sums and weights until sums / weights fall: of the blocks, of which the number is
    returned, write the sums, the weights and the ends to the beginnings of the arrays."""
    cdef Py_ssize_t n = sums.shape[0], n_blocks = 0
    if weights.shape[0] != n or stop.shape[0] != n:
        raise ValueError("sums, weights and stop must have the same length")
    if n:
        with nogil:
            n_blocks = pool(n, &sums[0], &weights[0], &stop[0])
    return n_blocks
