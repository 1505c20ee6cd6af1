"""Walks one book through bars: funding at the open, the worst moment inside, the close.

Inside a bar every position meets its own worst price at one moment, then all meet the close. A pool at its
trigger is taken over whole: what it still held is lost, and nothing beyond it is (the deficit is noted).
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec
from msgspec import Struct

from crossmargin.backtest.fate import Event, EventKind, Fate, Reading
from crossmargin.domain.account import Account, MarginMode, Side
from crossmargin.domain.arithmetic import ZERO
from crossmargin.domain.instrument import Kind
from crossmargin.domain.marks import Marks
from crossmargin.margin.assess import Assessment, assess
from crossmargin.margin.holds import HoldKind
from crossmargin.margin.liquidation_price import liquidation_prices
from crossmargin.margin.pool import Pool, Status
from crossmargin.margin.valuation import notional
from crossmargin.market.candles import Bar
from crossmargin.rulebook.model import Rulebook

__all__ = ["Walker", "Worth"]


class Worth(Struct, frozen=True):
    """The unit in which whole accounts are told, and the instrument that prices each other currency in it."""

    unit: str
    prices: dict[str, str] = {}

    def equity(self, assessment: Assessment) -> Decimal:
        """Equity of all currencies that have a price; the others are told in the assumptions."""
        amount = ZERO
        for currency, figures in assessment.currencies.items():
            if currency == self.unit:
                amount += figures.equity
            elif currency in self.prices:
                amount += figures.equity * assessment.marks.mark_of(self.prices[currency])
        return amount


class Walker:
    """One book on its way; `walk` is called once a bar and `fate` says what became of it."""

    def __init__(self, mode: str, account: Account, rulebook: Rulebook, base: Marks, worth: Worth) -> None:
        """Start with an account; `base` holds the prices that no bar changes."""
        self.mode, self.account, self.rulebook, self.base, self.worth = mode, account, rulebook, base, worth
        self.events: list[Event] = []
        self.readings: list[Reading] = []
        self.start_equity = ZERO
        self.lost: dict[str, Decimal] = {}
        self.funding: dict[str, Decimal] = {}
        self.liquidated: list[str] = []
        self.notes: list[str] = []
        self._warned: set[str] = set()
        self._supports: dict[str, Decimal] = {}  # of each pool at the close before
        self._bar = _BarNotes(0)

    def fate(self) -> Fate:
        """What has become of the book so far."""
        return Fate(
            mode=self.mode,
            start_equity=self.start_equity,
            end_equity=self.readings[-1].equity if self.readings else self.start_equity,
            events=tuple(self.events),
            readings=tuple(self.readings),
            lost=dict(self.lost),
            liquidated=tuple(self.liquidated),
            funding=dict(self.funding),
            final=self.account,
        )

    def walk(self, bars: Mapping[str, Bar], lasts: Mapping[str, Bar] | None, rates: Mapping[str, Decimal]) -> None:
        """Go through one bar.

        Args:
            bars: Mark price bar by instrument id.
            lasts: Traded price bar, None where it is the mark's.
            rates: Funding that falls due at the open, by instrument id.
        """
        self._bar = _BarNotes(next(iter(bars.values())).time_ms)
        last = None if lasts is None else {name: bar.close for name, bar in lasts.items()}
        if not self.readings:
            self._start(self._marks({name: bar.open for name, bar in bars.items()}, last))
        if rates:
            self._settle({name: bar.open for name, bar in bars.items()}, rates)
        worst = self._worst_moments(bars, last)
        close = self._judge(self._marks({name: bar.close for name, bar in bars.items()}, last))
        self._recover(close)
        self._supports = {name: pool.risk.available for name, pool in _pools(close)}
        self._read(worst, close)

    def _marks(self, prices: dict[str, Decimal], last: dict[str, Decimal] | None) -> Marks:
        return msgspec.structs.replace(self.base, mark=prices, last=prices if last is None else last)

    def _start(self, marks: Marks) -> None:
        assessment = assess(self.account, marks, self.rulebook)
        self.start_equity = self.worth.equity(assessment)
        for name, pool in _pools(assessment):
            self._supports[name] = pool.risk.available
            if pool.status is Status.LIQUIDATION:
                self.notes.append(f"{self.mode}: {name} is at its trigger already at the first open")

    # -------------------------------------------------------- funding

    def _settle(self, opened: Mapping[str, Decimal], rates: Mapping[str, Decimal]) -> None:
        """Pay funding: value at mark x rate, from long to short when the rate is positive."""
        balances = dict(self.account.balances)
        positions = []
        for position in self.account.positions:
            instrument = self.rulebook.instrument(position.instrument)
            rate = rates.get(position.instrument, ZERO)
            if not rate or instrument.kind is not Kind.PERPETUAL:
                positions.append(position)
                continue
            value = notional(instrument, position.contracts, opened[position.instrument])
            received = -position.side.sign * value * rate
            currency = instrument.settle
            self.funding[currency] = self.funding.get(currency, ZERO) + received
            margin = position.margin
            if position.margin_mode is MarginMode.ISOLATED and margin is not None:
                margin += received
            else:
                balances[currency] = balances.get(currency, ZERO) + received
            fee = position.funding_fee + received
            positions.append(msgspec.structs.replace(position, margin=margin, funding_fee=fee))
        self.account = msgspec.structs.replace(self.account, balances=balances, positions=tuple(positions))

    # -------------------------------------------------------- judging

    def _worst_moments(self, bars: Mapping[str, Bar], last: dict[str, Decimal] | None) -> list[Assessment]:
        """Judge the book with long legs at their low and short legs at their high.

        What is held both ways, or only ordered, is tried at both extremes; the one that leaves cross pools
        less stays while the next is tried: each adds its own part, so this finds the worst combination.
        """
        sides: dict[str, set[Side]] = {order.instrument: set() for order in self.account.orders}
        for position in self.account.positions:
            sides.setdefault(position.instrument, set()).add(position.side)
        prices = {n: bar.high if sides.get(n) == {Side.SHORT} else bar.low for n, bar in bars.items()}
        judged = [self._judge(self._marks(prices, last))]
        slack = _slack(judged[0])
        for name, held in sides.items():
            if len(held) != 1:
                other = prices | {name: bars[name].high}
                judged.append(self._judge(self._marks(other, last)))
                if _slack(judged[-1]) < slack:
                    prices, slack = other, _slack(judged[-1])
        return judged

    def _judge(self, marks: Marks) -> Assessment:
        """Assess the book at one moment and do what the venue would do."""
        assessment = assess(self.account, marks, self.rulebook)
        if self.rulebook.rules.cancels_orders_first and assessment.holds and self._cancel(assessment):
            assessment = assess(self.account, marks, self.rulebook)
        before = self.account
        for name, pool in _pools(assessment):
            self._bar.note(name, pool)
            if pool.status is Status.LIQUIDATION:
                self._take_over(name, pool, assessment)
            elif pool.status is Status.WARNING and name not in self._warned:
                self._warned.add(name)
                self.events.append(self._event(EventKind.WARNING, name, pool))
        return assessment if self.account is before else assess(self.account, marks, self.rulebook)

    def _cancel(self, assessment: Assessment) -> bool:
        """Cancel opening orders of every cross pool that can't carry both maintenance and order cost."""
        cancelled: set[int] = set()
        for currency, pool in assessment.cross.items():
            holds = [h for h in assessment.holds if h.currency == currency and h.kind is HoldKind.CROSS and h.contracts]
            cost = assessment.sheets[currency].figure("order_margin") + sum(h.fee + h.open_loss for h in holds)
            if holds and pool.risk.available < pool.risk.maintenance + cost:
                ids = tuple(hold.order.id for hold in holds)
                event = self._event(EventKind.WOULD_CANCEL, f"{currency} cross", pool)
                self.events.append(msgspec.structs.replace(event, orders=ids))
                cancelled.update(id(hold.order) for hold in holds)
        if cancelled:
            orders = tuple(order for order in self.account.orders if id(order) not in cancelled)
            self.account = msgspec.structs.replace(self.account, orders=orders)
        return bool(cancelled)

    def _take_over(self, name: str, pool: Pool, assessment: Assessment) -> None:
        """Take a pool over whole: positions and orders leave, collateral is lost, the rest stays."""
        isolated = pool.isolated is not None
        collateral = pool.fixed if isolated else self.account.balance(pool.currency)
        lost = max(ZERO, collateral)
        event = self._event(EventKind.WOULD_LIQUIDATE, name, pool)
        self.events.append(msgspec.structs.replace(event, lost=lost, deficit=max(ZERO, -pool.risk.available)))
        if isolated:
            self.events.append(msgspec.structs.replace(event, kind=EventKind.MARGIN_DRAINED, lost=lost))
        self.lost[pool.currency] = self.lost.get(pool.currency, ZERO) + lost
        self.liquidated += event.legs
        self._bar.liquidated = True
        self._warned.discard(name)
        self.account = self._without(pool, assessment)

    def _without(self, pool: Pool, assessment: Assessment) -> Account:
        gone = {leg.holding.id for leg in pool.positions}
        mode = MarginMode.CROSS if pool.isolated is None else MarginMode.ISOLATED
        instruments = {leg.instrument.id for leg in pool.positions}

        def dies(order_instrument: str, order_mode: MarginMode, currency: str | None) -> bool:
            if mode is MarginMode.ISOLATED:
                return order_mode is mode and order_instrument in instruments
            settle = currency or assessment.rulebook.instrument(order_instrument).settle
            return order_mode is mode and settle == pool.currency

        account = self.account
        changes: dict[str, object] = {
            "positions": tuple(each for each in account.positions if each.id not in gone),
            "orders": tuple(o for o in account.orders if not dies(o.instrument, o.margin_mode, o.margin_currency)),
        }
        if pool.isolated is None:
            changes["balances"] = account.balances | {pool.currency: ZERO}
            changes["interest"] = {c: amount for c, amount in account.interest.items() if c != pool.currency}
        return msgspec.structs.replace(account, **changes)

    def _event(self, kind: EventKind, name: str, pool: Pool) -> Event:
        return Event(
            time_ms=self._bar.time_ms,
            kind=kind,
            pool=name,
            currency=pool.currency,
            legs=tuple(leg.holding.id for leg in pool.positions),
            ratio=pool.risk.ratio,
            equity=pool.risk.available,
            equity_before=self._supports.get(name),
            required=pool.risk.required,
            marks={leg.instrument.id: leg.mark for leg in pool.positions},
        )

    # -------------------------------------------------------- the end of a bar

    def _recover(self, close: Assessment) -> None:
        """A warned pool has recovered when it was safe through a whole bar, its worst moment included."""
        standing = dict(_pools(close))
        for name in sorted(self._warned):
            if name not in standing:
                self._warned.discard(name)
            elif self._bar.worst.get(name, Status.SAFE) is Status.SAFE:
                self._warned.discard(name)
                self.events.append(self._event(EventKind.RECOVERED, name, standing[name]))

    def _read(self, worst: list[Assessment], close: Assessment) -> None:
        distances = [
            each.distance
            for assessment in worst
            for each in liquidation_prices(assessment).values()
            if each.distance is not None
        ]
        self.readings.append(
            Reading(
                equity=self.worth.equity(close),
                equity_low=min(self.worth.equity(each) for each in (*worst, close)),
                ratio=self._bar.ratio,
                distance=ZERO if self._bar.liquidated else min(distances, default=None),
            )
        )


class _BarNotes:
    """What the moments of one bar have in common."""

    def __init__(self, time_ms: int) -> None:
        self.time_ms = time_ms
        self.ratio: Decimal | None = None
        self.worst: dict[str, Status] = {}
        self.liquidated = False

    def note(self, name: str, pool: Pool) -> None:
        """Keep the lowest ratio of all and the worst status of each."""
        ratio = pool.risk.ratio
        if ratio is not None and (self.ratio is None or ratio < self.ratio):
            self.ratio = ratio
        before = self.worst.get(name, Status.SAFE)
        self.worst[name] = max(before, pool.status, key=lambda status: status.severity)


def _pools(assessment: Assessment) -> Iterator[tuple[str, Pool]]:
    """Every pool under the name that events use."""
    for currency, pool in assessment.cross.items():
        yield f"{currency} cross", pool
    yield from assessment.isolated.items()


def _slack(assessment: Assessment) -> Decimal:
    """What the cross pools have beyond what they require."""
    return sum((pool.risk.available - pool.risk.required for pool in assessment.cross.values()), ZERO)
