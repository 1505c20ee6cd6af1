"""Bounds: what an account surely has and at most needs, so cheap that every order and every touched account is asked.

Exact decides, cheap nominates: whom the bounds clear the exact rules could neither refuse, warn nor liquidate, so they
need not be asked. Whoever is not cleared is assessed. A bound never makes a figure that anyone sees.

    supports   cash + floating PnL - what live orders hold at most
    requires   value at mark x a rate that the tier does not exceed, with closing fee and orders where they count
    spare      cash + floating PnL - value / leverage - what live orders hold at most

What orders hold is carried forward from order to order; the rest is a handful of products for each position.
"""

from collections.abc import Collection
from decimal import Decimal, Inexact

from msgspec import Struct

from crossmargin.domain.account import MarginMode, Order, Side
from crossmargin.domain.arithmetic import ONE, ZERO
from crossmargin.domain.ledger import QUANTUM, Ticket
from crossmargin.engine.owner import Load, Owner
from crossmargin.engine.scale import NOISE, UP, Scale, covers, scale_of
from crossmargin.rulebook.model import Rulebook

__all__ = ["Bounds", "Standing"]

# Members by a name of their own: looked up on its class, one costs ten times as much.
_LONG, _CROSS = Side.LONG, MarginMode.CROSS


class Standing:
    """The bounds of one currency pool of an account.

    Attributes:
        supports, requires, spare: As above.
        gross: What the distance supports - warn x requires loses at most when every price moves by 1 of itself.
        names: Instruments whose prices move it.
    """

    __slots__ = ("gross", "names", "requires", "spare", "supports")

    def __init__(self, cash: Decimal) -> None:
        """Start with the cash alone."""
        self.supports = self.spare = cash
        self.requires = self.gross = ZERO
        self.names: list[str] = []


class Exposure(Struct, frozen=True):
    """The positions of an account.

    Attributes:
        pools: Gain, margin and requirement by currency.
        parts: Contracts and value by instrument.
    """

    pools: dict[str, tuple[Decimal, Decimal, Decimal]]
    parts: dict[str, tuple[Decimal, Decimal]]


Standings = dict[str, Standing]
Fills = list[tuple[Decimal, Decimal]]
"""Price and size of each fill."""


