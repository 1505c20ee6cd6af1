"""What is told to those who watch a server: counts, health, readiness; nothing about anyone."""

import re
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.server.exchange_page import PAGE
from tests.server.inside import SWAP, Inside

from crossmargin.errors import JournalError
from crossmargin.server.pulse import Pulse, health_routes
from crossmargin.server.ws.hub import Hub


def samples(inside: Inside) -> dict[str, float]:
    """Every sample, by its name and labels as they are written."""
    answer = inside.send("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return dict(_samples(answer.raw.decode()))


def _samples(text: str) -> Iterator[tuple[str, float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sample.labels.items() if name != "le")
            if not sample.name.endswith("_bucket"):
                yield f"{sample.name}{{{labels}}}" if labels else sample.name, sample.value


def test_commands_orders_fills_and_refusals_are_counted(fresh: Inside) -> None:
    """An order that rests, one that trades, and one that is far too large."""
    key = fresh.account("ann")
    before = samples(fresh)
    fresh.place(key)
    fresh.place(key, ordType="market", sz="1")
    fresh.place(key, sz="100000")

    after = samples(fresh)

    grown = {name: value - before.get(name, 0) for name, value in after.items() if name.startswith("crossmargin_")}
    assert grown["crossmargin_commands_total{kind=place_order}"] == 3
    assert grown["crossmargin_orders_total"] == 2
    assert grown["crossmargin_fills_total"] == 1
    assert grown["crossmargin_refusals_total{reason=insufficient_margin}"] == 1
    assert grown["crossmargin_journal_sequence"] == 3
    assert grown["crossmargin_commit_seconds_count"] == 3
    assert after["crossmargin_venue_stopped"] == 0


def test_a_liquidation_is_counted(fresh: Inside) -> None:
    """Nine times the money in BTC, and a fall by half."""
    key = fresh.account("ann", "1000")
    fresh.post(key, "account/set-leverage", {"instId": SWAP, "lever": "10", "mgnMode": "cross"})
    assert fresh.place(key, ordType="market", sz="10").code == "0"
    venue, market = fresh.exchange.venue, fresh.exchange.market
    before = samples(fresh)["crossmargin_liquidations_total"]

    fallen = fresh.mark() // 2
    venue.run(market.move(SWAP, fallen, venue.now(), venue.state))

    assert samples(fresh)["crossmargin_liquidations_total"] == before + 1


def test_metrics_tell_nothing_about_anyone(fresh: Inside) -> None:
    """No name of an account, no key, no secret, no token, and no balance stands in them."""
    key = fresh.account("annabel", "12345.678")
    fresh.place(key, clOrdId="mine1", ordType="market")
    text = fresh.send("GET", "/metrics").raw.decode()

    for word in (key.key, key.secret, key.passphrase, fresh.exchange.admin_token, "annabel", "mine1", "12345"):
        assert word not in text


def test_two_servers_in_one_process_count_apart(fresh: Inside) -> None:
    """Nothing is registered with the whole process."""
    other = Inside()
    before = samples(other)["crossmargin_journal_sequence"]

    fresh.account("ann")

    assert samples(other)["crossmargin_journal_sequence"] == before
    other.close()


def test_connections_that_were_ended_are_counted_by_code(fresh: Inside) -> None:
    """What the hub has counted stands there."""
    from crossmargin.server.metrics import Metrics
    from crossmargin.server.okx.limits import Budgets

    hub = Hub(fresh.exchange, Budgets(0))
    hub.ended[4008] += 2
    found = Metrics(fresh.exchange.venue, hub, Pulse(1.0, lambda: 0.0)).registry

    assert found.get_sample_value("crossmargin_websocket_dropped_total", {"code": "4008"}) == 2
    assert found.get_sample_value("crossmargin_websocket_connections") == 0
    assert found.get_sample_value("crossmargin_market_steps_late_total") == 0


def test_a_server_that_answers_is_alive_and_ready(fresh: Inside) -> None:
    """Nobody drives the market of a test: its venue alone decides."""
    assert fresh.send("GET", "/healthz").body == {"alive": True}
    assert fresh.send("GET", "/readyz").body == {"ready": True}


def test_a_venue_that_stopped_is_alive_but_not_ready(fresh: Inside) -> None:
    """The reason is told without what the store said."""
    fresh.exchange.venue.stop(JournalError("/secret/place", "disk full"))

    answer = fresh.send("GET", "/readyz")

    assert fresh.send("GET", "/healthz").status == 200
    assert (answer.status, answer.body) == (503, {"ready": False, "why": "the venue had to stop"})
    assert samples(fresh)["crossmargin_venue_stopped"] == 1


class Seconds:
    """A clock that is set by hand."""

    at = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.at


@pytest.mark.parametrize(("gap", "late"), [(1.0, 0), (1.5, 0), (1.6, 1)])
def test_a_step_is_late_half_a_period_after_it_was_due(gap: float, late: int) -> None:
    """Of a market that steps each second."""
    clock = Seconds()
    pulse = Pulse(1.0, clock)
    clock.at = gap
    pulse.beat()

    assert (pulse.steps, pulse.late) == (1, late)


def test_a_market_that_stands_still_is_not_ready(fresh: Inside) -> None:
    """After five periods without a step; one step later it is ready again."""
    from starlette.applications import Starlette

    clock = Seconds()
    pulse = Pulse(1.0, clock)
    fresh.app.app = Starlette(routes=health_routes(fresh.exchange.venue, pulse))
    statuses = []
    for clock.at in (5.0, 5.1):
        statuses.append(fresh.send("GET", "/readyz").status)
    pulse.beat()

    assert [*statuses, fresh.send("GET", "/readyz").status] == [200, 503, 200]


def test_the_documentation_names_every_metric(fresh: Inside) -> None:
    """Those of ours that are served where a market is driven, and the table has no other."""
    from crossmargin.server.metrics import Metrics
    from crossmargin.server.okx.limits import Budgets

    registry = Metrics(fresh.exchange.venue, Hub(fresh.exchange, Budgets(0)), Pulse(1.0)).registry
    served = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in registry.collect()
        if family.name.startswith("crossmargin_")
    }

    assert set(re.findall(r"^\| `(crossmargin_[a-z_]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)) == served
