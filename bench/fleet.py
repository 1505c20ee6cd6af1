"""The fleet's kernels beside a C kernel, NumPy, an inverted index and a sweep; and whether anything is ever wrong.

    python3 dev.py bench fleet [--json] [--accounts N]

One thread. Rounds are interleaved and each ratio is the median of the rounds' own ratios, so that a machine that others
use too tells the same. Where no C compiler is found, the row says so and has no ratio.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from decimal import Decimal
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import _fleet_peers as peers  # type: ignore[import-not-found] # beside this file
import numpy as np

from crossmargin.domain.account import Account, MarginMode, Position, Side
from crossmargin.domain.marks import Marks
from crossmargin.fleet import frames, jobs, watch_kernels
from crossmargin.fleet.arrays import Scaled
from crossmargin.fleet.columns import Columns, columns_of
from crossmargin.fleet.exact import decide
from crossmargin.fleet.generate import generate, made_up_market, made_up_marks, with_tiers
from crossmargin.fleet.kernels import revalue
from crossmargin.fleet.pack import Fleet, pack, prices
from crossmargin.fleet.scenarios import student_t
from crossmargin.fleet.screen import screen
from crossmargin.fleet.stress import stress
from crossmargin.fleet.stress_prices import scenario_prices
from crossmargin.fleet.ticks import ticks_of, ticks_of_columns
from crossmargin.fleet.watch import Watch
from crossmargin.rulebook import load
from crossmargin.rulebook.model import Rulebook
from crossmargin.rulebook.tiers import Tier, TierTable

ROUNDS, INSTRUMENTS, POSITIONS, SECONDS, PARTS = 9, 256, 5, 60, 16
SECONDS_A_YEAR = 365 * 86_400
ACCOUNTS = int(sys.argv[sys.argv.index("--accounts") + 1]) if "--accounts" in sys.argv else 1_000_000
Row = dict[str, Any]


def say(text: str) -> None:
    """Progress, away from the rows."""
    print(text, file=sys.stderr, flush=True)


def row(name: str, value: float, unit: str, against: str | None = None, ratio: float | None = None) -> Row:
    """One row of the result."""
    return {
        "name": name, "value": float(f"{value:.4g}"), "unit": unit, "against": against,
        "ratio": None if ratio is None else float(f"{ratio:.4g}"),
    }  # fmt: skip


def seconds(call: Callable[[], object]) -> float:
    """One call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def interleaved(calls: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Times of each call, round by round, after one that nobody counts."""
    for call in calls.values():
        call()
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            taken[name].append(seconds(call))
    return taken


def ratio(other: list[float], ours: list[float]) -> float:
    """Median of the rounds' ratios: more is better for us."""
    return median(theirs / mine for theirs, mine in zip(other, ours, strict=True))


def market() -> tuple[Rulebook, list[str], Marks]:
    """256 made-up swaps with eight brackets each."""
    book = made_up_market(load("binance"), INSTRUMENTS)
    names = [name for name in book.instruments if name.endswith("MADE-UP")]
    return book, names, made_up_marks(book, names)


def arrays_of(fleet: Fleet, marks: Marks) -> tuple[Any, ...]:
    """Arguments of the revaluation, outputs and all."""
    count, tables = len(fleet), fleet.tables
    outputs = [*(np.empty(count) for _ in range(4)), np.empty(count, np.uint8)]
    return (
        fleet.bounds, fleet.row, fleet.quantity, fleet.rate, fleet.rates, fleet.cash, fleet.slack, fleet.deducted,
        prices(fleet, marks), tables.rows, tables.deduction, tables.shift, fleet.warn, fleet.unit_error, fleet.largest,
        tables.least_rate, *outputs,
    )  # fmt: skip


def revaluation(fleet: Fleet, marks: Marks) -> list[Row]:
    """All outputs of every pool: equity, initial margin, requirement, ratio, status."""
    arguments, vectorised = arrays_of(fleet, marks), peers.Vectorised(fleet)
    price = arguments[8]
    calls: dict[str, Callable[[], object]] = {
        "ours": lambda: revalue(*arguments),
        "numpy": lambda: vectorised(price),
        "blocks": lambda: vectorised.in_blocks(price),
        "unbounded": lambda: peers.unbounded(*arguments),
    }
    compiled = peers.c_kernel()
    if compiled is not None:
        calls["c"] = lambda: compiled(arguments)
    else:
        say("no C compiler: fleet_revalue_vs_c has no ratio")
    taken = interleaved(calls)
    ours, each = median(taken["ours"]), len(fleet.quantity)
    rows = [
        row("fleet_revalue_vs_c", ours * 1e3, "ms", "C" if compiled else None,
            ratio(taken["c"], taken["ours"]) if compiled else None),
        row("fleet_revalue_vs_numpy", ours * 1e3, "ms", "NumPy", ratio(taken["numpy"], taken["ours"])),
        row("fleet_revalue_vs_numpy_in_blocks", ours * 1e3, "ms", "NumPy, 20,000 pools at a time",
            ratio(taken["blocks"], taken["ours"])),
        row("fleet_revalue_position", ours / each * 1e9, "ns"),
        row("fleet_bound_overhead", median(taken["ours"]) / median(taken["unbounded"]), "x", "the same without bound",
            ratio(taken["unbounded"], taken["ours"])),
    ]  # fmt: skip
    peer = peers.nautilus_position()
    beside = "nautilus_trader" if peer is not None else "skipped: nautilus_trader is not installed"
    held = None if peer is None else peer / (ours / each)
    rows.append(row("fleet_revalue_vs_nautilus", ours / each * 1e9, "ns", beside, held))
    return rows


def path(names: list[str], marks: Marks, rounds: int, *, shake: float = 1.0, seed: int = 3) -> tuple[Scaled, Any]:
    """Seconds of marks: one common factor, jumps now and then; and the deviation of a second of each."""
    random = np.random.default_rng(seed)
    deviation = np.clip(0.5 + 0.9 * np.random.default_rng(1).beta(2, 3, len(names)), 0.4, 1.6) / SECONDS_A_YEAR**0.5
    common, own = random.standard_normal((rounds, 1)), random.standard_normal((rounds, len(names)))
    moves = (0.6**0.5 * common + 0.4**0.5 * own) * deviation * shake
    jumps = random.random(moves.shape) < 1 / 600
    moves += jumps * random.standard_normal(moves.shape) * deviation * 60
    now = np.array([float(marks.mark[name]) for name in names])
    units = np.rint(now * np.exp(np.cumsum(moves, 0)) * 1e8).astype(np.int64)
    return Scaled(units.ravel(), 8), deviation


def watching(fleet: Fleet, names: list[str], marks: Marks) -> list[Row]:
    """A tick by the boxes, by the inverted index, by a sweep; a crash; memory."""
    say(f"watch: {SECONDS} seconds of {len(names)} marks")
    drawn, deviation = path(names, marks, SECONDS)
    watch = Watch(fleet, marks, dict(zip(names, map(float, deviation), strict=True)))
    inverted = peers.Inverted(fleet, prices(fleet, marks))
    sweep = sweeper(watch)
    share = len(names) * SECONDS // 10
    taken: dict[str, list[float]] = {"ours": [], "inverted": [], "sweep": []}
    watch.play(ticks_of_columns(fleet, names, Scaled(drawn.units[: len(names)], 8)))
    inverted.play(np.arange(0), np.empty(0))
    for part in range(10):
        some = ticks_of_columns(fleet, names, Scaled(drawn.units[part * share : (part + 1) * share], 8))
        taken["ours"].append(seconds(partial(watch.play, some)) / share)
        few = partial(inverted.play, some.lane[: len(names)], some.price[: len(names)])
        taken["inverted"].append(seconds(few) / len(names))
        taken["sweep"].append(median(seconds(sweep) for _ in range(3)))
    ours = median(taken["ours"]) * 1e6
    hooks = watch._shelf.hooks
    kept = sum(each.nbytes for each in (hooks.top, hooks.hang, hooks.edge))
    return [
        row("fleet_watch_vs_inverted", ours, "us/tick", "inverted index", ratio(taken["inverted"], taken["ours"])),
        row("fleet_watch_vs_sweep", ours, "us/tick", "a sweep a tick", ratio(taken["sweep"], taken["ours"])),
        row("fleet_watch_wakes", watch.wakes / (len(names) * SECONDS), "pools/tick"),
        row("fleet_watch_memory", kept / len(fleet.quantity), "bytes/position"),
        *crash(watch, fleet, sweep),
    ]


def sweeper(watch: Watch) -> Callable[[], int]:
    """A full sweep with certified bound over the watch's own arrays."""
    shelf, tiers = watch._shelf, watch._tiers
    changed, became = np.empty(len(shelf.state), np.int64), np.empty(len(shelf.state), np.uint8)
    return lambda: watch_kernels.sweep(shelf.book, tiers, None, shelf.hooks.price, shelf.state, changed, became)


def crash(watch: Watch, fleet: Fleet, sweep: Callable[[], int]) -> list[Row]:
    """-3 % on every mark at once, time after time: decided when `play` returns."""
    taken, swept = [], []
    before = watch.sweeps
    for step in range(5):
        factor = Decimal("0.97") if step % 2 == 0 else 1 / Decimal("0.97")
        moved = {name: (mark * factor).quantize(Decimal("1e-10")) for name, mark in watch.marks.mark.items()}
        tick = ticks_of(fleet, [moved])
        taken.append(seconds(partial(watch.play, tick)))
        swept.append(median(seconds(sweep) for _ in range(3)))
        settled = seconds(watch.settle)
    assert watch.sweeps == before + 5
    return [
        row("fleet_crash_vs_sweep", median(taken) * 1e3, "ms", "one sweep", ratio(swept, taken)),
        row("fleet_settle", settled, "s"),
    ]


def jumping(book: Rulebook, names: list[str]) -> Rulebook:
    """The same market with one whole rate by value on every second instrument."""
    tables = {}
    for name in names[::2]:
        key = ("perpetual", name, MarginMode.CROSS)
        whole = tuple(Tier(maintenance_rate=each.maintenance_rate, up_to=each.up_to) for each in book.tiers[key].tiers)
        tables[key] = TierTable(tiers=whole, unit="notional", scheme="whole")
    return book.with_instruments((), tables)


def inverse_book() -> tuple[Rulebook, list[str], Marks]:
    """OKX's own swaps, the inverse ones with made-up tiers by contracts."""
    book = load("okx")
    steps = (("1000", "0.004"), ("5000", "0.005"), ("20000", "0.0075"), (None, "0.0125"))
    tiers = tuple(Tier(maintenance_rate=Decimal(r), up_to=None if up is None else Decimal(up)) for up, r in steps)
    table = TierTable(tiers=tiers, unit="contracts")
    keys = [("perpetual", family, mode) for family in ("BTC-USD", "ETH-USD") for mode in MarginMode]
    book = book.with_instruments((), dict.fromkeys(keys, table))
    names = [name for name in book.instruments if name.endswith("-SWAP")]
    return book, names, made_up_marks(book, names)


def exactness() -> list[Row]:
    """20,000 accounts: statuses held against a full sweep after every one of 10,000 ticks, and against `assess`."""
    book, names, marks = market()
    names = names[:64]
    marks = Marks(mark={name: marks.mark[name] for name in names})
    runs = [
        ("normal", book, names, marks, 1.0),
        ("volatility x 5", book, names, marks, 5.0),
        ("whole tiers by value", jumping(book, names), names, marks, 5.0),
        ("inverse and whole by contracts", *inverse_book(), 5.0),
    ]
    wrong, crossings, asked = 0, 0, 0
    for number, (label, rules, held, now, shake) in enumerate(runs):
        columns = generate(rules, now, accounts=20_000, leverage=8.0, isolated=0.1, seed=number)
        found = followed(Watch(pack(columns, rules, held), now), columns, held, shake, seed=number)
        say(f"exactness: {label}: {found[0]} mismatches, {found[1]} changes, {found[2]} assessed")
        wrong, crossings, asked = wrong + found[0], crossings + found[1], asked + found[2]
    return [
        row("fleet_watch_mismatches", wrong, "statuses"),
        row("fleet_watch_changes", crossings, "statuses"),
        row("fleet_watch_assessed", asked, "pools"),
    ]


def followed(watch: Watch, columns: Columns, names: list[str], shake: float, *, seed: int) -> tuple[int, int, int]:
    """2,500 ticks with a change of an account each 50th, and 200 pools assessed each 100th."""
    random, wrong, changes, asked = Random(seed), 0, 0, 0
    drawn, _ = path(names, watch.marks, -(-2_500 // len(names)), shake=shake * 5, seed=seed)
    for tick in range(2_500):
        moved = {names[tick % len(names)]: drawn.decimal(tick)}
        if tick % 500 == 499:
            moved = {
                name: (mark * Decimal("0.96")).quantize(Decimal("1e-8")) for name, mark in watch.marks.mark.items()
            }
        changes += len(watch.tick(moved))
        wrong += watch.mismatches()
        if tick % 50 == 49:
            watch.change(random.randrange(len(columns)), columns.account(random.randrange(len(columns))))
        if tick % 500 == 499:
            watch.settle()
        if tick % 100 == 99:
            for pool in random.sample(range(len(watch.fleet)), 200):
                asked += 1
                wrong += decide(*watch._shelf.home(pool), watch.marks).status != watch.state[pool]
    return wrong, changes, asked


def ties() -> list[Row]:
    """Accounts on round grids whose equity equals their requirement exactly: a liquidation, by the rule `<=`."""
    random, book = Random(7), load("textbook")
    coins = [f"C{n:02d}" for n in range(40)]
    mark = {f"{coin}-USDT-SWAP": Decimal(random.randint(1, 500_000)) / 10 for coin in coins}
    accounts = []
    for _ in range(5_000):
        held, equity = [], Decimal(0)
        for name in random.sample(list(mark), POSITIONS):
            size, side = Decimal(random.randint(1, 500_000)) / 1000, random.choice(list(Side))
            held.append(Position(instrument=name, side=side, contracts=size, entry_price=mark[name]))
            equity += size * mark[name] * Decimal("0.005")
        accounts.append(Account(balances={"USDT": equity}, positions=tuple(held)))
    fleet, marks = pack(columns_of(accounts, book), book), Marks(mark=mark)
    found = screen(fleet, marks)
    arguments = arrays_of(fleet, marks)
    peers.unbounded(*arguments)
    plain = np.asarray(arguments[16] > arguments[18]).mean()
    wrong = int((found.status != 2).sum())
    return [
        row("fleet_ties_wrong", wrong, "accounts", "plain float64, share wrong", None),
        row("fleet_ties_wrong_by_plain_floats", float(plain) * 100, "%"),
        row("fleet_ties_asked", len(found.exactly), "accounts"),
    ]


def stressing(book: Rulebook, names: list[str], marks: Marks) -> list[Row]:
    """200,000 accounts under 1,024 draws; NumPy on a fiftieth of them."""
    columns = generate(book, marks, accounts=min(200_000, ACCOUNTS), positions=POSITIONS)
    fleet = pack(columns, book)
    coins = list(dict.fromkeys(book.instrument(name).base for name in names))
    covariance = 0.0025 * (0.6 + 0.4 * np.eye(len(coins)))
    cases = student_t(book, names, coins, covariance, count=1024, seed=1)
    few = pack(generate(book, marks, accounts=2_000, positions=POSITIONS), book)
    table = scenario_prices(few, marks, cases)
    size = len(fleet.quantity) / len(few.quantity)
    taken = interleaved(
        {"ours": lambda: stress(fleet, marks, cases), "numpy": lambda: peers.numpy_stress(few, table)}, rounds=5
    )
    ours = median(taken["ours"])
    share = stress(few, marks, cases).totals.shortfall
    error = float(np.abs(share - peers.numpy_stress(few, table)).max() / np.abs(share).max())
    work = len(fleet.quantity) * len(cases)
    return [
        row("fleet_stress_vs_numpy", ours / work * 1e9, "ns/(position scenario)", "NumPy",
            ratio([each * size for each in taken["numpy"]], taken["ours"])),
        row("fleet_stress_difference", error, "relative"),
    ]  # fmt: skip


def apart() -> list[Row]:
    """Twice as many accounts over Parquet, 256 draws: one process, a pool of two, Ray on two nodes, Dask.

    Ray's nodes are up before the clock runs; a pool and Dask start their workers under it.
    """
    book = load("binance")
    names = with_tiers(book)
    marks = made_up_marks(book, names)
    coins = list(dict.fromkeys(book.instrument(name).base for name in names))
    cases = student_t(book, names, coins, 0.0025 * (0.6 + 0.4 * np.eye(len(coins))), count=256, seed=2)
    rows, size = [], ACCOUNTS // 8
    with tempfile.TemporaryDirectory() as place:
        path = Path(place)
        for part in range(PARTS):
            frames.write_part(path, part, generate(book, marks, accounts=size, seed=part, first=part * size))
        frames.write_head(path, book, marks, accounts=PARTS * size)
        folder = frames.open_folder(path)
        wanted, alone = None, 0.0
        for name, module in (("here", "numpy"), ("pool:2", "numpy"), ("ray", "ray"), ("dask", "distributed")):
            if find_spec(module) is None:
                say(f"{module} is not installed: no row of it")
                continue
            with two_nodes() if name == "ray" else nullcontext():
                began = time.perf_counter()
                found = jobs.stress_folder(folder, cases, jobs.on(name))
                taken = time.perf_counter() - began
            wanted, alone = (found, taken) if wanted is None else (wanted, alone)
            assert np.allclose(found.shortfall, wanted.shortfall, rtol=1e-9)
            assert found.liquidated.tolist() == wanted.liquidated.tolist()
            rows.append(row(f"fleet_parts_{name.partition(':')[0]}", taken, "s", "one process", alone / taken))
    return rows


@contextmanager
def two_nodes() -> Iterator[None]:
    """A real Ray cluster of two nodes on this machine."""
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        yield
    finally:
        ray.shutdown()
        cluster.shutdown()  # type: ignore[no-untyped-call]


STARTED = """
import time
began = time.perf_counter()
from crossmargin.fleet.generate import generate, made_up_marks
from crossmargin.fleet.pack import pack
from crossmargin.fleet.watch import Watch
from crossmargin.rulebook import load
book = load("binance")
marks = made_up_marks(book, list(book.instruments))
Watch(pack(generate(book, marks, accounts=10), book), marks).tick({"BTCUSDT": marks.mark["BTCUSDT"] * 2})
print(time.perf_counter() - began)
"""


def starting() -> list[Row]:
    """A process that imports, packs, screens and watches: with nothing compiled yet, and with kernels on disk."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
        command = [sys.executable, "-c", STARTED]
        first, later = (
            float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
            for _ in range(2)
        )
    return [row("fleet_first_compile", first, "s"), row("fleet_cached_start", later, "s")]


def main() -> None:
    """Everything, the largest first."""
    began = time.perf_counter()
    book, names, marks = market()
    say(f"fleet: {ACCOUNTS:,} accounts, {POSITIONS} positions each")
    fleet = pack(generate(book, marks, accounts=ACCOUNTS, positions=POSITIONS), book)
    rows = [*revaluation(fleet, marks), *watching(fleet, names, marks)]
    del fleet
    rows += [*stressing(book, names, marks), *ties(), *exactness(), *apart(), *starting()]
    rows.append(row("fleet_bench", time.perf_counter() - began, "s"))
    if "--json" in sys.argv:
        print(json.dumps(rows, indent=1))
        return
    for each in rows:
        print(
            f"{each['name']:34} {each['value']:>12} {each['unit']:24} {each['against'] or '':24} {each['ratio'] or ''}"
        )


if __name__ == "__main__":  # a pool starts its workers from this file
    main()
