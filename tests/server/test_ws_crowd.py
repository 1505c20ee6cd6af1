"""Slow consumers: those who never read are dropped, the others miss nothing, and memory stays where it is."""

import asyncio
import sys
import time

import pytest
from tests.server.ws_crowd import Crowd, Dead, Reader, resident

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory and lines that were cut are looked up in Linux")

MEGABYTE = 1024 * 1024


def crowded(seconds: float, readers: int, dead: int) -> None:
    """Half of each kind on the public path, half on the private one."""
    crowd = Crowd()
    with crowd.running():
        silent = [Dead(crowd, path) for path in ("public", "private") for _ in range(dead)]
        reading = [Reader(crowd, path) for path in ("public", "private") for _ in range(readers)]
        time.sleep(2)
        before = resident()
        asyncio.run(_read(reading, seconds))
        grown = resident() - before
        cut = [each.dropped() for each in silent]
        waits = [*crowd.hub.waits]
    for gone in silent:
        gone.socket.close()
    print(  # noqa: T201 - the figures of a soak
        f"{readers} readers and {dead} silent on each path, {seconds:g} s: memory +{grown / MEGABYTE:.1f} MB, "
        f"{sum(cut)} of {len(cut)} silent dropped, at most {max(waits):.2f} s after they were stuck, "
        f"{sum(each.heard for each in reading)} messages read"
    )

    assert all(cut), "one that never reads is still there"
    assert max(waits) <= 5
    assert grown < 64 * MEGABYTE
    for each in reading[readers:]:
        first = crowd.placed.index(each.live[0])
        assert len(each.live) > seconds
        assert each.live == crowd.placed[first : first + len(each.live)]
        assert each.gone in (each.live, each.live[:-1])


async def _read(reading: list[Reader], seconds: float) -> None:
    await asyncio.gather(*(each.read(seconds) for each in reading))


@pytest.mark.slow
def test_the_dead_are_dropped_and_the_living_miss_nothing() -> None:
    """Ten clients on each path, two of which never read, for ten seconds."""
    crowded(12, 8, 2)


@pytest.mark.soak
def test_fifty_clients_of_which_five_never_read() -> None:
    """Marks of ten instruments at twenty updates a second for a minute."""
    crowded(60, 45, 5)
