from risk cimport risk_sums_t, risk_t
from risk_gap cimport risk_gap_t


cdef class RiskSets:
    cdef risk_t R
    cdef risk_gap_t C
    cdef Py_ssize_t[:, ::1] by_sample, by_term, by_time
    cdef Py_ssize_t[::1] order, events
    cdef double[:, ::1] samples, terms
    cdef double[::1] times, storage
    cdef list halves

    cdef risk_sums_t sums(self, double[:, ::1] room) noexcept
