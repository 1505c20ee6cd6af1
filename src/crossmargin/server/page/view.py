"""What the page shows, as text: the template draws it once, the script draws it again each second."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from crossmargin.domain.account import Order, Position
from crossmargin.domain.instrument import Instrument
from crossmargin.formats.human import human, percent
from crossmargin.margin.assess import Assessment, PositionFigures
from crossmargin.margin.liquidation_price import LiquidationPrice, liquidation_prices
from crossmargin.margin.position_prices import printed_liquidation_price
from crossmargin.margin.usd import account_figures
from crossmargin.server.exchange import Exchange
from crossmargin.server.page.cells import Cell, amount, moment, money, price, share, signed, text
from crossmargin.server.page.events import Recent, Row
from crossmargin.server.page.gauge import gauge

__all__ = ["Shown", "View"]

_MINUTE_MS, _HOUR_MS = 60_000, 3_600_000


class Shown(Struct, frozen=True, kw_only=True):
    """What the page may show beside the market.

    Attributes:
        market: What the market is called.
        account: The one account that is shown; empty: none.
        key: A key of it, without its secret.
    """

    market: str = ""
    account: str = ""
    key: str = ""


class View:
    """Makes the page's content, once for each state of the venue however many look at it.

    Args:
        exchange: What is shown.
        shown: Which account, if any.
    """

    def __init__(self, exchange: Exchange, shown: Shown) -> None:
        """Start to remember what happens."""
        self.exchange, self.shown = exchange, shown
        self._recent = Recent(exchange.venue, shown.account) if shown.account else None
        self._made: dict[str, Any] = {}
        self._made_at: tuple[int, bool] = (-1, False)

    def content(self) -> dict[str, Any]:
        """Texts by id, tables by id, and the gauge."""
        venue = self.exchange.venue
        at = (venue.history.numbers["sequence"], venue.failed is not None)
        if at != self._made_at:
            self._made, self._made_at = self._make(), at
        return self._made

    def _make(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "texts": self._standing(),
            "tables": {"instruments": [self._instrument(each) for each in self.exchange.instruments()]},
        }
        account = self.shown.account
        if account and account in self.exchange.venue.state.owners:
            self._account(found, self.exchange.venue.assessment(account))
        return found

    # ------------------------------------------------------------------ the market

    def _standing(self) -> dict[str, str]:
        venue = self.exchange.venue
        doubted = [name for name, state in venue.state.price_states.items() if state != "healthy"]
        health = "running" if venue.failed is None else "stopped: the venue answers nothing any more"
        if doubted and venue.failed is None:
            health = f"running; prices in doubt: {', '.join(doubted)}"
        moment = datetime.fromtimestamp(venue.history.numbers["time"] // 1000, UTC)
        return {
            "health": health,
            "as-of": f"{moment:%Y-%m-%d %H:%M:%S} UTC",
            "records": human(Decimal(venue.history.numbers["sequence"])),
        }

    def _instrument(self, instrument: Instrument) -> Row:
        state, tape = self.exchange.venue.state, self.exchange.market.tape
        name = instrument.id
        price_state = "stopped" if name in state.stopped else state.price_states.get(name, "healthy")
        funding = tape.funding(name)
        due: Cell = text("", "absent")
        rate: Cell = text("pays none", "number absent")
        if funding is not None:
            rate = (percent(funding.rate, 4), "number", str(funding.rate))
            due = text(_wait(funding.time - self.exchange.now()), "number")
        return [
            text(name),
            text(instrument.kind.value),
            price(state.marks.mark.get(name), instrument.tick_size),
            price(state.marks.last.get(name), instrument.tick_size),
            rate,
            due,
            text(price_state, "calm" if price_state == "healthy" else "alarm"),
        ]

    # ------------------------------------------------------------------ the account

    def _account(self, found: dict[str, Any], assessment: Assessment) -> None:
        tables, texts = found["tables"], found["texts"]
        found["gauge"] = gauge(assessment)
        total = account_figures(assessment).total_equity_usd
        texts["equity-usd"] = "unknown" if total is None else f"{human(total)} USD"
        tables["currencies"] = [
            [
                text(name), money(each.equity), signed(each.floating_pnl), money(each.in_use),
                money(each.free_margin), money(each.maintenance_margin + each.liquidation_fee),
                share(each.margin_ratio, "nothing required"), text(each.status.value, each.status.value),
            ]
            for name, each in assessment.currencies.items()
        ]  # fmt: skip
        prices = liquidation_prices(assessment)
        tables["positions"] = [
            _position(assessment, position, figures, prices[position.id])
            for position, figures in zip(assessment.account.positions, assessment.positions, strict=True)
        ]
        history, account = self.exchange.venue.history, self.shown.account
        live = [
            (each.number, each.created, each.client_id, each.order) for each in history.live.get(account, {}).values()
        ]
        live += [
            (each.number, each.created, each.client_id, each.order)
            for each in history.waiting.get(account, {}).values()
        ]
        tables["orders"] = [_order(*each[1:]) for each in sorted(live, key=lambda each: each[0], reverse=True)]
        tables["events"] = self._recent.rows() if self._recent is not None else []


def _position(
    assessment: Assessment, position: Position, figures: PositionFigures, liquidation: LiquidationPrice
) -> Row:
    printed, mark = printed_liquidation_price(assessment, position), figures.mark_price
    tick = assessment.rulebook.instrument(position.instrument).tick_size
    ratio = "" if figures.pnl_ratio is None else f" ({percent(figures.pnl_ratio)})"
    far: Cell = ("none", "number absent", liquidation.reason)
    if liquidation.price is not None and liquidation.distance is not None:
        way = "below" if liquidation.price < mark else "above"
        far = (f"{percent(liquidation.distance)} {way}", "number", str(liquidation.distance))
    return [
        text(position.instrument),
        text(position.side.value, position.side.value),
        text(f"{position.margin_mode.value} {human(position.leverage)}x"),
        amount(position.contracts),
        price(position.entry_price, tick),
        price(mark, tick),
        signed(figures.floating_pnl, f"{figures.margin_currency}{ratio}"),
        price(liquidation.price, tick, liquidation.reason),
        price(printed.value, tick, printed.reason),
        far,
    ]


def _order(created: int, client_id: str, order: Order) -> Row:
    triggers = [
        f"{word} {human(price)}"
        for word, price in (
            ("at", order.price),
            ("trigger", order.trigger_price),
            ("stop", None if order.stop_loss is None else order.stop_loss.trigger_price),
            ("profit", None if order.take_profit is None else order.take_profit.trigger_price),
        )
        if price is not None
    ]
    return [
        moment(created),
        text(order.instrument),
        text(order.side.value, "long" if order.side.sign > 0 else "short"),
        text(order.type.value.replace("_", " ")),
        text(", ".join(triggers) or "market", "number"),
        amount(order.contracts),
        amount(order.filled),
        text(client_id or "none", "" if client_id else "absent"),
    ]


def _wait(milliseconds: int) -> str:
    hours, rest = divmod(max(0, milliseconds), _HOUR_MS)
    return f"in {hours} h {rest // _MINUTE_MS:02} min"
