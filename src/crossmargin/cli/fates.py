"""How the fates of a book are told: tables of events and outcomes, assumptions; or one JSON object."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crossmargin.cli import screen
from crossmargin.domain.arithmetic import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crossmargin.backtest.fate import Event, Fate
    from crossmargin.backtest.replay import Replay

__all__ = ["document", "legs_of", "show", "show_outcome"]

_WORDS = {
    "warning": "warning",
    "recovered": "recovered",
    "would_cancel": "would cancel orders",
    "would_liquidate": "would liquidate",
    "margin_drained": "margin drained",
}


def show(replay: "Replay", assumptions: "Sequence[str]", picture: str | None) -> None:
    """Print tables: events, outcome, assumptions, and where the picture is."""
    _show_events(replay)
    show_outcome(replay)
    screen.heading("Assumptions")
    for line in (*assumptions, *replay.assumptions):
        screen.say(f"  - {line}")
    if picture is not None:
        screen.say()
        screen.say(f"Picture: {picture}")


def _show_events(replay: "Replay") -> None:
    events = sorted(
        ((event, fate.mode) for fate in replay.fates.values() for event in fate.events),
        key=lambda each: each[0].time_ms,
    )
    deficits = any(event.deficit for event, _ in events)
    rows = [_event_row(event, mode, deficits=deficits) for event, mode in events]
    lost = ("lost", "deficit") if deficits else ("lost",)
    columns = ("bar (UTC)", "mode", "event", "pool", "ratio", "equity", "required", *lost, "marks")
    if rows:
        screen.table(columns, rows, title="Events")
    else:
        screen.heading("Events")
        screen.say("none: no pool came near its trigger")


def _event_row(event: "Event", mode: str, *, deficits: bool) -> tuple[str, ...]:
    from crossmargin.market.rows import moment

    marks = ", ".join(f"{name} {plain(price)}" for name, price in event.marks.items())
    lost = screen.human(event.lost, 2) if event.lost else ""
    return (
        moment(event.time_ms),
        mode,
        _WORDS[event.kind],
        event.pool,
        screen.percent(event.ratio, 0),
        screen.human(event.equity, 2),
        screen.human(event.required, 2),
        lost,
        *([screen.human(event.deficit, 2) if event.deficit else ""] if deficits else []),
        marks,
    )


def show_outcome(replay: "Replay", *, from_file: bool = True) -> None:
    """Print what became of the book in each mode, side by side."""
    fates = list(replay.fates.values())
    unit = replay.unit

    def row(label: str, cells: "Sequence[str]") -> tuple[str, ...]:
        return (label, *cells)

    rows = [
        row(f"start equity, {unit}", [screen.human(fate.start_equity, 2) for fate in fates]),
        row(f"end equity, {unit}", [screen.human(fate.end_equity, 2) for fate in fates]),
        row("funding", [_by_currency(fate.funding) for fate in fates]),
        row("lost in liquidations", [_by_currency(fate.lost) for fate in fates]),
        row("liquidated", [", ".join(legs_of(fate)) or "nothing" for fate in fates]),
        row("lowest ratio", [screen.percent(fate.lowest_ratio, 0) for fate in fates]),
        row("closest to liquidation", [screen.percent(fate.lowest_distance, 1) for fate in fates]),
        row("status", [fate.status.value for fate in fates]),
    ]
    given = replay.mode if from_file else ""
    modes = [f"{fate.mode} (as in the file)" if fate.mode == given else fate.mode for fate in fates]
    screen.table(("outcome", *modes), rows, title="Outcome")


def legs_of(fate: "Fate") -> list[str]:
    """What was liquidated, as people say it: ``BTC-USDT-SWAP long``."""
    return [" ".join(each.rsplit(":", 2)[:2]) for each in fate.liquidated]


def _by_currency(amounts: dict[str, Decimal]) -> str:
    return " + ".join(f"{screen.human(amount, 2)} {currency}" for currency, amount in amounts.items()) or "0"


# ---------------------------------------------------------------- JSON


def document(replay: "Replay", assumptions: "Sequence[str]", picture: str | None) -> dict[str, Any]:
    """The replay as one JSON object: amounts as decimal strings, times as UTC milliseconds."""
    tape = replay.tape
    return {
        "status": replay.status.value,
        "mode": replay.mode,
        "unit": replay.unit,
        "bars": len(tape.times),
        "step_ms": tape.step_ms,
        "from_ms": tape.times[0],
        "to_ms": tape.end_ms,
        "fates": {mode: _fate(fate) for mode, fate in replay.fates.items()},
        "assumptions": [*assumptions, *replay.assumptions],
        "picture": picture,
    }


def _fate(fate: "Fate") -> dict[str, Any]:
    return {
        "status": fate.status.value,
        "start_equity": plain(fate.start_equity),
        "end_equity": plain(fate.end_equity),
        "lost": _amounts(fate.lost),
        "funding": _amounts(fate.funding),
        "liquidated": list(fate.liquidated),
        "lowest_ratio": _amount(fate.lowest_ratio),
        "lowest_distance": _amount(fate.lowest_distance),
        "events": [_event(event) for event in fate.events],
    }


def _event(event: "Event") -> dict[str, Any]:
    return {
        "time_ms": event.time_ms,
        "kind": event.kind.value,
        "pool": event.pool,
        "currency": event.currency,
        "legs": list(event.legs),
        "ratio": _amount(event.ratio),
        "equity": plain(event.equity),
        "equity_before": _amount(event.equity_before),
        "required": plain(event.required),
        "lost": plain(event.lost),
        "deficit": plain(event.deficit),
        "marks": _amounts(event.marks),
        "orders": list(event.orders),
    }


def _amount(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _amounts(values: dict[str, Decimal]) -> dict[str, str]:
    return {name: plain(value) for name, value in values.items()}
