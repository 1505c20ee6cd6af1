"""A fleet in many files: the same totals wherever its parts are worked on, also when a worker dies."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crossmargin.errors import CrossMarginError, InputError, UnsupportedError
from crossmargin.fleet import jobs
from crossmargin.fleet.frames import Folder, open_folder, write_folder
from crossmargin.fleet.generate import generate, made_up_marks
from crossmargin.fleet.scenarios import Scenarios, by_betas
from crossmargin.fleet.stress import Totals
from crossmargin.rulebook import load

PARTS = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """400 accounts in four parts."""
    book, path = load("binance"), tmp_path_factory.mktemp("fleet")
    marks = made_up_marks(book, ["BTCUSDT", "ETHUSDT", "SOLUSDT"])
    parts = [generate(book, marks, accounts=100, leverage=8, seed=n, first=100 * n) for n in range(PARTS)]
    write_folder(path, parts, book, marks)
    return open_folder(path)


def cases(folder: Folder) -> Scenarios:
    """Four moves of the market."""
    return by_betas(folder.rulebook, list(folder.marks.mark), {"ETH": 1.2}, [-0.4, -0.2, 0.2, 0.4])


def assert_equal(found: Totals, wanted: Totals) -> None:
    """The same figures, however the parts were added."""
    assert found.liquidated.tolist() == wanted.liquidated.tolist()
    assert found.shortfall == pytest.approx(wanted.shortfall, rel=1e-9)
    assert found.insurance == pytest.approx(wanted.insurance, rel=1e-9)
    assert found.top == pytest.approx(wanted.top) if not wanted.top else found.top[0][0] == wanted.top[0][0]
    assert found.pools == wanted.pools


def test_a_pool_of_processes_finds_the_same(folder: Folder) -> None:
    """And tells after each part how many are done."""
    told: list[int] = []

    found = jobs.stress_folder(folder, cases(folder), jobs.on("pool:2"), told.append)

    assert_equal(found, jobs.stress_folder(folder, cases(folder), jobs.here))
    assert told == [1, 2, 3, 4]


def test_a_killed_worker_changes_nothing(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first process to start is killed at once: new ones do what it left."""
    import concurrent.futures

    killed: list[int] = []

    plain = concurrent.futures.ProcessPoolExecutor.submit

    def deadly(pool: Any, *arguments: Any) -> Any:  # noqa: ANN401 - stands in for a method of the standard library
        future = plain(pool, *arguments)
        if not killed:
            killed.append(next(iter(pool._processes)))
            os.kill(killed[0], signal.SIGKILL)
        return future

    monkeypatch.setattr(concurrent.futures.ProcessPoolExecutor, "submit", deadly)

    found = jobs.stress_folder(folder, cases(folder), jobs.on("pool:2"))

    assert len(killed) == 1
    assert_equal(found, jobs.stress_folder(folder, cases(folder), jobs.here))


@pytest.mark.parametrize("error", [OSError("handle is closed"), ValueError("bad value(s) in fds_to_keep")])
def test_a_worker_that_dies_while_others_start_changes_nothing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The executor may close its queue under a process that is being started: that is a broken pool like any other."""
    import concurrent.futures

    plain, refused = concurrent.futures.ProcessPoolExecutor.submit, list[int]()

    def late(pool: Any, *arguments: Any) -> Any:  # noqa: ANN401 - stands in for a method of the standard library
        if not refused:
            refused.append(1)
            raise error
        return plain(pool, *arguments)

    monkeypatch.setattr(concurrent.futures.ProcessPoolExecutor, "submit", late)

    found = jobs.stress_folder(folder, cases(folder), jobs.on("pool:2"))

    assert refused
    assert_equal(found, jobs.stress_folder(folder, cases(folder), jobs.here))


def test_a_pool_that_can_not_start_says_why(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of file numbers, for one: told after the last try, with the reason."""
    import concurrent.futures

    def never(*_: Any) -> Any:  # noqa: ANN401 - stands in for a method of the standard library
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(concurrent.futures.ProcessPoolExecutor, "submit", never)

    with pytest.raises(UnsupportedError, match=r"4 parts were not done; last: no worker .* Too many open files"):
        jobs.stress_folder(folder, cases(folder), jobs.on("pool:2"))


