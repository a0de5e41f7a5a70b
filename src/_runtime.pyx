"""Facts of this build, and requests to stop the loops of a thread."""

from openmp cimport SR_OPENMP, omp_get_max_threads
from signals cimport PyObject, PyThreadState_GetDict, check_signals
from vector cimport SR_RUNTIME_DISPATCH, sr_vector_level

cdef extern from *:
    """
    #ifdef SOFTREG_CHECKED
    #define SR_CHECKED 1
    #else
    #define SR_CHECKED 0
    #endif
    """
    const int SR_CHECKED


def build_info():
    """Return the compile-time options of the extension and the vector level of this machine."""
    return {
        "openmp": bool(SR_OPENMP),
        "max_threads": omp_get_max_threads(),
        "vector_level": sr_vector_level().decode(),
        "runtime_dispatch": bool(SR_RUNTIME_DISPATCH),
        "checked": bool(SR_CHECKED),
    }


def end_when(list reasons):
    """Make this thread's loops end with KeyboardInterrupt as soon as the list is not empty.

    None: they are not interrupted any more.  Returns the list that was set before.
    """
    cdef PyObject* state = PyThreadState_GetDict()
    if state == NULL:
        return None
    table = <dict> state
    former = table.get("softreg_fast.end_when")
    table["softreg_fast.end_when"] = [] if reasons is None else reasons
    return former


def look_at_signals():
    """Raise KeyboardInterrupt if this thread must stop, or what a signal handler raises."""
    check_signals()
