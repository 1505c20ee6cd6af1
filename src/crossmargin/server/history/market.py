"""What the market and the venue's risk control do, noted for those who listen."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from crossmargin.domain import event as e
from crossmargin.domain.arithmetic import plain
from crossmargin.formats.human import percent
from crossmargin.server.history.records import Notice

if TYPE_CHECKING:
    from crossmargin.server.history.history import History

__all__ = ["MARKET_EVENTS"]


def _mark(history: "History", event: e.MarkSet) -> None:
    history.changes.marks[event.instrument] = event.price


def _index(history: "History", event: e.IndexSet) -> None:
    history.changes.indices[event.pair] = event.price


def _market(history: "History", event: Any) -> None:  # noqa: ANN401 - any event that names an instrument
    history.changes.market[event.instrument] = None


def _account(history: "History", event: Any) -> None:  # noqa: ANN401 - any event that names an account
    history.touch(event.account)


def _note(history: "History", event: Any, text: str, instrument: str = "") -> None:  # noqa: ANN401 - likewise
    if not history.ignored(event.account):
        history.touch(event.account)
        tag = str(event.__struct_config__.tag)
        history.changes.notices.append(
            Notice(time=history.time, account=event.account, kind=tag, instrument=instrument, text=text)
        )


def _warned(history: "History", event: e.Warned) -> None:
    _note(history, event, f"{event.pool}: the margin ratio fell to {percent(event.ratio)}")


def _lifted(history: "History", event: e.WarningLifted) -> None:
    _note(history, event, f"{event.pool}: the margin ratio is above the warning level again")


def _deferred(history: "History", event: e.LiquidationDeferred) -> None:
    text = f"{event.pool}: liquidation waits for a price of {event.instrument} that can be trusted"
    _note(history, event, text, event.instrument)


def _started(history: "History", event: e.LiquidationStarted) -> None:
    _note(history, event, f"{event.pool}: liquidation; {plain(event.supports)} support {plain(event.requires)}")


def _step(history: "History", event: e.LiquidationStep) -> None:
    where = event.position.instrument
    text = f"{event.phase.replace('_', ' ')}: {plain(event.contracts)} {where} {event.position.side} are closed"
    _note(history, event, text, where)


def _ended(history: "History", event: e.LiquidationEnded) -> None:
    _note(history, event, f"{event.pool}: liquidation ended")


def _deleveraged(history: "History", event: e.Deleveraged) -> None:
    victim = event.victim
    if not history.ignored(victim.account):
        history.touch(victim.account)
        text = f"auto-deleveraging: {plain(event.contracts)} {victim.instrument} {victim.side}, rank {event.rank}"
        history.changes.notices.append(
            Notice(
                time=history.time, account=victim.account, kind="deleveraged", instrument=victim.instrument, text=text
            )
        )


MARKET_EVENTS: dict[type, Callable[["History", Any], None]] = {
    e.MarkSet: _mark,
    e.IndexSet: _index,
    e.PriceStateSet: _market,
    e.InstrumentListed: _market,
    e.FundingSettled: _market,
    e.ExpirySettled: _market,
    e.TradingSwitched: _market,
    e.PositionModeSet: _account,
    e.TimerSet: _account,
    e.MarginModeSet: _account,
    e.Warned: _warned,
    e.WarningLifted: _lifted,
    e.LiquidationDeferred: _deferred,
    e.LiquidationStarted: _started,
    e.LiquidationStep: _step,
    e.LiquidationEnded: _ended,
    e.Deleveraged: _deleveraged,
}
