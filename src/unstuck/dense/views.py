# numba infers the types of compiled functions from their calls:
# pyright: standard
"""Parts of a flat array as vectors and matrices, at no cost inside compiled code.

NumPy's slices and `reshape` count references and check what they may do, some 50 ns each, and a small
network's step needs a hundred of them. These are a pointer and a shape. They hold no reference: whoever
makes one keeps the flat array alive.
"""

from collections.abc import Callable
from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array


def _lower(dimensions: int) -> Callable[..., Any]:
    """Code for a view of so many dimensions: arguments are the flat array, the start, and the shape."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        flat = context.make_array(signature.args[0])(context, builder, arguments[0])
        shape = [
            context.cast(builder, arguments[2 + n], signature.args[2 + n], types.intp) for n in range(dimensions)
        ]
        width = context.get_constant(types.intp, context.get_abi_sizeof(flat.data.type.pointee))
        strides = [width]
        for extent in reversed(shape[1:]):
            strides.insert(0, builder.mul(strides[0], extent))
        view = context.make_array(signature.return_type)(context, builder)
        populate_array(
            view,
            data=builder.gep(flat.data, [arguments[1]]),
            shape=cgutils.pack_array(builder, shape),
            strides=cgutils.pack_array(builder, strides),
            itemsize=width,
            meminfo=None,
        )
        return view._getvalue()

    return codegen


def _lower_vector(typing, flat, start, size):
    """(size,) of a flat array, from `start` on."""
    return types.Array(flat.dtype, 1, "C")(flat, start, size), _lower(1)


def _lower_matrix(typing, flat, start, rows, columns):
    """(rows, columns) of a flat array, from `start` on."""
    return types.Array(flat.dtype, 2, "C")(flat, start, rows, columns), _lower(2)


vector: Any = intrinsic(_lower_vector)
matrix: Any = intrinsic(_lower_matrix)
