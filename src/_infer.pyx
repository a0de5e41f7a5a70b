"""Inference of whole networks in one call: all layers from inputs to outputs in compiled loops.

A network is a list of steps on buffers in one arena (infer.h). It holds two lists, one for single
samples and one for tiles of samples, since their fastest implementations differ. Samples are
independent: tiles are distributed over threads.
"""

cimport cython
from cpython.buffer cimport (PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_WRITABLE, PyBuffer_Release,
                             PyObject_GetBuffer)
from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free
from openmp cimport omp_get_thread_num
from signals cimport check_signals

cdef extern from "infer.h" nogil:
    enum: SR_CHUNK, SR_MOST_LANES
    enum: SR_AFFINE, SR_PAD, SR_MAX_POOL, SR_MEAN_POOL, SR_ADD, SR_ACTIVATE, SR_SOFTMAX, SR_EMBED
    enum: SR_LSTM, SR_GRU
    enum: SR_RELU, SR_LEAKY, SR_ELU, SR_SIGMOID, SR_TANH, SR_SILU, SR_GELU, SR_GELU_TANH, SR_CLIP

    ctypedef struct sr_matrix:
        Py_ssize_t rows, panels, skip
        const int64_t* starts
        const int32_t* offsets
        const void* w
        const void* bias

    ctypedef struct sr_step:
        Py_ssize_t kind, x, x2, y, n
        Py_ssize_t run, pitch, repeat, x_step, y_step
        Py_ssize_t height, width, x_pitch, x_plane, out_height, out_width
        Py_ssize_t size_y, size_x, stride_y, stride_x, pad_y, pad_x, log, activation
        double a, b
        sr_matrix W, U

    void sr_take_steps_f64(const sr_step* steps, Py_ssize_t n, const int64_t* ids,
                           Py_ssize_t samples, double* arena, Py_ssize_t lanes) noexcept
    void sr_take_steps_f32(const sr_step* steps, Py_ssize_t n, const int64_t* ids,
                           Py_ssize_t samples, float* arena, Py_ssize_t lanes) noexcept
    void sr_gather_f64(const double* x, Py_ssize_t samples, Py_ssize_t width, const int32_t* used,
                       Py_ssize_t n_used, double* to, Py_ssize_t lanes) noexcept
    void sr_gather_f32(const float* x, Py_ssize_t samples, Py_ssize_t width, const int32_t* used,
                       Py_ssize_t n_used, float* to, Py_ssize_t lanes) noexcept
    void sr_scatter_f64(const double* x, Py_ssize_t lanes, const int32_t* offsets,
                        Py_ssize_t width, double* to, Py_ssize_t samples) noexcept
    void sr_scatter_f32(const float* x, Py_ssize_t lanes, const int32_t* offsets,
                        Py_ssize_t width, float* to, Py_ssize_t samples) noexcept

ctypedef fused real_t:
    double
    float

KINDS = {"affine": SR_AFFINE, "pad": SR_PAD, "max_pool": SR_MAX_POOL, "mean_pool": SR_MEAN_POOL,
         "add": SR_ADD, "activate": SR_ACTIVATE, "softmax": SR_SOFTMAX, "embed": SR_EMBED,
         "lstm": SR_LSTM, "gru": SR_GRU}

ACTIVATIONS = {"relu": SR_RELU, "leaky_relu": SR_LEAKY, "elu": SR_ELU, "sigmoid": SR_SIGMOID,
               "tanh": SR_TANH, "silu": SR_SILU, "gelu": SR_GELU, "gelu_tanh": SR_GELU_TANH,
               "clip": SR_CLIP}

CHUNK = SR_CHUNK
MOST_LANES = SR_MOST_LANES


@cython.final
cdef class Arena:
    """Zero-initialised memory for the buffers of one tile per thread."""
    cdef void* place
    cdef char* first
    cdef size_t n_bytes

    def __cinit__(self, size_t n_bytes):
        self.place = calloc(1, n_bytes + 64)
        if self.place == NULL:
            raise MemoryError(f"cannot allocate {n_bytes} bytes")
        self.first = <char*> self.place + (64 - <size_t> self.place % 64) % 64
        self.n_bytes = n_bytes

    def __dealloc__(self):
        free(self.place)


