/* Leaves for W x + b, W dense or by panels of rows of which only some entries are stored; written with
 * the macros of simd_levels.h, and included by simd_infer.h. */

/* Matrix times vector by single rows: y[r] = b[r] + sum_k w[k, r] x[offsets[k]].  Four sums per row
 * hide the latency of additions, which is that of several loads. */
SR_HELPER void SR_NAME(sr_vector_by_rows)(const sr_matrix *A, const SR_T *x, SR_T *y)
{
    const SR_T *w = (const SR_T *)A->w, *b = (const SR_T *)A->bias;
    const int32_t *at = A->offsets;
    ptrdiff_t p, k;
    for (p = 0; p < A->panels; p++) {
        const ptrdiff_t end = A->starts[p + 1];
        SR_T s0 = b[p], s1 = 0, s2 = 0, s3 = 0;
        for (k = A->starts[p]; k + 3 < end; k += 4) {
            s0 += w[k] * x[at[k]];
            s1 += w[k + 1] * x[at[k + 1]];
            s2 += w[k + 2] * x[at[k + 2]];
            s3 += w[k + 3] * x[at[k + 3]];
        }
        for (; k < end; k++)
            s1 += w[k] * x[at[k]];
        y[p] = (s0 + s1) + (s2 + s3);
    }
}

#if SR_VECTOR_EXTENSION

#define SR_AT(p) (*(SR_V *)(p))
#define SR_AT_CONST(p) (*(const SR_V *)(p))

/* Number of partial sums per output that fit into registers: sum j has columns j, j + SUMS, ... */
#define SR_SUMS(vectors) ((vectors) >= 8 ? 1 : (vectors) >= 4 ? 2 : 4)

/* s[j][v] += the weights of the columns k + j, k + j + SUMS, ... times their inputs.  `of(k)` is
 * the index of column k among the weights. */
#define SR_ROUNDS(TYPE, LANES, ROWS, SUMS, of)                                                   \
    for (; k + SUMS - 1 < end; k += SUMS)                                                        \
        for (int j = 0; j < SUMS; j++)                                                           \
            for (int v = 0; v < ROWS / LANES; v++)                                               \
                s[j][v] += *(const TYPE *)(w + ROWS * of(k + j) + LANES * v) * x[at[of(k + j)]]; \
    for (; k < end; k++)                                                                         \
        for (int v = 0; v < ROWS / LANES; v++)                                                   \
            s[0][v] += *(const TYPE *)(w + ROWS * of(k) + LANES * v) * x[at[of(k)]];

/* y = the total of the partial sums */
#define SR_STORE(TYPE, LANES, ROWS, SUMS, y)                                                     \
    for (int v = 0; v < ROWS / LANES; v++) {                                                     \
        TYPE sum = s[0][v];                                                                      \
        for (int j = 1; j < SUMS; j++)                                                           \
            sum += s[j][v];                                                                      \
        *(TYPE *)((y) + LANES * v) = sum;                                                        \
    }

#define SR_ITSELF(k) (k)
#define SR_FOUND(k) (ptrdiff_t)found[k]

/* Matrix times vector by panels of 16 or 8 rows, vectorised over the rows. */
#define SR_BY_PANELS(name, ROWS, TYPE, LANES)                                                    \
    SR_HELPER void SR_NAME(name)(const sr_matrix *A, const SR_T *x, SR_T *y)                     \
    {                                                                                            \
        enum { SUMS = SR_SUMS(ROWS / LANES) };                                                   \
        const SR_T *w = (const SR_T *)A->w, *b = (const SR_T *)A->bias;                          \
        const int32_t *at = A->offsets;                                                          \
        for (ptrdiff_t p = 0; p < A->panels; p++) {                                              \
            const ptrdiff_t end = A->starts[p + 1];                                              \
            ptrdiff_t k = A->starts[p];                                                          \
            TYPE s[SUMS][ROWS / LANES] = {{{0}}};                                                \
            for (int v = 0; v < ROWS / LANES; v++)                                               \
                s[0][v] = *(const TYPE *)(b + ROWS * p + LANES * v);                             \
            SR_ROUNDS(TYPE, LANES, ROWS, SUMS, SR_ITSELF)                                        \
            SR_STORE(TYPE, LANES, ROWS, SUMS, y + ROWS * p)                                      \
        }                                                                                        \
    }

