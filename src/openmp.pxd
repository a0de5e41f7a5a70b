"""OpenMP declarations, the only use of omp.h; without OpenMP they are stubs for one thread."""

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    #define SR_OPENMP 1
    #else
    #define SR_OPENMP 0
    static inline int omp_get_max_threads(void) { return 1; }
    static inline int omp_get_thread_num(void) { return 0; }
    #endif
    """
    const int SR_OPENMP
    int omp_get_max_threads() noexcept nogil
    int omp_get_thread_num() noexcept nogil