class Bounds:
    """Bounds under one rulebook, over the marks and cells of a state.

    Attributes:
        covered: Whether bounds hold under these rules at all.
        warn: The ratio above which nothing has to be said; at least 1.
    """

    __slots__ = (
        "_cells",
        "_counts_orders",
        "_exposures",
        "_immediate_loss",
        "_marks",
        "_rulebook",
        "_scales",
        "covered",
        "warn",
    )

    def __init__(
        self, rulebook: Rulebook, marks: dict[str, Decimal], cells: dict[str, dict[str, Decimal]], *, plain: bool
    ) -> None:
        """Look at a state; `plain` clears nobody, so that everyone is assessed."""
        rules = rulebook.rules
        self.covered = covers(rulebook) and not plain
        self._rulebook, self._marks, self._cells = rulebook, marks, cells
        self._scales: dict[str, Scale | None] = {}
        self._exposures: dict[str, Exposure | None] = {}
        self._counts_orders = rules.order_maintenance or rules.tier_includes_orders
        self._immediate_loss = rules.admission == "hold_and_immediate_loss"
        self.warn = max(ONE, rules.warn_at)

    def scale(self, instrument: str) -> Scale | None:
        """The scale of an instrument, None where bounds do not reach."""
        try:
            return self._scales[instrument]
        except KeyError:
            self.know(instrument, scale_of(self._rulebook, self._rulebook.instrument(instrument)))
            return self._scales[instrument]

    def know(self, instrument: str, scale: Scale | None) -> None:
        """Use a scale for an instrument from now on."""
        self._scales[instrument] = scale

    # ------------------------------------------------------------------ what orders hold

    def put(self, load: Load, ticket: Ticket) -> None:
        """Count a new or changed order."""
        self.drop(load, ticket.id)
        if not self.covered or ticket.state == "waiting":
            return
        order = ticket.order
        held = None if order.price is None or order.margin_mode != _CROSS else self._held(order)
        load.orders[ticket.id] = held
        if held is None:
            load.outside += 1
        elif held is not _FREE:
            name, contracts, cost = held
            sums = load.sums.get(name)
            load.sums[name] = (contracts, cost) if sums is None else (sums[0] + contracts, sums[1] + cost)

    def drop(self, load: Load, order: str) -> None:
        """Count an order no more."""
        if order not in load.orders:
            return
        held = load.orders.pop(order)
        if held is None:
            load.outside -= 1
        if held is None or held is _FREE:
            return
        name, contracts, cost = held
        sums = load.sums[name]
        if sums[0] == contracts:
            del load.sums[name]
        else:
            load.sums[name] = (sums[0] - contracts, sums[1] - cost)

    def _held(self, order: Order) -> tuple[str, Decimal, Decimal] | None:
        """Instrument, contracts and cost of an order; nothing of one that only reduces, None outside of the bounds."""
        scale = self.scale(order.instrument)
        if scale is None or order.price is None:
            return None
        if order.reduce_only:
            return _FREE
        remaining = order.remaining
        return order.instrument, remaining, scale.hold(scale.value(remaining, order.price), order.leverage)

    # ------------------------------------------------------------------ standings

    def standings(self, owner: Owner) -> Standings | None:
        """The pools of an account; None where bounds do not reach."""
        load = owner.load
        if not self.covered or load.outside:
            return None
        try:
            return self._standings(owner, None)
        except Inexact:
            return None

    def _standings(self, owner: Owner, extra: tuple[str, Decimal, Decimal] | None) -> Standings | None:
        """As `standings`; `extra` contracts of an instrument, and their value, are required for as well."""
        exposure = self._exposure(owner)
        if exposure is None:
            return None
        found: Standings = {}
        for currency, (gain, margin, _) in exposure.pools.items():
            pool = self._pool(found, owner, currency)
            pool.supports += gain
            pool.spare += gain - margin
        parts = exposure.parts.copy()
        for name, (contracts, cost) in owner.load.sums.items():
            scale = self._scales[name]
            assert scale is not None
            pool = self._pool(found, owner, scale.settle)
            pool.supports -= cost
            pool.spare -= cost
            if self._counts_orders:
                parts[name] = _joined(parts.get(name), contracts, scale.value(contracts, self._marks[name]))
        if extra is not None:
            name, contracts, value = extra
            scale = self._scales[name]
            assert scale is not None
            self._pool(found, owner, scale.settle)
            parts[name] = _joined(parts.get(name), contracts, value)
        self._require(found, parts)
        return found

    def _exposure(self, owner: Owner) -> Exposure | None:
        """What the positions of an account come to at the marks, computed once until one of them changes."""
        try:
            return self._exposures[owner.id]
        except KeyError:
            found = self._exposures[owner.id] = self._exposed(owner)
            return found

    def _exposed(self, owner: Owner) -> Exposure | None:
        pools: dict[str, tuple[Decimal, Decimal, Decimal]] = {}
        parts: dict[str, tuple[Decimal, Decimal]] = {}
        for key, held in owner.positions.items():
            scale = self.scale(key.instrument)
            if scale is None or key.margin_mode != _CROSS:
                return None
            contracts = held.contracts
            value = scale.value(contracts, self._marks[key.instrument])
            entry = scale.value(contracts, held.entry_price)
            gain = value - entry if (key.side == _LONG) is not scale.inverse else entry - value
            if scale.at_entry:
                value = max(value, entry)
            gains, margins, needs = pools.get(scale.settle, _NONE)
            margin = UP.divide(value, held.leverage)
            pools[scale.settle] = (gains + gain, margins + margin, needs + value * scale.rates[0][1])
            parts[key.instrument] = _joined(parts.get(key.instrument), contracts, value)
        if any(len(scale.rates) > 1 for name in parts if (scale := self._scales[name]) is not None):
            found = {currency: Standing(ZERO) for currency in pools}
            self._require(found, parts)
            pools = {currency: (pools[currency][0], pools[currency][1], found[currency].requires) for currency in pools}
        return Exposure(pools, parts)

    def forget(self, account: str) -> None:
        """A position of an account has changed."""
        self._exposures.pop(account, None)

    def revalue(self, holders: Collection[str]) -> None:
        """The mark of what these accounts hold has moved."""
        kept = self._exposures
        for account in [name for name in kept if name in holders] if len(kept) < len(holders) else holders:
            kept.pop(account, None)

    def agrees(self, other: "Bounds", owner: Owner) -> bool:
        """Whether what is kept of an account's positions is what another, new one comes to."""
        return self._exposure(owner) == other._exposure(owner)

    def _pool(self, found: Standings, owner: Owner, currency: str) -> Standing:
        pool = found.get(currency)
        if pool is None:
            cash = self._cells.get(currency, _EMPTY).get(owner.cash, ZERO)
            pool = found[currency] = Standing(cash)
        return pool

    def _require(self, found: Standings, parts: dict[str, tuple[Decimal, Decimal]]) -> None:
        """What each part needs at most, in the tier of its group's size."""
        sizes: dict[str, Decimal] = {}
        scales = self._scales
        for name, (contracts, value) in parts.items():
            scale = scales[name]
            assert scale is not None
            if len(scale.rates) > 1:
                sizes[scale.group] = sizes.get(scale.group, ZERO) + scale.sized(contracts, value)
        for name, (_, value) in parts.items():
            scale = scales[name]
            assert scale is not None
            need = value * scale.rate(sizes.get(scale.group, ZERO))
            pool = found[scale.settle]
            pool.requires += need
            pool.gross += value + self.warn * need
            pool.names.append(name)

    # ------------------------------------------------------------------ verdicts

    def calm(self, owner: Owner) -> bool:
        """As `safe`, without the figures."""
        if self._counts_orders:
            return self.safe(owner) is not None
        load = owner.load
        if not self.covered or load.outside:
            return False
        try:
            exposure = self._exposure(owner)
            if exposure is None:
                return False
            pools = exposure.pools
            for currency in pools if not load.sums else {**pools, **{self._settle(name): None for name in load.sums}}:
                gain, _, requires = pools.get(currency, _NONE)
                if self._cash(owner, currency) + gain <= self.warn * requires:
                    return False
        except Inexact:
            return False
        return True

    def _settle(self, instrument: str) -> str:
        scale = self._scales[instrument]
        assert scale is not None
        return scale.settle

    def _cash(self, owner: Owner, currency: str) -> Decimal:
        """Cash less what orders hold."""
        cash = self._cells.get(currency, _EMPTY).get(owner.cash, ZERO)
        for name, (_, cost) in owner.load.sums.items():
            if self._settle(name) == currency:
                cash -= cost
        return cash

    def safe(self, owner: Owner) -> Standings | None:
        """The standings of an account in which nothing is to be warned of, relieved or liquidated; None in doubt."""
        found = self.standings(owner)
        if found is None:
            return None
        for pool in found.values():
            if pool.supports <= self.warn * pool.requires:
                return None
        return found

    def survives(self, owner: Owner, instrument: str, loss: Decimal) -> bool:
        """Whether an account surely stays above the trigger when a part of a position is closed at a loss."""
        scale, found = self.scale(instrument), self.standings(owner)
        if scale is None or found is None or scale.settle not in found:
            return False
        found[scale.settle].supports -= loss
        return all(each.supports > each.requires for each in found.values())

    def clears(self, owner: Owner, order: Order, fills: Fills) -> bool:
        """Whether a new cross order surely finds its margin, as it is and as these fills would leave it."""
        scale = self.scale(order.instrument) if self.covered else None
        plain = order.margin_mode == _CROSS and order.resting and not order.filled
        if scale is None or not plain or owner.load.outside or order.id in owner.load.orders:
            return False
        try:
            return self._fits(owner, order, scale) and self._affordable(owner, order, scale, fills)
        except Inexact:
            return False

    def _fits(self, owner: Owner, order: Order, scale: Scale) -> bool:
        """Size, and the cap of the order's leverage."""
        contracts = order.contracts
        if (scale.lot is not None and contracts % scale.lot) or (scale.least is not None and contracts < scale.least):
            return False
        cap = scale.table.cap_at(order.leverage)
        if cap is None:
            return True
        contracts += owner.load.sums.get(order.instrument, _NOTHING)[0]
        for key, held in owner.positions.items():
            if key.instrument == order.instrument:
                contracts += held.contracts
        return scale.counts_contracts and scale.sized(contracts, ZERO) <= cap

    def _affordable(self, owner: Owner, order: Order, scale: Scale, fills: Fills) -> bool:
        """What it holds and what its fills lose against the mark is there; all pools stay above the trigger."""
        mark, contracts = self._marks[order.instrument], order.contracts
        price = mark if order.price is None else order.price
        at_mark, at_price = scale.value(contracts, mark), scale.value(contracts, price)
        opens, leverage = _opens(owner, order)
        if opens is None:
            return False
        rest = contracts
        loss = at_mark * NOISE
        for at, size in fills:
            value = scale.value(size, at)
            loss += abs(value - scale.value(size, mark)) + value * scale.taker + QUANTUM
            rest -= size
        worst = max(at_mark, at_price) + loss
        if opens and not fills:
            return self._spares(owner, scale.settle, scale.hold(worst, leverage) + self._extra(at_mark, at_price))
        found = self._standings(owner, (order.instrument, contracts, worst))
        if found is None:
            return False
        pool = found[scale.settle]
        needs = ZERO if order.reduce_only else scale.hold(worst, leverage) + self._extra(at_mark, at_price)
        if not opens:
            loss += abs(scale.value(rest, price) - scale.value(rest, mark)) if rest else ZERO
            return (order.reduce_only or pool.spare >= needs) and pool.supports >= loss
        pool.supports -= loss + (scale.hold(scale.value(rest, price), leverage) if rest else ZERO)
        return pool.spare >= needs + loss and all(each.supports > each.requires for each in found.values())

    def _extra(self, at_mark: Decimal, at_price: Decimal) -> Decimal:
        """What admission asks for beyond the hold: the loss against the mark, where the rules count it."""
        return abs(at_mark - at_price) if self._immediate_loss else ZERO

    def _spares(self, owner: Owner, currency: str, needs: Decimal) -> bool:
        """Whether a pool has so much free."""
        exposure = self._exposure(owner)
        if exposure is None:
            return False
        gain, margin, _ = exposure.pools.get(currency, _NONE)
        return self._cash(owner, currency) + gain - margin >= needs


def _opens(owner: Owner, order: Order) -> tuple[bool | None, Decimal]:
    """Whether an order can open, and the leverage that it opens at; None where it reduces what is not there."""
    side, held, leverage = order.side.opens, ZERO, order.leverage
    for key, each in owner.positions.items():
        if key.instrument == order.instrument:
            if key.side == side:
                leverage = min(leverage, each.leverage)
            else:
                held = each.contracts
    if order.reduce_only:
        return (False if held else None), leverage
    if order.position_side is not None:
        return order.position_side == side, leverage
    return order.contracts > held, leverage


def _joined(part: tuple[Decimal, Decimal] | None, contracts: Decimal, value: Decimal) -> tuple[Decimal, Decimal]:
    return (contracts, value) if part is None else (part[0] + contracts, part[1] + value)


_EMPTY: dict[str, Decimal] = {}
_NOTHING = (ZERO, ZERO)
_NONE = (ZERO, ZERO, ZERO)
_FREE = ("", ZERO, ZERO)