@cython.final
cdef class Network:
    """A compiled network: lists of steps for single samples and for tiles, on the same buffers.

    dtype: "d" or "f". single, tiled: lists of steps, dictionaries with the nonzero fields of
    sr_step; W and U are (rows, starts, offsets, w, bias, skip). n_positions: size of the arena.
    used: indices of the input features that are read. offsets: positions of the outputs. high: if
    not 0, inputs are row numbers of an embedding table with `high` rows.
    """
    cdef sr_step* single
    cdef sr_step* tiled
    cdef Py_ssize_t n_single, n_tiled, n_positions, high
    cdef readonly Py_ssize_t width_in, width_out
    cdef size_t itemsize
    cdef bytes letter
    cdef const int32_t* used
    cdef const int32_t* offsets
    cdef Py_ssize_t n_used
    cdef list kept      # references to the arrays that the steps point to
    cdef list arenas    # arenas not in use by a call

    def __cinit__(self, str dtype, list single, list tiled, Py_ssize_t n_positions,
                  Py_ssize_t width_in, const int32_t[::1] used, const int32_t[::1] offsets,
                  Py_ssize_t high=0):
        cdef Py_ssize_t k
        if dtype not in ("d", "f"):
            raise ValueError(f"dtype must be 'd' or 'f', got {dtype!r}")
        self.letter = dtype.encode()
        self.itemsize = 8 if dtype == "d" else 4
        self.n_positions, self.high = n_positions, high
        self.width_in, self.width_out = width_in, offsets.shape[0]
        self.kept, self.arenas = [used, offsets], []
        if width_in < 1 or n_positions < width_in + SR_CHUNK:
            raise ValueError(f"{n_positions} positions do not hold {width_in} inputs")
        check_indices("used", used, width_in)
        check_indices("offsets", offsets, n_positions)
        self.used, self.n_used, self.offsets = &used[0], used.shape[0], &offsets[0]
        self.n_single, self.n_tiled = len(single), len(tiled)
        self.single = <sr_step*> calloc(len(single) + 1, sizeof(sr_step))
        self.tiled = <sr_step*> calloc(len(tiled) + 1, sizeof(sr_step))
        if self.single == NULL or self.tiled == NULL:
            raise MemoryError()
        for k in range(self.n_single):
            self.fill(self.single + k, single[k])
        for k in range(self.n_tiled):
            self.fill(self.tiled + k, tiled[k])

    def __dealloc__(self):
        free(self.single)
        free(self.tiled)

    cdef int fill(self, sr_step* S, dict step) except -1:
        get = step.get
        S.kind = KINDS[step["kind"]]
        S.x, S.x2, S.y, S.n = get("x", 0), get("x2", 0), get("y", 0), get("n", 0)
        S.run, S.pitch, S.repeat = get("run", 0), get("pitch", 0), get("repeat", 0)
        S.x_step, S.y_step = get("x_step", 0), get("y_step", 0)
        S.height, S.width = get("height", 0), get("width", 0)
        S.x_pitch, S.x_plane = get("x_pitch", 0), get("x_plane", 0)
        S.out_height, S.out_width = get("out_height", 0), get("out_width", 0)
        S.size_y, S.size_x = get("size_y", 0), get("size_x", 0)
        S.stride_y, S.stride_x = get("stride_y", 1), get("stride_x", 1)
        S.pad_y, S.pad_x = get("pad_y", 0), get("pad_x", 0)
        S.log, S.activation = get("log", 0), ACTIVATIONS.get(get("activation"), -1)
        S.a, S.b = get("a", 0.0), get("b", 0.0)
        if "W" in step:
            self.fill_matrix(&S.W, step["W"])
        if "U" in step:
            self.fill_matrix(&S.U, step["U"])
        try:
            self.check(S)
        except ValueError as error:
            raise ValueError(f"step {step['kind']}: {error}") from None
        return 0

    cdef int fill_matrix(self, sr_matrix* A, tuple panels) except -1:
        cdef const int64_t[::1] starts
        cdef const int32_t[::1] offsets
        cdef Py_ssize_t p, rows
        rows, starts, offsets, w, bias, A.skip = panels
        A.rows, A.panels = rows, starts.shape[0] - 1
        if rows not in (1, 8, 16) or A.panels < 1 or starts[0] != 0:
            raise ValueError("panels have 1, 8 or 16 rows, and there is at least one")
        for p in range(A.panels):
            if starts[p] > starts[p + 1]:
                raise ValueError("starts must not fall")
        if starts[A.panels] != offsets.shape[0]:
            raise ValueError(f"starts end at {starts[A.panels]} of {offsets.shape[0]} offsets")
        for p in range(A.panels if A.skip else 0):
            if rows != 16 or starts[p + 1] != (p + 1) * starts[1]:
                raise ValueError("zero inputs are skipped where panels of 16 rows are alike")
        A.starts = &starts[0]
        A.offsets = &offsets[0] if offsets.shape[0] else NULL
        A.w = self.numbers("w", w, rows * offsets.shape[0])
        A.bias = self.numbers("bias", bias, rows * A.panels)
        self.kept += [starts, offsets]
        return 0

    cdef const void* numbers(self, str name, x, Py_ssize_t wanted) except? NULL:
        # Address of a vector of the network's dtype; keeps a reference to it.
        cdef const double[::1] x64
        cdef const float[::1] x32
        if len(x) != wanted:
            raise ValueError(f"{name} has {len(x)} numbers, expected {wanted}")
        if self.itemsize == 8:
            x64 = x
            self.kept.append(x64)
            return &x64[0] if wanted else NULL
        x32 = x
        self.kept.append(x32)
        return &x32[0] if wanted else NULL

    cdef int check(self, const sr_step* S) except -1:
        # Check that the step stays within the arena, including the overhang of vector loads and
        # stores.
        cdef Py_ssize_t end
        if min(S.x, S.x2, S.y, S.n, S.run, S.pitch, S.repeat, S.x_step, S.y_step) < 0:
            raise ValueError("negative size")
        if S.kind == SR_AFFINE:
            if S.W.panels == 0 or S.run < 1 or S.pitch < S.run or S.repeat < 1:
                raise ValueError("no matrix, or no numbers")
            if S.run > 1 and S.pitch % SR_CHUNK:
                raise ValueError(f"pitch {S.pitch} is no multiple of {SR_CHUNK}")
            end = S.x + (S.repeat - 1) * S.x_step + S.run + SR_CHUNK
            self.within(&S.W, end)
            self.fits(S.y + (S.repeat - 1) * S.y_step + S.W.rows * S.W.panels * S.pitch)
        elif S.kind in (SR_LSTM, SR_GRU):
            if S.W.panels == 0 or S.U.panels == 0 or S.n < 1 or S.repeat < 1 or S.pitch < S.n:
                raise ValueError("no matrix, or no units")
            end = (4 if S.kind == SR_LSTM else 3) * S.n
            if min(S.run, S.W.rows * S.W.panels, S.U.rows * S.U.panels) < end:
                raise ValueError(f"there must be {end} gates")
            if max(S.W.rows * S.W.panels, S.U.rows * S.U.panels) > S.run:
                raise ValueError(f"gates need more than {S.run} positions")
            self.within(&S.W, S.x + (S.repeat - 1) * S.x_step + 1 + SR_CHUNK)
            self.within(&S.U, S.x2 + 2 * S.run + S.pitch + 1 + SR_CHUNK)
            self.fits(S.x2 + 2 * S.run + 2 * S.pitch)
            self.fits(S.y + (S.repeat - 1) * S.y_step + S.n)
        elif S.kind in (SR_PAD, SR_MAX_POOL, SR_MEAN_POOL):
            self.check_planes(S)
        elif S.kind == SR_EMBED:
            if self.high < 1 or S.n < 1 or S.repeat != self.width_in or S.W.rows != 1:
                raise ValueError("no table")
            if S.W.starts[S.W.panels] != S.n * self.high:
                raise ValueError(f"the table has other than {self.high} x {S.n} entries")
            self.fits(S.y + S.repeat * S.n)
        elif S.kind == SR_SOFTMAX:
            if S.n < 1:
                raise ValueError("there is nothing to sum")
            self.fits(S.y + S.repeat * S.n)
        else:
            if S.kind == SR_ACTIVATE and S.activation < 0:
                raise ValueError("unknown activation")
            self.fits(max(S.x, S.x2, S.y) + S.n)
        return 0

    cdef int check_planes(self, const sr_step* S) except -1:
        cdef Py_ssize_t rows
        if min(S.n, S.height, S.width, S.out_height, S.out_width, S.stride_y, S.stride_x) < 1:
            raise ValueError("sizes must be positive")
        if min(S.pad_y, S.pad_x, S.x_pitch - S.width, S.x_plane - S.x_pitch) < 0 and S.height > 1:
            raise ValueError("planes overlap")
        self.fits(S.x + (S.n - 1) * S.x_plane + (S.height - 1) * S.x_pitch + S.width)
        if S.kind == SR_PAD:
            if S.pitch < S.out_height * S.out_width:
                raise ValueError("planes overlap")
            if S.stride_x == 1 and S.pad_x + S.width > S.out_width:
                raise ValueError("rows are longer than those that they are copied to")
            self.fits(S.y + S.n * S.stride_y * S.stride_x * S.pitch)
            return 0
        if min(S.size_y, S.size_x) < 1 or max(2 * S.pad_y - S.size_y, 2 * S.pad_x - S.size_x) > 0:
            raise ValueError("windows are all padding")
        rows = (S.out_height - 1) * S.stride_y - S.pad_y
        if rows >= S.height or (S.out_width - 1) * S.stride_x - S.pad_x >= S.width:
            raise ValueError("windows lie outside")
        self.fits(S.y + S.n * S.out_height * S.out_width)
        return 0

    cdef int within(self, const sr_matrix* A, Py_ssize_t end) except -1:
        # Check that the inputs of a matrix lie within the arena.
        cdef Py_ssize_t k
        for k in range(A.starts[A.panels]):
            if A.offsets[k] < 0 or A.offsets[k] + end > self.n_positions:
                raise ValueError(f"offset {A.offsets[k]} is outside the arena")
        return 0

    cdef int fits(self, Py_ssize_t end) except -1:
        if end + SR_CHUNK > self.n_positions:
            raise ValueError(f"position {end} is outside the arena")
        return 0

    def run(self, x, out, Py_ssize_t lanes, Py_ssize_t least, Py_ssize_t portion, int n_threads=1):
        """Compute the outputs of the samples x into out.

        x: samples x width_in numbers of the network's dtype, or int64. out: samples x width_out.
        lanes: samples in a tile. least: a remainder of fewer samples is processed one by one.
        portion: tiles per thread between two checks for signals.
        """
        cdef Py_buffer bx, by
        PyObject_GetBuffer(x, &bx, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
        try:
            PyObject_GetBuffer(out, &by, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | PyBUF_WRITABLE)
            try:
                self.check_call(&bx, &by, lanes, least, portion, n_threads)
                self.work(&bx, &by, lanes, least, portion, n_threads)
            finally:
                PyBuffer_Release(&by)
        finally:
            PyBuffer_Release(&bx)

    cdef int check_call(self, const Py_buffer* x, const Py_buffer* y, Py_ssize_t lanes,
                        Py_ssize_t least, Py_ssize_t portion, int n_threads) except -1:
        cdef Py_ssize_t n, k
        cdef const int64_t* ids
        if lanes % SR_CHUNK or not 0 < lanes <= SR_MOST_LANES:
            raise ValueError(f"lanes must be a multiple of {SR_CHUNK} up to {SR_MOST_LANES}")
        if min(least, portion, n_threads) < 1:
            raise ValueError("least, portion and n_threads must be at least 1")
        if (<bytes> y.format) != self.letter or y.len % (self.width_out * y.itemsize):
            raise ValueError(f"out must be samples x {self.width_out} of {self.letter!r}")
        n = y.len // (self.width_out * y.itemsize)
        if x.len != n * self.width_in * x.itemsize:
            raise ValueError(f"x must be {n} x {self.width_in} numbers")
        if not self.high:
            if (<bytes> x.format) != self.letter:
                raise TypeError(f"x must be of type {self.letter!r}, not {<bytes> x.format!r}")
            return 0
        if (<bytes> x.format) not in (b"l", b"q") or x.itemsize != 8:
            raise TypeError(f"x must be int64, not {<bytes> x.format!r}")
        ids = <const int64_t*> x.buf
        for k in range(n * self.width_in):
            if ids[k] < 0 or ids[k] >= self.high:
                raise IndexError(f"x has the entry {ids[k]}; the table has {self.high} rows")
        return 0

    cdef int work(self, const Py_buffer* x, const Py_buffer* y, Py_ssize_t lanes,
                  Py_ssize_t least, Py_ssize_t portion, int n_threads) except -1:
        cdef Py_ssize_t n = y.len // (self.width_out * y.itemsize)
        cdef Py_ssize_t rest = n % lanes
        cdef Py_ssize_t n_tiles = n // lanes + (1 if rest >= least else 0)
        cdef Py_ssize_t n_jobs = n_tiles + (rest if rest < least else 0)
        cdef Py_ssize_t begin = 0, end, job
        cdef size_t each = self.n_positions * (lanes if n_tiles else 1) * self.itemsize
        cdef Arena arena
        cdef char* first
        n_threads = min(n_threads, max(n_jobs, 1))
        each = (each + 63) // 64 * 64
        arena = self.arena(each * n_threads)
        first = arena.first
        while begin < n_jobs:
            end = min(begin + portion * n_threads, n_jobs)
            if n_threads == 1:
                with nogil:
                    for job in range(begin, end):
                        self.do_job(job, n_tiles, lanes, n, x, y, first)
            else:
                for job in prange(begin, end, num_threads=n_threads, schedule="dynamic",
                                  nogil=True):
                    self.do_job(job, n_tiles, lanes, n, x, y, first + each * omp_get_thread_num())
            begin = end
            if begin < n_jobs:
                check_signals()
        self.arenas.append(arena)
        return 0

    cdef Arena arena(self, size_t n_bytes):
        # Safe if several threads call it at once: list.pop is atomic.
        cdef Arena found
        try:
            found = self.arenas.pop()
        except IndexError:
            return Arena(n_bytes)
        return found if found.n_bytes >= n_bytes else Arena(n_bytes)

    cdef void do_job(self, Py_ssize_t job, Py_ssize_t n_tiles, Py_ssize_t lanes, Py_ssize_t n,
                     const Py_buffer* x, const Py_buffer* y, char* arena) noexcept nogil:
        # Jobs are first the tiles, the last of which may be partial, then the single samples.
        cdef Py_ssize_t first = job * lanes, samples = lanes
        if job >= n_tiles:
            first = n_tiles * lanes + job - n_tiles
            samples = lanes = 1
        elif n - first < lanes:
            samples = n - first
            lanes = (samples + SR_CHUNK - 1) // SR_CHUNK * SR_CHUNK
        if self.itemsize == 8:
            forward(self, first, samples, lanes, x, y, <double*> arena)
        else:
            forward(self, first, samples, lanes, x, y, <float*> arena)


cdef void forward(Network network, Py_ssize_t first, Py_ssize_t samples, Py_ssize_t lanes,
                  const Py_buffer* x, const Py_buffer* y, real_t* arena) noexcept nogil:
    cdef const int64_t* ids = NULL
    cdef const real_t* into = NULL
    cdef real_t* out = <real_t*> y.buf + first * network.width_out
    cdef const sr_step* steps = network.single if lanes == 1 else network.tiled
    cdef Py_ssize_t n_steps = network.n_single if lanes == 1 else network.n_tiled
    if network.high:
        ids = <const int64_t*> x.buf + first * network.width_in
    else:
        into = <const real_t*> x.buf + first * network.width_in
    if real_t is double:
        if into != NULL:
            sr_gather_f64(into, samples, network.width_in, network.used, network.n_used, arena,
                          lanes)
        sr_take_steps_f64(steps, n_steps, ids, samples, arena, lanes)
        sr_scatter_f64(arena, lanes, network.offsets, network.width_out, out, samples)
    else:
        if into != NULL:
            sr_gather_f32(into, samples, network.width_in, network.used, network.n_used, arena,
                          lanes)
        sr_take_steps_f32(steps, n_steps, ids, samples, arena, lanes)
        sr_scatter_f32(arena, lanes, network.offsets, network.width_out, out, samples)


cdef int check_indices(name, const int32_t[::1] indices, Py_ssize_t high) except -1:
    cdef Py_ssize_t k
    if indices.shape[0] < 1:
        raise ValueError(f"{name} is empty")
    for k in range(indices.shape[0]):
        if indices[k] < 0 or indices[k] >= high:
            raise ValueError(f"{name} has the entry {indices[k]}, outside 0 ... {high - 1}")
    return 0
