"""numba, once: every kernel is compiled with the same settings and cached on disk.

`error_model="numpy"` drops the branch that would raise ZeroDivisionError; a kernel divides only where it may.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

__all__ = ["fused", "inlined", "kernel", "lesser", "prefetch", "relaxed"]

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile with strict IEEE arithmetic: the certified bounds count on it."""
    return cast(Function, numba.njit(cache=True, error_model="numpy")(function))


def fused(function: Function) -> Function:
    """Compile with strict arithmetic, but a product and a sum may be one operation: a rounding less, no bound grows."""
    return cast(Function, numba.njit(cache=True, error_model="numpy", fastmath={"contract"})(function))


def inlined(function: Function) -> Function:
    """Compile a small piece into each kernel that calls it."""
    return cast(Function, numba.njit(inline="always", error_model="numpy")(function))


def relaxed(function: Function) -> Function:
    """Compile sums that may be reordered and fused, so that they vectorise: for stress totals, which decide nothing."""
    allowed = {"contract", "nsz", "reassoc", "nnan"}
    return cast(Function, numba.njit(cache=True, error_model="numpy", fastmath=allowed)(function))


def _lesser(_context: Any, _one: Any, _other: Any) -> Any:  # noqa: ANN401 - numba's own types
    def build(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        real = ir.DoubleType()
        function = builder.module.declare_intrinsic("llvm.minnum", [real], ir.FunctionType(real, [real, real]))
        return builder.call(function, arguments, fastmath=("nnan", "nsz"))

    return numba.float64(numba.float64, numba.float64), build


def _prefetch(_context: Any, array: Any, place: Any) -> Any:  # noqa: ANN401 - numba's own types
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        kind = signature.args[0]
        data = cast(Any, make_array)(kind)(context, builder, arguments[0])
        places = [arguments[1]] + [context.get_constant(numba.int64, 0)] * (kind.ndim - 1)
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        start = builder.bitcast(cast(Any, cgutils).get_item_pointer(context, builder, kind, data, places), byte)
        shape = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        function = builder.module.declare_intrinsic("llvm.prefetch", [byte], shape)
        builder.call(function, [start, word(0), word(3), word(1)])
        return context.get_dummy_value()

    return numba.void(array, place), build


prefetch: Callable[[Any, int], None] = cast(Any, intrinsic)(_prefetch)
"""Ask for a row of an array before it is needed, so that several come at once; a hint that changes nothing else."""

lesser: Callable[[float, float], float] = cast(Any, intrinsic)(_lesser)
"""The lesser of two floats that are numbers: one instruction, and a loop of it vectorises, which no `if` does."""
