"""``/metrics``, for Prometheus: what the venue did and how it is, in counts and times; no account, no key, no price."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import crossmargin
from crossmargin.domain import event as e
from crossmargin.server.pulse import Pulse
from crossmargin.server.venue import Decided, Venue
from crossmargin.server.ws.hub import Hub

__all__ = ["Metrics"]

_BUCKETS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0)
_EVENTS: dict[type, tuple[str, str]] = {
    e.OrderAccepted: ("orders", "Orders that were accepted."),
    e.Filled: ("fills", "Trades, forced ones apart."),
    e.LiquidationStarted: ("liquidations", "Liquidations that began."),
    e.LiquidationFill: ("liquidation_fills", "Forced trades of liquidations."),
    e.Deleveraged: ("deleveragings", "Positions that were closed to cover somebody else's loss."),
}


class Metrics:
    """Counts what a venue commits, and reads the rest when it is asked.

    Args:
        venue: Told of every committed group.
        hub: Open WebSocket connections, and those that were ended.
        pulse: Of the market; None where nobody drives it.
    """

    def __init__(self, venue: Venue, hub: Hub, pulse: Pulse | None) -> None:
        """Start at zero: a counter says what this process did."""
        self.registry = CollectorRegistry()
        self._commands = _counter(self.registry, "commands", "Commands that were committed, by kind.", "kind")
        self._refusals = _counter(self.registry, "refusals", "Commands that were refused, by reason.", "reason")
        self._counted = {kind: _counter(self.registry, *named) for kind, named in _EVENTS.items()}
        self._commit = Histogram(
            "crossmargin_commit_seconds",
            "Time from handing a group to the journal until it is on disk.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.registry.register(_Standing(venue, hub, pulse))
        ProcessCollector(registry=self.registry)
        venue.meter(self._committed)

    def _committed(self, decided: list[Decided], seconds: float) -> None:
        self._commit.observe(seconds)
        for _, command, events in decided:
            self._commands.labels(str(command.__struct_config__.tag)).inc()
            for event in events:
                counter = self._counted.get(type(event))
                if counter is not None:
                    counter.inc()
                elif isinstance(event, e.Refused):
                    self._refusals.labels(event.refusal.reason.value).inc()

    @property
    def route(self) -> Route:
        """The path that Prometheus reads."""

        async def answer(_: Request) -> Response:
            return Response(generate_latest(self.registry), headers={"content-type": CONTENT_TYPE_LATEST})

        return Route("/metrics", answer)


class _Standing(Collector):
    """How things stand at the moment of asking."""

    def __init__(self, venue: Venue, hub: Hub, pulse: Pulse | None) -> None:
        self._venue, self._hub, self._pulse = venue, hub, pulse

    def collect(self) -> Iterator[Metric]:
        """One family after another."""
        venue = self._venue
        yield _gauge("accounts", "Accounts that were opened, the house's included.", len(venue.state.owners))
        yield _gauge("journal_sequence", "Number of the newest record.", venue.history.numbers["sequence"])
        yield _gauge("venue_stopped", "1 once the venue had to stop.", int(venue.failed is not None))
        yield _gauge("websocket_connections", "Open WebSocket connections.", len(self._hub.sessions))
        dropped = CounterMetricFamily(
            "crossmargin_websocket_dropped", "Connections that were ended from here, by close code.", labels=["code"]
        )
        for code, count in self._hub.ended.items():
            dropped.add_metric([str(code)], count)
        yield dropped
        if self._pulse is not None:
            yield _total("market_steps", "Steps of the market.", self._pulse.steps)
            yield _total("market_steps_late", "Steps that began half a period late or more.", self._pulse.late)
            yield _gauge("market_step_age_seconds", "Time since the last step.", self._pulse.since_s)
        built = GaugeMetricFamily("crossmargin_build", "What runs here.", labels=["version", "rulebook"])
        built.add_metric([crossmargin.__version__, venue.state.rulebook.id], 1)
        yield built


def _counter(registry: CollectorRegistry, name: str, text: str, *labels: str) -> Counter:
    return Counter(f"crossmargin_{name}", text, labels, registry=registry)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"crossmargin_{name}", text, value=value)


def _total(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"crossmargin_{name}", text, value=value)
