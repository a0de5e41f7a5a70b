cimport cython
from softreg_fast.kernels._scalars cimport ScalarEngine
from sorted cimport keyed_t


cdef class Clusters(ScalarEngine):
    cdef const double[::1] lambdas
    cdef double[::1] up_to              # sums of the first lambdas
    # slots, sorted by clusters; then the zeros
    cdef Py_ssize_t[::1] at
    cdef Py_ssize_t n_placed            # slots that are in a cluster or among the zeros
    cdef double[::1] unit               # by slot: 1 / q, or 0 for a constant column,
    cdef double[::1] weight             # and sign / q
    # clusters, by their order: members at[start[k]:start[k + 1]]
    cdef Py_ssize_t K
    cdef Py_ssize_t[::1] start, name
    cdef double[::1] size               # |t|
    cdef double[::1] step               # a change of the sizes
    # clusters, by their name, which is their member of the factor
    cdef double[:, ::1] rows            # sums of Gram rows times weight
    cdef double[::1] products           # of one row with the others
    cdef Py_ssize_t[::1] place          # in the order
    cdef Py_ssize_t[::1] stale          # whether the row has changed since it entered the factor
    cdef Py_ssize_t[::1] free           # names that are not used
    cdef Py_ssize_t n_free, n_names
    cdef double decrease                # of the objective by steps
    # scratch: blocks of clusters, numbers to be sorted
    cdef double[::1] sums, counts, next_size
    cdef Py_ssize_t[::1] stop
    cdef double[::1] pair_room
    cdef keyed_t* pairs

    @cython.final
    cdef void _forget_factor(self) noexcept nogil
    @cython.final
    cdef void _place_slots(self) noexcept nogil
    @cython.final
    cdef void _cluster_all(self) noexcept nogil
    @cython.final
    cdef Py_ssize_t _new_name(self) noexcept nogil
    @cython.final
    cdef void _sum_rows(self, Py_ssize_t name, Py_ssize_t start, Py_ssize_t stop) noexcept nogil
    @cython.final
    cdef void _shift_by(self, const double* moves, double* v) noexcept nogil
    @cython.final
    cdef double _over(self, Py_ssize_t k, const double* v) noexcept nogil
    @cython.final
    cdef double _charge(self, Py_ssize_t k) noexcept nogil
    @cython.final
    cdef void _join(self, Py_ssize_t n_blocks) noexcept nogil
    @cython.final
    cdef void _drop(self, Py_ssize_t name) noexcept nogil
    @cython.final
    cdef void _clean_factor(self) noexcept nogil
    @cython.final
    cdef void _follow_clusters(self) noexcept nogil
    @cython.final
    cdef void _slide(self, Py_ssize_t k) noexcept nogil
    @cython.final
    cdef double _closing(self, Py_ssize_t k) noexcept nogil
    @cython.final
    cdef double _room(self) noexcept nogil
    @cython.final
    cdef void _collide(self, double t, Py_ssize_t only) noexcept nogil
    @cython.final
    cdef void _write_coefficients(self) noexcept nogil
