"""The market's pulse: when it last moved, and how often it came late; and what is asked of a server that is watched."""

import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from crossmargin.server.venue import Venue

__all__ = ["Pulse", "health_routes"]

_PERIODS_MISSED = 5
_UNAVAILABLE = 503


class Pulse:
    """Notes the steps of a market.

    Args:
        period_s: How often it wants to step.
        clock: Seconds of a clock that never goes back.

    Attributes:
        steps: How many there were.
        late: How many of them began more than half a period after they were due.
    """

    def __init__(self, period_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing has stepped yet."""
        self.period_s = period_s
        self.steps = self.late = 0
        self._clock = clock
        self._last = clock()

    @property
    def since_s(self) -> float:
        """Seconds since the last step, or since the start."""
        return self._clock() - self._last

    def beat(self) -> None:
        """A step begins."""
        self.steps += 1
        self.late += self.since_s > 1.5 * self.period_s
        self._last = self._clock()

    @property
    def stopped(self) -> bool:
        """Whether prices stand still unseen."""
        return self.since_s > _PERIODS_MISSED * self.period_s


def health_routes(venue: Venue, pulse: Pulse | None) -> list[BaseRoute]:
    """``/healthz``: the process lives. ``/readyz``: the venue answers, and its market moves.

    Args:
        venue: What has to answer.
        pulse: Of its market; None where nobody drives it.
    """

    async def alive(_: Request) -> Response:
        return JSONResponse({"alive": True})

    async def ready(_: Request) -> Response:
        if venue.failed is not None:
            return JSONResponse({"ready": False, "why": "the venue had to stop"}, _UNAVAILABLE)
        if pulse is not None and pulse.stopped:
            return JSONResponse({"ready": False, "why": "the market stands still"}, _UNAVAILABLE)
        return JSONResponse({"ready": True})

    return [Route("/healthz", alive), Route("/readyz", ready)]
