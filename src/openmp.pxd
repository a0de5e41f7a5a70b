"""OpenMP: the only use of omp.h, and how many threads a job is worth.

Without OpenMP the declarations are stubs for one thread.
"""

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
    #define SR_ENTRIES_PER_THREAD 50000.0
    """
    # Entries per thread below which another thread costs more than it saves.
    const double SR_ENTRIES_PER_THREAD
    const int SR_OPENMP
    int omp_get_max_threads() noexcept nogil
    int omp_get_thread_num() noexcept nogil


cdef inline int threads_for(double entries, int n_threads) noexcept nogil:
    # Limit the number of threads so that each has enough entries to read.
    return <int> max(min(<double> n_threads, entries / SR_ENTRIES_PER_THREAD), 1)
