"""What the fleet's bench holds the kernels against: C, NumPy, no bound, an inverted index, nautilus_trader."""

import ctypes
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from crossmargin.fleet.arrays import Codes, Floats, Ints
from crossmargin.fleet.jit import fused, kernel
from crossmargin.fleet.kernels import deductions, write_prices
from crossmargin.fleet.pack import Fleet

C_SOURCE = """
#include <math.h>
#include <stdint.h>
struct tier { double price, slope, low, high; };
static inline uint8_t verdict(double worth, double need, double warn, double error) {
  double over = worth - need, over_warning = worth - warn * need;
  if (fabs(over) > error && fabs(over_warning) > error) return need == 0 ? 0 : (over <= 0) + (over_warning <= 0);
  return need == 0 && error < INFINITY ? 0 : 3;
}
void revalue(long n, const uint32_t *restrict bounds, uint16_t *restrict row, const double *restrict quantity,
             const uint8_t *restrict rate, const double *restrict rates, const double *restrict cash,
             const double *restrict slack, double *restrict deducted, const double *restrict price,
             struct tier *restrict tiers, const double *restrict deduction, long rows, int shift,
             double warn, double unit_error, double largest, double least_rate, double *restrict equity,
             double *restrict initial, double *restrict required, double *restrict ratio, uint8_t *restrict status) {
  for (long j = 0; j < rows; j++) tiers[j].price = price[j >> shift];
  double each = unit_error * (2 * largest + 20.0);
  uint64_t last = bounds[0];
  for (long a = 0; a < n; a++) {
    double worth = cash[a], margin = 0, need = 0, error = slack[a] + each * fabs(worth);
    uint64_t first = last;
    last = bounds[a + 1];
    for (uint64_t k = first; k < last; k++) {
      struct tier *t = tiers + row[k];
      double value = quantity[k] * t->price, size = fabs(value);
      if (__builtin_expect(size < t->low || size > t->high, 0)) {
        while (size < t->low) t--;
        while (size > t->high) t++;
        row[k] = (uint16_t)(t - tiers);
        deducted[a] = NAN;
        if (size < t->low) need += NAN;
      }
      worth += value; margin += rates[rate[k]] * size; need += t->slope * size;
    }
    double held = need - deducted[a];
    equity[a] = worth; initial[a] = margin; required[a] = held; ratio[a] = worth / held;
    error += each / least_rate * fabs(held);
    if (__builtin_expect(worth - warn * held > error, 1)) { status[a] = 0; continue; }
    status[a] = verdict(worth, held, warn, error);
    if (__builtin_expect(status[a] == 3, 0)) {
      double total = 0, gross = fabs(cash[a]);
      for (uint64_t k = first; k < last; k++) {
        total += deduction[row[k]];
        gross += fabs(quantity[k]) * tiers[row[k]].price;
      }
      deducted[a] = total;
      required[a] = held = need - total;
      ratio[a] = worth / held;
      status[a] = verdict(worth, held, warn, slack[a] + unit_error * (2 * (double)(last - first) + 20.0) * gross);
    }
  }
}
"""


