"""Stress of a fleet in many files: the name of a part goes out, its totals come back, anywhere.

No account data travels: a worker reads the part itself. Where the work runs is behind one small interface: in this
process, in a pool of processes, on Ray (extra `ray`) or on Dask (extra `dask`). A worker that dies has its parts done
again by others.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from crossmargin.domain.marks import Marks
from crossmargin.errors import CrossMarginError, InputError, MissingDataError, UnsupportedError
from crossmargin.fleet.frames import Folder, read_part
from crossmargin.fleet.pack import pack
from crossmargin.fleet.pool_figures import write_pool_figures
from crossmargin.fleet.scenarios import Scenarios
from crossmargin.fleet.stress import Totals, merged, stress
from crossmargin.rulebook.model import Rulebook

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

__all__ = ["Job", "Spread", "here", "on", "stress_folder"]

TRIES = 5


@dataclass(frozen=True, slots=True)
class Job:
    """What every part needs: the rules, the marks, the scenarios; and where each pool's figures go, if anywhere."""

    rulebook: Rulebook
    marks: Marks
    scenarios: Scenarios
    pools: Path | None = None

    def __call__(self, part: str) -> Totals:
        """Totals of one part."""
        fleet = pack(read_part(part), self.rulebook)
        found = stress(fleet, self.marks, self.scenarios)
        if self.pools is not None:
            write_pool_figures(fleet, found, self.pools, part)
        return found.totals


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a part could not be done, in one line: exceptions lose their parts on the way between processes."""

    why: str
    missing: bool = False


Outcome = Totals | Refused


class Spread(Protocol):
    """Where parts are worked on: yields each part's outcome as they come, in any order."""

    def __call__(self, job: Job, parts: Sequence[str]) -> Generator[Outcome, None, None]:
        """Work on every part."""


def stress_folder(
    folder: Folder,
    scenarios: Scenarios,
    spread: Spread,
    told: Callable[[int], None] = lambda _: None,
    pools: Path | None = None,
) -> Totals:
    """Stress every part of a fleet; `told` hears how many parts are done.

    With `pools`, a folder, each pool's figures are written there, a Parquet file for each part.

    Raises:
        CrossMarginError: a part that can't be read or valued; the work is stopped then.
        InputError: the parts hold other accounts than the folder says.
    """
    job = Job(folder.rulebook, folder.marks, scenarios, pools)
    found = []
    with closing(spread(job, folder.files())) as outcomes:
        for outcome in outcomes:
            if isinstance(outcome, Refused):
                raise (MissingDataError if outcome.missing else CrossMarginError)(outcome.why)
            found.append(outcome)
            told(len(found))
    totals = merged(found)
    folder.check(totals.accounts)
    return totals


def on(place: str) -> Spread:
    """The place that a user names: ``here``, ``pool:4``, ``ray``, ``ray://host:10001``, ``dask``, ``dask://host:8786``.

    Raises:
        InputError: none of these.
        UnsupportedError: the extra is not installed.
    """
    kind, _, rest = place.partition(":")
    if place == "here":
        return here
    if kind == "pool" and (not rest or (rest.isdigit() and int(rest))):
        return lambda job, parts: _pool(job, parts, int(rest or 0))
    if kind == "ray":
        return lambda job, parts: _ray(job, parts, place if rest else None)
    if kind == "dask":
        return lambda job, parts: _dask(job, parts, f"tcp:{rest}" if rest else None)
    raise InputError("--on", place, "expected here, pool[:N], ray[://HOST:PORT] or dask[://HOST:PORT]")


def here(job: Job, parts: Sequence[str]) -> Generator[Outcome, None, None]:
    """One part after the other, in this process."""
    for part in parts:
        yield attempt(job, part)


def _pool(job: Job, parts: Sequence[str], workers: int) -> Generator[Outcome, None, None]:
    """In processes of this machine; when one is killed, what was not done is done by new ones."""
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    left, last = list(parts), ""
    for _ in range(TRIES):
        pool = ProcessPoolExecutor(workers or None, mp_context=get_context("spawn"))
        try:
            futures = _given(pool, job, left)
            for future in as_completed(futures):
                outcome = future.result()
                left.remove(futures[future])
                yield outcome
            return
        except BrokenProcessPool as error:
            last = str(error)
        finally:
            _end(pool)
    raise UnsupportedError(f"the pool broke {TRIES} times: {len(left)} parts were not done; last: {last}")


def _given(pool: "ProcessPoolExecutor", job: Job, parts: Sequence[str]) -> "dict[Future[Outcome], str]":
    """Hand out the parts; workers start as they are handed out.

    Raises:
        BrokenProcessPool: a worker died meanwhile. The next one to start may find a queue that is closed already.
    """
    from concurrent.futures.process import BrokenProcessPool

    try:
        return {pool.submit(attempt, job, part): part for part in parts}
    except (OSError, ValueError) as error:  # a closed handle, a file number that is none any more
        raise BrokenProcessPool(f"no worker can be started: {error}") from error


def _end(pool: "ProcessPoolExecutor") -> None:
    """Leave nobody at work: who was interrupted does not wait for parts that nobody wants."""
    workers = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for worker in workers:
        worker.terminate()


def _ray(job: Job, parts: Sequence[str], address: str | None) -> Generator[Outcome, None, None]:
    """As Ray tasks, on a cluster or on a local one that is started for the occasion."""
    try:
        import ray
    except ImportError:
        raise UnsupportedError("Ray is not installed: pip install 'crossmargin[fleet,ray]'") from None
    started = not ray.is_initialized()
    if started:
        ray.init(address=address, log_to_driver=False, include_dashboard=False if address is None else None)
    try:
        shared = ray.put(job)
        task = ray.remote(attempt).options(max_retries=TRIES)
        waiting = [task.remote(shared, part) for part in parts]
        while waiting:
            ready, waiting = ray.wait(waiting)
            yield from ray.get(ready)
    finally:
        if started:
            ray.shutdown()


def _dask(job: Job, parts: Sequence[str], address: str | None) -> Generator[Outcome, None, None]:
    """As Dask tasks, on a cluster or on a local one of processes."""
    try:
        from distributed import Client, LocalCluster, as_completed
    except ImportError:
        raise UnsupportedError("Dask is not installed: pip install 'crossmargin[fleet,dask]'") from None
    cluster = None if address else LocalCluster(threads_per_worker=1, dashboard_address=None)
    client = Client(address or cluster)
    try:
        futures = [client.submit(attempt, job, part, pure=False, retries=TRIES) for part in parts]
        for future in as_completed(futures):
            yield future.result()
    finally:
        client.close()
        if cluster is not None:
            cluster.close()


def attempt(job: Job, part: str) -> Outcome:
    """What a worker does."""
    try:
        return job(part)
    except CrossMarginError as error:
        return Refused(str(error), isinstance(error, MissingDataError))
