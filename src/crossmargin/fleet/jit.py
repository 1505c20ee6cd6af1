"""numba, once: every kernel is compiled with the same settings and cached on disk.

`error_model="numpy"` drops the branch that would raise ZeroDivisionError; a kernel divides only where it may.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["inlined", "kernel", "relaxed"]

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile with strict IEEE arithmetic: the certified bounds count on it."""
    return cast(Function, numba.njit(cache=True, error_model="numpy")(function))


def inlined(function: Function) -> Function:
    """Compile a small piece into each kernel that calls it."""
    return cast(Function, numba.njit(inline="always", error_model="numpy")(function))


def relaxed(function: Function) -> Function:
    """Compile sums that may be reordered and fused, so that they vectorise: for stress totals, which decide nothing."""
    allowed = {"contract", "nsz", "reassoc", "nnan"}
    return cast(Function, numba.njit(cache=True, error_model="numpy", fastmath=allowed)(function))