SR_BY_PANELS(sr_vector_by_sixteens, 16, SR_V, SR_LANES)
SR_BY_PANELS(sr_vector_by_eights, 8, SR_V8, SR_LANES8)
#undef SR_BY_PANELS

/* Matrix times vector by panels of 16 rows, skipping columns whose input is zero: pixels and ReLU
 * outputs often are.  All panels have the same columns, so the nonzero inputs are listed once. */
SR_HELPER void SR_NAME(sr_vector_of_nonzeros)(const sr_matrix *A, const SR_T *x, SR_T *y)
{
    const SR_T *b = (const SR_T *)A->bias;
    const ptrdiff_t columns = A->starts[1];
    enum { SUMS = SR_SUMS(16 / SR_LANES) };
    int32_t found[SR_LOOKED_AT];
    ptrdiff_t first, p, k, n;
    memcpy(y, b, sizeof(SR_T) * 16 * (size_t)A->panels);
    for (first = 0; first < columns; first += SR_LOOKED_AT) {
        const ptrdiff_t rest = columns - first, some = rest < SR_LOOKED_AT ? rest : SR_LOOKED_AT;
        const int32_t *at = A->offsets + first;
        for (k = n = 0; k < some; k++) {
            found[n] = (int32_t)k;
            n += x[at[k]] != 0;
        }
        for (p = 0; p < A->panels; p++) {
            const SR_T *w = (const SR_T *)A->w + 16 * (p * columns + first);
            const ptrdiff_t end = n;
            SR_V s[SUMS][16 / SR_LANES] = {{{0}}};
            for (int v = 0; v < 16 / SR_LANES; v++)
                s[0][v] = SR_AT_CONST(y + 16 * p + SR_LANES * v);
            k = 0;
            SR_ROUNDS(SR_V, SR_LANES, 16, SUMS, SR_FOUND)
            SR_STORE(SR_V, SR_LANES, 16, SUMS, y + 16 * p)
        }
    }
}
#undef SR_ROUNDS
#undef SR_STORE
#undef SR_ITSELF
#undef SR_FOUND
#undef SR_SUMS

/* Matrix product with n numbers per row, vectorised over these, WIDE chunks at a time.  Tiles of R
 * rows by V vectors are summed in half of the registers.  Rows of y are `stride` numbers apart. */
#define SR_STRIPS(name, ROWS, WIDE)                                                              \
    SR_HELPER ptrdiff_t SR_NAME(name)(const sr_matrix *A, const SR_T *x, SR_T *y, ptrdiff_t lanes, \
                                      ptrdiff_t first, ptrdiff_t n, ptrdiff_t stride)            \
    {                                                                                            \
        enum {                                                                                   \
            VECTORS = WIDE * SR_CHUNK / SR_LANES,                                                \
            MOST = ROWS == 1 ? 8 : 4,                                                            \
            V = VECTORS < MOST ? VECTORS : MOST,                                                 \
            FIT = SR_REGISTERS / 2 / V,                                                          \
            R = FIT < ROWS ? FIT : ROWS                                                          \
        };                                                                                       \
        const SR_T *w = (const SR_T *)A->w, *b = (const SR_T *)A->bias;                          \
        ptrdiff_t p, k, q, last = first;                                                         \
        for (p = 0; p < A->panels; p++) {                                                        \
            for (q = first; q + (WIDE - 1) * SR_CHUNK < n; q += WIDE * SR_CHUNK)                 \
                for (int row = 0; row < ROWS; row += R)                                          \
                    for (int part = 0; part < VECTORS; part += V) {                              \
                        const ptrdiff_t at = q + part * SR_LANES;                                \
                        SR_V s[R][V];                                                            \
                        for (int r = 0; r < R; r++)                                              \
                            for (int v = 0; v < V; v++)                                          \
                                s[r][v] = (SR_V){0} + b[ROWS * p + row + r];                     \
                        for (k = A->starts[p]; k < A->starts[p + 1]; k++) {                      \
                            const SR_T *from = x + at + A->offsets[k] * lanes;                   \
                            SR_V u[V];                                                           \
                            for (int v = 0; v < V; v++)                                          \
                                u[v] = SR_AT_CONST(from + v * SR_LANES);                         \
                            for (int r = 0; r < R; r++)                                          \
                                for (int v = 0; v < V; v++)                                      \
                                    s[r][v] += u[v] * w[ROWS * k + row + r];                     \
                        }                                                                        \
                        for (int r = 0; r < R; r++)                                              \
                            for (int v = 0; v < V; v++)                                          \
                                SR_AT(y + (ROWS * p + row + r) * stride + at + v * SR_LANES)     \
                                    = s[r][v];                                                   \
                    }                                                                            \
            last = q;                                                                            \
        }                                                                                        \
        return last;                                                                             \
    }

