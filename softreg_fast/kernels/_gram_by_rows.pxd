from matrix cimport matrix_t


cdef int gram_by_rows(const matrix_t* X, const Py_ssize_t[::1] rows, const Py_ssize_t[::1] columns,
                      double[::1, :] out, int n_threads, bint lower) except -1
