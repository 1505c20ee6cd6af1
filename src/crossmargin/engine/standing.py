"""Standings: what each pool of an account surely has and at most needs, from sums that are carried forward.

What live orders hold is carried from order to order; what positions come to is kept until one of them, or its mark,
changes. `crossmargin.engine.bounds` says what follows from it.
"""

from collections.abc import Collection, Iterable
from decimal import Decimal, Inexact

from msgspec import Struct

from crossmargin.domain.account import MarginMode, Order, Side
from crossmargin.domain.arithmetic import ONE, ZERO
from crossmargin.domain.ledger import Ticket
from crossmargin.engine.owner import Load, Owner
from crossmargin.engine.scale import UP, Scale, covers, covers_orders, scale_of
from crossmargin.rulebook.model import Rulebook

__all__ = ["EMPTY", "NONE", "Exposure", "Pools", "Standing", "Standings"]

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
        pools: Gain, margin and requirement of cross positions by currency.
        parts: Their contracts and value by instrument.
        isolated: Instrument, support, requirement and value of each isolated position by its id.
    """

    pools: dict[str, tuple[Decimal, Decimal, Decimal]]
    parts: dict[str, tuple[Decimal, Decimal]]
    isolated: dict[str, tuple[str, Decimal, Decimal, Decimal]]


Pools = dict[str, Standing]


class Standings:
    """What accounts surely have and at most need, under one rulebook, over the marks and cells of a state.

    Attributes:
        covered: Whether bounds hold under these rules at all.
        admits: Whether they hold for live orders too.
        warn: The ratio above which nothing has to be said; at least 1.
    """

    __slots__ = (
        "_cells", "_counts_orders", "_exposures", "_immediate_loss", "_isolated", "_marks", "_rulebook", "_scales",
        "admits", "covered", "warn",
    )  # fmt: skip

    def __init__(
        self, rulebook: Rulebook, marks: dict[str, Decimal], cells: dict[str, dict[str, Decimal]], *, plain: bool
    ) -> None:
        """Look at a state; `plain` clears nobody, so that everyone is assessed."""
        rules = rulebook.rules
        self.covered = covers(rulebook) and not plain
        self.admits = self.covered and covers_orders(rulebook)
        self._rulebook, self._marks, self._cells = rulebook, marks, cells
        self._scales: dict[str, Scale | None] = {}
        self._isolated: dict[str, Scale | None] = {}
        self._exposures: dict[str, Exposure | None] = {}
        self._counts_orders = rules.order_maintenance or rules.tier_includes_orders
        self._immediate_loss = rules.admission == "hold_and_immediate_loss"
        self.warn = max(ONE, rules.warn_at)

    def scale(self, instrument: str) -> Scale | None:
        """The scale of an instrument, None where bounds do not reach."""
        try:
            return self._scales[instrument]
        except KeyError:
            self.know(instrument, scale_of(self._rulebook, self._rulebook.instrument(instrument), _CROSS))
            return self._scales[instrument]

    def _alone(self, instrument: str) -> Scale | None:
        """The scale of isolated positions in an instrument."""
        if instrument not in self._isolated:
            found = scale_of(self._rulebook, self._rulebook.instrument(instrument), MarginMode.ISOLATED)
            self._isolated[instrument] = found
        return self._isolated[instrument]

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
            name, contracts, currency, cost = held
            load.contracts[name] = load.contracts.get(name, ZERO) + contracts
            load.costs[currency] = load.costs.get(currency, ZERO) + cost

    def drop(self, load: Load, order: str) -> None:
        """Count an order no more."""
        if order not in load.orders:
            return
        held = load.orders.pop(order)
        if held is None:
            load.outside -= 1
        if held is None or held is _FREE:
            return
        name, contracts, currency, cost = held
        _take(load.contracts, name, contracts)
        _take(load.costs, currency, cost)

    def _held(self, order: Order) -> tuple[str, Decimal, str, Decimal] | None:
        """Instrument, contracts, currency and cost; nothing of what only reduces, None outside of the bounds."""
        scale = self.scale(order.instrument)
        if scale is None or order.price is None or not self.admits:
            return None
        if order.reduce_only:
            return _FREE
        remaining = order.remaining
        cost = scale.hold(scale.value(remaining, order.price), order.leverage)
        return order.instrument, remaining, scale.settle, cost

    # ------------------------------------------------------------------ standings

    def standings(self, owner: Owner) -> Pools | None:
        """The pools of an account; None where bounds do not reach."""
        load = owner.load
        if not self.covered or load.outside:
            return None
        try:
            return self._standings(owner, None)
        except Inexact:
            return None

    def _standings(self, owner: Owner, extra: tuple[str, Decimal, Decimal] | None) -> Pools | None:
        """As `standings`; `extra` contracts of an instrument, and their value, are required for as well."""
        exposure = self._exposure(owner)
        if exposure is None:
            return None
        found: Pools = {}
        for currency, (gain, margin, _) in exposure.pools.items():
            pool = self._pool(found, owner, currency)
            pool.supports += gain
            pool.spare += gain - margin
        for id, (name, supports, requires, value) in exposure.isolated.items():
            pool = found[id] = Standing(supports)
            pool.requires, pool.gross, pool.names = requires, value + self.warn * requires, [name]
        parts = exposure.parts.copy()
        for currency, cost in owner.load.costs.items():
            pool = self._pool(found, owner, currency)
            pool.supports -= cost
            pool.spare -= cost
        for name, contracts in owner.load.contracts.items() if self._counts_orders else ():
            scale = self._scales[name]
            assert scale is not None
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
        found = Exposure({}, {}, {})
        pools, parts = found.pools, found.parts
        for key, held in owner.positions.items():
            cross = key.margin_mode == _CROSS
            scale = self.scale(key.instrument) if cross else self._alone(key.instrument)
            if scale is None:
                return None
            contracts = held.contracts
            value = scale.value(contracts, self._marks[key.instrument])
            entry = scale.value(contracts, held.entry_price)
            gain = value - entry if (key.side == _LONG) is not scale.inverse else entry - value
            if scale.at_entry:
                value = max(value, entry)
            if cross:
                gains, margins, needs = pools.get(scale.settle, NONE)
                margin = UP.divide(value, held.leverage)
                pools[scale.settle] = (gains + gain, margins + margin, needs + value * scale.rates[0][1])
                parts[key.instrument] = _joined(parts.get(key.instrument), contracts, value)
            else:
                margin = self._cells.get(scale.settle, EMPTY).get(f"margin/{key.cell}", ZERO)
                needs = value * scale.rate(scale.sized(contracts, value))
                id = f"{key.instrument}:{key.side}:{key.margin_mode}"
                found.isolated[id] = (key.instrument, margin + gain, needs, value)
        return found if self._flat(parts) else self._tiered(found)

    def _flat(self, parts: Iterable[str]) -> bool:
        """Whether one tier is all there is."""
        return all(len(scale.rates) == 1 for name in parts if (scale := self._scales[name]) is not None)

    def _tiered(self, exposure: Exposure) -> Exposure:
        """With what each pool requires in the tiers of its sizes."""
        found = {currency: Standing(ZERO) for currency in exposure.pools}
        self._require(found, exposure.parts)
        pools = {name: (gain, margin, found[name].requires) for name, (gain, margin, _) in exposure.pools.items()}
        return Exposure(pools, exposure.parts, exposure.isolated)

    def forget(self, account: str) -> None:
        """A position of an account has changed."""
        self._exposures.pop(account, None)

    def revalue(self, holders: Collection[str]) -> None:
        """The mark of what these accounts hold has moved."""
        kept = self._exposures
        for account in [name for name in kept if name in holders] if len(kept) < len(holders) else holders:
            kept.pop(account, None)

    def agrees(self, other: "Standings", owner: Owner) -> bool:
        """Whether what is kept of an account's positions is what another, new one comes to."""
        return self._exposure(owner) == other._exposure(owner)

    def _pool(self, found: Pools, owner: Owner, currency: str) -> Standing:
        pool = found.get(currency)
        if pool is None:
            cash = self._cells.get(currency, EMPTY).get(owner.cash, ZERO)
            pool = found[currency] = Standing(cash)
        return pool

    def _require(self, found: Pools, parts: dict[str, tuple[Decimal, Decimal]]) -> None:
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


def _take(sums: dict[str, Decimal], name: str, amount: Decimal) -> None:
    """Take an amount off a sum; a sum of nothing is none."""
    left = sums[name] - amount
    if left:
        sums[name] = left
    else:
        del sums[name]


def _joined(part: tuple[Decimal, Decimal] | None, contracts: Decimal, value: Decimal) -> tuple[Decimal, Decimal]:
    return (contracts, value) if part is None else (part[0] + contracts, part[1] + value)


EMPTY: dict[str, Decimal] = {}
NONE = (ZERO, ZERO, ZERO)
_FREE = ("", ZERO, "", ZERO)