SR_STRIPS(sr_strips_1x4, 1, 4)
SR_STRIPS(sr_strips_1x1, 1, 1)
SR_STRIPS(sr_strips_8x2, 8, 2)
SR_STRIPS(sr_strips_8x1, 8, 1)
SR_STRIPS(sr_strips_16x1, 16, 1)
#undef SR_STRIPS
#undef SR_AT
#undef SR_AT_CONST

SR_HELPER void SR_NAME(sr_matrix_times)(const sr_matrix *A, const SR_T *x, SR_T *y, ptrdiff_t lanes,
                                        ptrdiff_t run, ptrdiff_t pitch)
{
    const ptrdiff_t n = run * lanes, stride = pitch * lanes;
    ptrdiff_t done = 0;
    if (n == 1 && pitch == 1) {
        if (A->skip)
            SR_NAME(sr_vector_of_nonzeros)(A, x, y);
        else if (A->rows == 16)
            SR_NAME(sr_vector_by_sixteens)(A, x, y);
        else if (A->rows == 8)
            SR_NAME(sr_vector_by_eights)(A, x, y);
        else
            SR_NAME(sr_vector_by_rows)(A, x, y);
    } else if (A->rows == 16) {
        SR_NAME(sr_strips_16x1)(A, x, y, lanes, 0, n, stride);
    } else if (A->rows == 8) {
        done = SR_NAME(sr_strips_8x2)(A, x, y, lanes, 0, n, stride);
        SR_NAME(sr_strips_8x1)(A, x, y, lanes, done, n, stride);
    } else {
        done = SR_NAME(sr_strips_1x4)(A, x, y, lanes, 0, n, stride);
        SR_NAME(sr_strips_1x1)(A, x, y, lanes, done, n, stride);
    }
}

#else

SR_HELPER void SR_NAME(sr_matrix_times)(const sr_matrix *A, const SR_T *x, SR_T *y, ptrdiff_t lanes,
                                        ptrdiff_t run, ptrdiff_t pitch)
{
    const SR_T *w = (const SR_T *)A->w, *b = (const SR_T *)A->bias;
    ptrdiff_t p, r, q, k;
    if (run * lanes == 1 && pitch == 1 && A->rows == 1) {
        SR_NAME(sr_vector_by_rows)(A, x, y);
        return;
    }
    for (p = 0; p < A->panels; p++)
        for (r = 0; r < A->rows; r++) {
            SR_T *to = y + (A->rows * p + r) * pitch * lanes;
            for (q = 0; q < run * lanes; q++)
                to[q] = b[A->rows * p + r];
            for (k = A->starts[p]; k < A->starts[p + 1]; k++)
                for (q = 0; q < run * lanes; q++)
                    to[q] += w[A->rows * k + r] * x[A->offsets[k] * lanes + q];
        }
}

#endif
