"""Interruption of long loops: by Ctrl-C, and of worker threads by the thread that started them.

Only the main thread receives signals.  A worker thread has a list in the dictionary of its thread
state (`end_when` in _runtime.pyx); an item in it means that the thread must stop.
"""

from cpython.exc cimport PyErr_CheckSignals


cdef extern from "Python.h":
    ctypedef struct PyObject
    PyObject* PyThreadState_GetDict()
    PyObject* PyDict_GetItemString(PyObject* table, const char* key)
    Py_ssize_t PyList_GET_SIZE(PyObject* items)


cdef inline int check_signals() except -1:
    """Raise KeyboardInterrupt if this thread must stop, or what a signal handler raises."""
    cdef PyObject* state
    cdef PyObject* reasons = NULL
    PyErr_CheckSignals()
    state = PyThreadState_GetDict()
    if state != NULL:
        reasons = PyDict_GetItemString(state, b"softreg_fast.end_when")
    if reasons != NULL and PyList_GET_SIZE(reasons) > 0:
        raise KeyboardInterrupt("the other threads of this fit have stopped")
    return 0