def test_who_stops_early_leaves_nobody_at_work(folder: Folder) -> None:
    """Closed after the first outcome, as by Ctrl-C: the processes of the pool are gone within seconds."""
    import multiprocessing

    job = jobs.Job(folder.rulebook, folder.marks, cases(folder))
    outcomes = jobs.on("pool:2")(job, folder.files() * 50)

    assert isinstance(next(outcomes), Totals)
    outcomes.close()

    end = time.monotonic() + 20
    while multiprocessing.active_children():  # asked again: the pool's own thread may have reaped one in between
        assert time.monotonic() < end
        time.sleep(0.05)


def test_an_error_in_a_part_is_told(folder: Folder, tmp_path: Path) -> None:
    """A file that is gone is one line with its name, not a broken pool."""
    gone = msgspec.structs.replace(folder, path=tmp_path, accounts=1, parts=("part-00000",))

    for place in ("here", "pool:1"):
        with pytest.raises(CrossMarginError, match=r"part-00000\.balances\.parquet: can't be read: no such file"):
            jobs.stress_folder(gone, cases(folder), jobs.on(place))


@pytest.mark.parametrize("place", ["", "moon", "pool:x", "rays"])
def test_an_unknown_place_is_refused(place: str) -> None:
    """With the places that there are."""
    with pytest.raises(InputError, match=r"expected here, pool"):
        jobs.on(place)


@pytest.mark.parametrize(("place", "module", "extra"), [("ray", "ray", "ray"), ("dask", "distributed", "dask")])
def test_without_its_extra_a_place_says_what_to_install(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, place: str, module: str, extra: str
) -> None:
    """One line."""
    import sys

    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(UnsupportedError, match=rf"crossmargin\[fleet,{extra}\]"):
        jobs.stress_folder(folder, cases(folder), jobs.on(place))


@pytest.fixture
def two_nodes() -> Iterator[str]:
    """A real Ray cluster of two nodes on this machine."""
    pytest.importorskip("ray", reason="the extra ray is not installed")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    with ExitStack() as stack:
        stack.callback(cluster.shutdown)
        yield cluster.address


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_finds_the_same(folder: Folder, two_nodes: str) -> None:
    """On two nodes, one of whose workers is killed while it works."""
    import ray

    ray.init(address=two_nodes, log_to_driver=False)
    stop, killed = threading.Event(), list[int]()
    hunter = threading.Thread(target=_kill_one_ray_worker, args=(stop, killed))
    hunter.start()
    try:
        found = jobs.stress_folder(folder, cases(folder), jobs.on("ray"))
    finally:
        stop.set()
        hunter.join()
        ray.shutdown()

    assert len(killed) == 1
    assert_equal(found, jobs.stress_folder(folder, cases(folder), jobs.here))


def _kill_one_ray_worker(stop: threading.Event, killed: list[int]) -> None:
    """Kill the first process that works on a part."""
    import psutil  # type: ignore[import-untyped] # comes with dask and ray

    while not stop.is_set():
        for process in psutil.process_iter(["name", "cmdline"]):
            if any("ray::attempt" in word for word in process.info["cmdline"] or ()):
                process.kill()
                killed.append(process.pid)
                return
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_dask_finds_the_same(folder: Folder) -> None:
    """On a local cluster of processes."""
    pytest.importorskip("distributed", reason="the extra dask is not installed")

    found = jobs.stress_folder(folder, cases(folder), jobs.on("dask"))

    assert_equal(found, jobs.stress_folder(folder, cases(folder), jobs.here))