def c_kernel() -> Callable[[tuple[Any, ...]], None] | None:
    """The revaluation in C, the same algorithm with the same bound; None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    folder = Path(tempfile.mkdtemp())
    (folder / "revalue.c").write_text(C_SOURCE, encoding="utf-8")
    flags = ["-O3", "-march=native", "-fno-math-errno", "-shared", "-fPIC"]
    subprocess.run([compiler, *flags, "-o", folder / "revalue.so", folder / "revalue.c", "-lm"], check=True)
    library = ctypes.CDLL(str(folder / "revalue.so"))
    shutil.rmtree(folder)

    def call(arguments: tuple[Any, ...]) -> None:
        assert [arguments[at].dtype for at in (0, 1, 3)] == [np.uint32, np.uint16, np.uint8]
        held = [ctypes.c_void_p(each.ctypes.data) if isinstance(each, np.ndarray) else each for each in arguments]
        shift, numbers = ctypes.c_int(arguments[11]), map(ctypes.c_double, arguments[12:16])
        pools, rows = ctypes.c_long(len(arguments[0]) - 1), ctypes.c_long(len(arguments[10]))
        library.revalue(pools, *held[:11], rows, shift, *numbers, *held[16:])

    return call


@fused
def unbounded(
    bounds: Codes, row: Codes, quantity: Floats, rate: Codes, rates: Floats, cash: Floats, slack: Floats,
    deducted: Floats, price: Floats, tiers: Floats, deduction: Floats, shift: int,
    warn: float, unit_error: float, largest: int, least_rate: float,
    equity: Floats, initial: Floats, required: Floats, ratio: Floats, status: Codes,
) -> None:  # fmt: skip
    """`kernels.revalue` that trusts its floats."""
    one, two, three, four = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    write_prices(tiers, price, shift)
    last = np.uint64(bounds[0])
    for a in range(cash.size):
        worth, margin, need = cash[a], 0.0, 0.0
        first, last = last, np.uint64(bounds[a + 1])
        for k in range(first, last):
            t = np.uint64(row[k]) << two
            value = quantity[k] * tiers[t]
            size = abs(value)
            if size < tiers[t + two] or size > tiers[t + three]:
                while size < tiers[t + two]:
                    t -= four
                while size > tiers[t + three]:
                    t += four
                row[k], deducted[a] = t >> two, np.nan
            worth += value
            margin += rates[np.uint64(rate[k])] * size
            need += tiers[t + one] * size
        held = need - deducted[a]
        equity[a], initial[a], required[a], ratio[a] = worth, margin, held, worth / held
        if worth > warn * held:
            status[a] = 0
            continue
        status[a] = 1 + int(worth <= held)
        if np.isnan(deducted[a]):
            deducted[a] = deductions(int(first), int(last), row, deduction)
            held = need - deducted[a]
            required[a], ratio[a] = held, worth / held
            status[a] = int(worth <= held) + int(worth <= warn * held)


class Vectorised:
    """The same figures in NumPy: the first tier for all, the others only where a position is above it.

    Whatever does not depend on prices is laid out beforehand in the form that NumPy is fastest with.
    """

    def __init__(self, fleet: Fleet) -> None:
        """Lanes as NumPy indexes them, rates and tiers by lane."""
        tables = fleet.tables
        self.fleet, self.lane = fleet, (fleet.row >> tables.shift).astype(np.intp)
        self.rate, self.bounds = fleet.rates[fleet.rate], fleet.bounds.astype(np.intp)
        self.slope, self.deduction = (each.reshape(-1, 1 << tables.shift) for each in (tables.slope, tables.deduction))
        self.first, self.bound = self.slope[:, 0].copy(), tables.high[:: 1 << tables.shift].copy()

    def __call__(self, price: Floats) -> tuple[Codes, ...]:
        """Whole arrays at a time, in place where that saves one."""
        return self._part(price, 0, len(self.fleet))

    def in_blocks(self, price: Floats, block: int = 20_000) -> tuple[Codes, ...]:
        """Some pools at a time, so that what lies between two steps stays in the cache."""
        size = len(self.fleet)
        parts = [self._part(price, first, min(first + block, size)) for first in range(0, size, block)]
        return tuple(np.concatenate(each) for each in zip(*parts, strict=True))

    def _part(self, price: Floats, first: int, last: int) -> tuple[Codes, ...]:
        bounds = self.bounds[first : last + 1]
        mine = slice(int(bounds[0]), int(bounds[-1]))
        lane, starts = self.lane[mine], bounds[:-1] - bounds[0]
        value = np.take(price, lane)
        value *= self.fleet.quantity[mine]
        size = np.abs(value)
        need = np.take(self.first, lane)
        need *= size
        above = np.flatnonzero(size > np.take(self.bound, lane))
        high = lane[above]
        need[above] = (self.slope[high] * size[above, None] - self.deduction[high]).max(axis=1)
        equity = np.add.reduceat(value, starts)
        equity += self.fleet.cash[first:last]
        required = np.add.reduceat(need, starts)
        size *= self.rate[mine]
        initial = np.add.reduceat(size, starts)
        status = (equity <= required).astype(np.uint8) + (equity <= self.fleet.warn * required)
        return equity, initial, required, equity / required, status


def numpy_stress(fleet: Fleet, price: Floats) -> Floats:
    """Shortfall by scenario in NumPy, in blocks of pools with five positions each."""
    tables, total = fleet.tables, np.zeros(price.shape[1])
    slope, deduction = (each.reshape(-1, 1 << tables.shift) for each in (tables.slope, tables.deduction))
    each = int(fleet.stop[0] - fleet.start[0])
    lane = fleet.row >> tables.shift
    for first in range(0, len(fleet), 1000):
        held = slice(first * each, min(first + 1000, len(fleet)) * each)
        value = fleet.quantity[held, None] * price[lane[held]]
        size = np.abs(value)
        need = slope[lane[held], 0][:, None] * size
        for tier in range(1, slope.shape[1]):
            np.maximum(need, slope[lane[held], tier][:, None] * size - deduction[lane[held], tier][:, None], out=need)
        equity = fleet.cash[first : first + 1000, None] + value.reshape(-1, each, price.shape[1]).sum(axis=1)
        total += np.maximum(need.reshape(-1, each, price.shape[1]).sum(axis=1) - equity, 0.0).sum(axis=0)
    return total


@kernel
def inverted_tick(
    first: int, last: int, holder: Codes, quantity: Floats, row: Codes, before: float, now: float,
    slope: Floats, deduction: Floats, low: Floats, high: Floats, warn: float,
    equity: Floats, required: Floats, state: Codes,
) -> int:  # fmt: skip
    """Every holder of an instrument: running equity and requirement, and whether the status changed."""
    changed = 0
    for x in range(first, last):
        a, j, held = holder[x], np.int64(row[x]), abs(quantity[x])
        was = slope[j] * held * before - deduction[j]
        size = held * now
        while size < low[j]:
            j -= 1
        while size > high[j]:
            j += 1
        row[x] = j
        worth = equity[a] + quantity[x] * (now - before)
        need = required[a] + slope[j] * size - deduction[j] - was
        equity[a], required[a] = worth, need
        status = int(worth <= need) + int(worth <= warn * need)
        if status != state[a]:
            state[a] = status
            changed += 1
    return changed


@kernel
def inverted_play(
    lanes: Ints, to: Floats, first: Ints, holder: Codes, quantity: Floats, row: Codes, price: Floats,
    slope: Floats, deduction: Floats, low: Floats, high: Floats, warn: float,
    equity: Floats, required: Floats, state: Codes,
) -> int:  # fmt: skip
    """One tick after the other."""
    changed = 0
    for t in range(lanes.size):
        lane = lanes[t]
        changed += inverted_tick(
            first[lane], first[lane + 1], holder, quantity, row, price[lane], to[t], slope, deduction, low, high, warn,
            equity, required, state,
        )  # fmt: skip
        price[lane] = to[t]
    return changed


class Inverted:
    """The usual index: instrument -> positions."""

    def __init__(self, fleet: Fleet, price: Floats) -> None:
        """Sort positions by lane, and value every pool."""
        equity, _, required, _, status = Vectorised(fleet)(price)
        lane = (fleet.row >> fleet.tables.shift).astype(np.int64)
        order = np.argsort(lane, kind="stable")
        holder = np.repeat(np.arange(len(fleet), dtype=np.int32), fleet.stop - fleet.start)
        tables = fleet.tables
        self._arrays = (
            np.searchsorted(lane[order], np.arange(len(price) + 1)), holder[order], fleet.quantity[order],
            fleet.row[order].copy(), price.copy(), tables.slope, tables.deduction, tables.low, tables.high, fleet.warn,
            equity, required, status,
        )  # fmt: skip

    def play(self, lanes: Ints, to: Floats) -> int:
        """Ticks of one lane each."""
        return inverted_play(lanes, to, *self._arrays)


def nautilus_position() -> float | None:
    """Seconds of nautilus_trader for unrealised PnL and maintenance margin of one position; None where it is absent."""
    try:
        import assess as single  # type: ignore[import-not-found] # the bench beside this one
    except ImportError:
        return None
    call = single.peer(POSITIONS_OF_PEER)
    if call is None:
        return None
    start = time.perf_counter()
    for _ in range(CALLS_OF_PEER):
        call()
    return (time.perf_counter() - start) / CALLS_OF_PEER / POSITIONS_OF_PEER


POSITIONS_OF_PEER, CALLS_OF_PEER = 5, 200
