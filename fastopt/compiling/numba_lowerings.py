"""Numba's own code for divisions and powers, and its calls of LAPACK: see `numba_internals`."""

from numba.cpython.numbers import complex_div_impl, int_power_impl, static_power_impl
from numba.np.linalg import _LAPACK as Lapack
from numba.np.linalg import F_INT_nptype as lapack_integer
from numba.np.linalg import _check_homogeneous_types as require_one_type
from numba.np.linalg import _check_linalg_1_or_2d_matrix as require_vector_or_matrix
from numba.np.linalg import _check_linalg_matrix as require_matrix
from numba.np.linalg import _copy_to_fortran_order as copy_to_fortran_order
from numba.np.linalg import _dummy_liveness_func as keep_alive
from numba.np.linalg import _solve_compute_return as solution_like
from numba.np.linalg import _system_check_dimensionally_valid as require_fitting_rows
from numba.np.linalg import _system_compute_nrhs as count_right_sides
from numba.np.linalg import _system_copy_in_b as copy_right_sides
from numba.np.linalg import ensure_blas, ensure_lapack, get_blas_kind
from numba.np.numpy_support import as_dtype

__all__ = [
    "Lapack",
    "as_dtype",
    "complex_div_impl",
    "copy_right_sides",
    "copy_to_fortran_order",
    "count_right_sides",
    "ensure_blas",
    "ensure_lapack",
    "get_blas_kind",
    "int_power_impl",
    "keep_alive",
    "lapack_integer",
    "require_fitting_rows",
    "require_matrix",
    "require_one_type",
    "require_vector_or_matrix",
    "solution_like",
    "static_power_impl",
]
