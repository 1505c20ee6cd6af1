"""Reading while everybody writes."""

import asyncio
from decimal import Decimal

from tests.server.ws_peer import SWAP, Place

from crossmargin.domain import command as c

CREW = 300  # enough for a group that waits for nobody; while one crew is on its way to disk, the other has come


def test_who_wants_to_read_comes_between_two_groups() -> None:
    """Though another group is always waiting, and without one that is only half on disk."""
    place = Place.opened()
    venue = place.exchange.venue
    done = False

    async def write(number: int) -> None:
        while not done:
            await venue.submit(c.SetMark(instrument=SWAP, price=Decimal(90_000 + number), time=place.clock.now))

    async def body() -> None:
        nonlocal done
        writing = [asyncio.create_task(write(number)) for number in range(CREW)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        writing += [asyncio.create_task(write(number)) for number in range(CREW)]
        await asyncio.sleep(0.1)
        for _ in range(5):
            async with asyncio.timeout(5):
                await venue.settled()
            assert venue.history.numbers["sequence"] == venue.journal.store.last().sequence  # type: ignore[union-attr]
        done = True
        await asyncio.gather(*writing)

    asyncio.run(body())
