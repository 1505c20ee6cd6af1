"""Counting an incident: a watched engine that adds up who lost what, and who paid for it."""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

import msgspec

from crossmargin.domain import event as e
from crossmargin.domain.account import Side
from crossmargin.domain.arithmetic import EXACT, ZERO
from crossmargin.domain.ledger import PositionKey
from crossmargin.engine.deleverage import fund_equity
from crossmargin.engine.liquidate import case_of, equity_of
from crossmargin.engine.simulate.watch import WatchedEngine, after_command
from crossmargin.liquidation.plan import due, pool_named
from crossmargin.margin.assess import assess
from crossmargin.margin.pool import Pool

__all__ = ["TalliedEngine"]

_WHOLE_EVERY = 1024
_FALSE = Decimal("0.1")  # a mark that is further from the price elsewhere is not so


class TalliedEngine(WatchedEngine):
    """Every rule asked of every event, and every figure of the report kept.

    Attributes:
        elsewhere: Prices by instrument as they are elsewhere; a liquidation that these would not call for is wrong.
        sums: Amounts in USD, and counts.
    """

    def __init__(self, *arguments: Any) -> None:
        """Start with nothing counted."""
        super().__init__(*arguments)
        self.elsewhere: dict[str, Decimal] = {}
        self.sums: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.victims: set[str] = set()
        self.shortfalls: dict[str, Decimal] = {}
        self.put_in: dict[tuple[str, str], Decimal] = {}
        self._chain: defaultdict[str, Decimal] = defaultdict(Decimal)
        self._events = 0

    def apply(self, event: e.Event) -> None:
        """Look, apply, look again; the whole state is checked from scratch every 1,024 events."""
        look = _LOOKS.get(type(event))
        if look is not None:
            look(self, event)
        before = self._victim(event.victim) if isinstance(event, e.Deleveraged) else None
        super().apply(event)
        self._events += 1
        if before is not None and isinstance(event, e.Deleveraged):
            self._after_victim(event, before)

    def settle(self) -> None:
        """Between steps: nobody due, nobody in debt; now and then everything from scratch."""
        with localcontext(EXACT):
            after_command(self.state)
        if self._events >= _WHOLE_EVERY:
            self._events = 0
            self.check()

    def usd(self, instrument: str, contracts: Decimal) -> Decimal:
        """Value of contracts at mark, in USD."""
        known = self.state.instrument(instrument)
        face = contracts * known.unit
        return face if known.inverse else face * self.state.marks.mark_of(instrument)

    def money(self, currency: str, amount: Decimal) -> Decimal:
        """An amount of a settlement currency in USD, at the mark of an inverse contract on it."""
        for known, _ in self.state.listings.values():
            if known.inverse and known.settle == currency:
                return amount * self.state.marks.mark_of(known.id)
        return amount

    def funds(self) -> dict[str, Decimal]:
        """Equity of every insurance fund in USD."""
        with localcontext(EXACT):
            return {
                owner.id: sum(
                    (self.money(each, fund_equity(self.state, owner.id, each)) for each in owner.currencies), ZERO
                )
                for owner in self.state.owners.values()
                if owner.internal
            }

    # ------------------------------------------------------------------ liquidations

    def started(self, event: e.LiquidationStarted) -> None:
        """Whether prices elsewhere would call for it, and how much is missing already."""
        self.sums["liquidations"] += 1
        state = self.state
        pool = pool_named(state.assessment(event.account), event.pool)
        assert pool is not None
        if self._wrong(event.account, event.pool):
            self.sums["wrong_liquidations"] += 1
        short = max(ZERO, -equity_of(state, case_of(state, event.account, pool)))
        self._chain.clear()
        self._chain["shortfall"] = self.money(pool.currency, short)
        if short:
            self.shortfalls[event.account] = self.shortfalls.get(event.account, ZERO) + self.money(pool.currency, short)

    def _wrong(self, account: str, pool: str) -> bool:
        """Whether the pool is safe at the prices elsewhere."""
        state = self.state
        marks = msgspec.structs.replace(state.marks, mark={**state.marks.mark, **self.elsewhere})
        found = pool_named(assess(state.account(account), marks, state.rulebook), pool)
        return found is not None and not due(found)

    def ended(self, _event: e.LiquidationEnded) -> None:
        """What the ranking gave beyond what was missing."""
        self.sums["overshoot_usd"] += max(ZERO, self._chain["haircut"] - self._chain["shortfall"])
        self._chain.clear()

    def sold(self, event: e.LiquidationFill | e.TakenOver) -> None:
        """Sold into the book, or taken over by a fund."""
        account = event.account
        if not self.state.owners[account].internal:
            name = event.instrument if isinstance(event, e.LiquidationFill) else event.position.instrument
            self._add("liquidated_usd", self.usd(name, event.contracts))
            kind = "book_usd" if isinstance(event, e.LiquidationFill) else "taken_over_usd"
            self._add(kind, self.usd(name, event.contracts))

    def netted(self, event: e.LegsNetted) -> None:
        """Opposite legs closed against each other."""
        self._add("liquidated_usd", 2 * self.usd(event.instrument, event.contracts))

    def deleveraged(self, event: e.Deleveraged) -> None:
        """Closed against the ranking."""
        size = self.usd(event.position.instrument, event.contracts)
        self._add("adl_usd", size)
        if not self.state.owners[event.account].internal:
            self._add("liquidated_usd", size)
        haircut = self.money(self.state.instrument(event.position.instrument).settle, event.haircut)
        self._add("haircut_usd", haircut)
        self._chain["haircut"] += haircut
        self.victims.add(event.victim.account)

    def covered(self, event: e.DeficitCovered) -> None:
        """A deficit and who paid."""
        self.sums["deficit_records"] += 1
        self._add(f"{event.by}_usd", self.money(event.currency, event.amount))

    def moved(self, event: e.MoneyMoved) -> None:
        """What an account has put in from outside, and not taken out."""
        for each in event.transfers:
            if "outside" in (each.debit, each.credit):
                key = (event.account, each.currency)
                amount = each.amount if each.debit == "outside" else -each.amount
                self.put_in[key] = self.put_in.get(key, ZERO) + amount

    def accepted(self, event: e.OrderAccepted) -> None:
        """Whether an order that opens was taken at a mark that is not so elsewhere."""
        ticket, order = event.ticket, event.ticket.order
        if not ticket.account.startswith("book.") and not order.reduce_only:
            elsewhere = self.elsewhere.get(order.instrument)
            mark = self.state.marks.mark_of(order.instrument)
            self.sums["orders_on_false_prices"] += elsewhere is not None and abs(mark - elsewhere) > _FALSE * elsewhere

    def _add(self, name: str, amount: Decimal) -> None:
        self.sums[name] += amount

    # ------------------------------------------------------------------ victims

    def _victim(self, key: PositionKey) -> tuple[Pool | None, Decimal]:
        """Pool and net delta of a victim's coin."""
        account = key.account
        state, assessment = self.state, self.state.assessment(account)
        held = state.owners[account].positions.get(key)
        name = "" if held is None else state.instrument(key.instrument).settle
        pool = pool_named(assessment, f"{name} cross")
        return pool, self._delta(account, state.instrument(key.instrument).base)

    def _delta(self, account: str, base: str) -> Decimal:
        total = ZERO
        for held in self.state.owners[account].positions.values():
            if self.state.instrument(held.key.instrument).base == base:
                size = self.usd(held.key.instrument, held.contracts)
                total += size if held.key.side == Side.LONG else -size
        return abs(total)

    def _after_victim(self, event: e.Deleveraged, before: tuple[Pool | None, Decimal]) -> None:
        old, delta = before
        now = pool_named(self.state.assessment(event.victim.account), old.name) if old is not None else None
        if old is not None and now is not None and old.ratio is not None and now.ratio is not None:
            self.sums["victims_made_worse"] += now.ratio < old.ratio
            self.sums["victims_ruined"] += due(now) and not due(old)
        base = self.state.instrument(event.victim.instrument).base
        self.sums["hedges_broken"] += self._delta(event.victim.account, base) > delta


_LOOKS: dict[type, Callable[[TalliedEngine, Any], None]] = {
    e.LiquidationStarted: TalliedEngine.started,
    e.LiquidationEnded: TalliedEngine.ended,
    e.LiquidationFill: TalliedEngine.sold,
    e.TakenOver: TalliedEngine.sold,
    e.LegsNetted: TalliedEngine.netted,
    e.Deleveraged: TalliedEngine.deleveraged,
    e.DeficitCovered: TalliedEngine.covered,
    e.MoneyMoved: TalliedEngine.moved,
    e.OrderAccepted: TalliedEngine.accepted,
}
