# numba infers the types of compiled functions from their calls:
# pyright: standard
"""Matrix products inside compiled code: SciPy's own `sgemm`, called by address.

The address is given to LLVM under a name, and compiled code calls the name. A ctypes pointer would be
compiled in as a number, which differs in every process, and so could never be cached on disk.

OpenBLAS has kernels for small products that skip the packing of its operands. It takes them, on processors
with AVX-512, up to 10⁶ multiplications, and for x weightᵀ up to 1200 results. A step's products are larger,
but not by much, so they are cut into blocks that qualify: 784-128 at batch 100 forward from 92 to 110 GFLOP/s,
at batch 32 from 70 to 110 (`docs/log.md`). Beyond some 3·10⁷ multiplications packing pays, and they stay whole.
"""

from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import get_cython_function_address, intrinsic
from threadpoolctl import threadpool_info

from unstuck.dense.compiled import inlined

_NAME = "unstuck_sgemm"
llvmlite.binding.add_symbol(_NAME, get_cython_function_address("scipy.linalg.cython_blas", "sgemm"))

_PLAIN, _TRANSPOSED = ord("N"), ord("T")
_WITH_SMALL_KERNELS = {"SkylakeX", "Cooperlake", "SapphireRapids"}
_SMALL = any(library.get("architecture") in _WITH_SMALL_KERNELS for library in threadpool_info())
_SMALL_MULTIPLICATIONS, _WORTH_PACKING = 1_000_000, 30_000_000


def _lower_sgemm(typing, transa, transb, m, n, k, alpha, a, a_at, lda, b, b_at, ldb, beta, c, c_at, ldc):
    """The Fortran routine: column-major C (m, n) = alpha · op(A) op(B) + beta · C, all by reference.

    A matrix is an array and the place in it, in numbers, where the matrix starts.
    """
    given = (transa, transb, m, n, k, alpha, a, a_at, lda, b, b_at, ldb, beta, c, c_at, ldc)
    flag, whole, real = ir.IntType(8), ir.IntType(32), ir.FloatType()

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def by_reference(position: int, kind: Any) -> Any:
            value = arguments[position]
            place = cgutils.alloca_once(builder, kind)
            builder.store(builder.trunc(value, kind) if kind is not real else value, place)
            return place

        def matrix(position: int) -> Any:
            array = context.make_array(signature.args[position])(context, builder, arguments[position])
            return builder.gep(array.data, [arguments[position + 1]])

        pointers = [by_reference(0, flag), by_reference(1, flag)]
        pointers += [by_reference(position, whole) for position in (2, 3, 4)]
        pointers += [by_reference(5, real), matrix(6), by_reference(8, whole), matrix(9), by_reference(11, whole)]
        pointers += [by_reference(12, real), matrix(13), by_reference(15, whole)]
        kind = ir.FunctionType(ir.VoidType(), [pointer.type for pointer in pointers])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, _NAME), pointers)
        return context.get_dummy_value()

    return types.void(*given), codegen


_sgemm: Any = intrinsic(_lower_sgemm)

# Row-major (r, c) is column-major (c, r): each product below is the transposed one in Fortran's eyes.


@inlined
def times_transposed(x, weight, y):
    """y += x weightᵀ. Shapes: x (B, I), weight (O, I), y (B, O)."""
    (outputs, inputs), rows = weight.shape, x.shape[0]
    deep, wide = rows, outputs
    if _SMALL and 36 * 32 * inputs < _SMALL_MULTIPLICATIONS and rows * outputs * inputs < _WORTH_PACKING:
        deep, wide = 36, 32  # 1152 results
    one = x.dtype.type(1)
    for row in range(0, rows, deep):
        for unit in range(0, outputs, wide):
            n, m = min(deep, rows - row), min(wide, outputs - unit)
            w_at, x_at, y_at = unit * inputs, row * inputs, row * outputs + unit
            _sgemm(
                _TRANSPOSED,
                _PLAIN,
                m,
                n,
                inputs,
                one,
                weight,
                w_at,
                inputs,
                x,
                x_at,
                inputs,
                one,
                y,
                y_at,
                outputs,
            )


@inlined
def times(error, weight, result):
    """result = error weight. Shapes: error (B, O), weight (O, I), result (B, I)."""
    (outputs, inputs), rows = weight.shape, error.shape[0]
    deep, wide = rows, inputs
    if _SMALL and 48 * 48 * outputs < _SMALL_MULTIPLICATIONS < rows * outputs * inputs < _WORTH_PACKING:
        deep, wide = 48, _SMALL_MULTIPLICATIONS // (48 * outputs) // 48 * 48
    one, zero = error.dtype.type(1), error.dtype.type(0)
    for row in range(0, rows, deep):
        for unit in range(0, inputs, wide):
            n, m = min(deep, rows - row), min(wide, inputs - unit)
            e_at, r_at = row * outputs, row * inputs + unit
            _sgemm(
                _PLAIN,
                _PLAIN,
                m,
                n,
                outputs,
                one,
                weight,
                unit,
                inputs,
                error,
                e_at,
                outputs,
                zero,
                result,
                r_at,
                inputs,
            )


@inlined
def add_outer(error, x, alpha, beta, weight):
    """weight = beta · weight + alpha · errorᵀ x. Shapes: error (B, O), x (B, I), weight (O, I)."""
    (outputs, inputs), rows = weight.shape, x.shape[0]
    deep, wide = outputs, inputs
    if _SMALL and 48 * 48 * rows < _SMALL_MULTIPLICATIONS < rows * outputs * inputs < _WORTH_PACKING:
        deep, wide = 48, min(192, _SMALL_MULTIPLICATIONS // (48 * rows) // 48 * 48)
    for unit in range(0, outputs, deep):
        for column in range(0, inputs, wide):
            n, m = min(deep, outputs - unit), min(wide, inputs - column)
            w_at = unit * inputs + column
            _sgemm(
                _PLAIN,
                _TRANSPOSED,
                m,
                n,
                rows,
                alpha,
                x,
                column,
                inputs,
                error,
                unit,
                outputs,
                beta,
                weight,
                w_at,
                inputs,
            )


def _lower_prefetch(typing, array, at):
    """Ask for the cache line of the array's `at`-th element; changes nothing but the time until it is there."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        pointer = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [pointer, number(0), number(3), number(1)])  # to read, keep near, data
        return context.get_dummy_value()

    return types.void(array, at), codegen


prefetch: Any = intrinsic(_lower_prefetch)
