"""SciPy's BLAS for compiled loops, looked up at import time: building needs no SciPy."""

from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer

ctypedef void (*dsyrk_t)(char* uplo, char* trans, int* n, int* k, double* alpha, double* a,
                         int* lda, double* beta, double* c, int* ldc) noexcept nogil


cdef inline dsyrk_t find_dsyrk() except NULL:
    from scipy.linalg import cython_blas
    capsule = cython_blas.__pyx_capi__["dsyrk"]
    return <dsyrk_t> PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))


ctypedef void (*dgemm_t)(char* transa, char* transb, int* m, int* n, int* k, double* alpha,
                         double* a, int* lda, double* b, int* ldb, double* beta, double* c,
                         int* ldc) noexcept nogil


cdef inline dgemm_t find_dgemm() except NULL:
    from scipy.linalg import cython_blas
    capsule = cython_blas.__pyx_capi__["dgemm"]
    return <dgemm_t> PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))
