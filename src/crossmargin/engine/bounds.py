"""Bounds: what an account surely has and at most needs, so cheap that every order and every touched account is asked.

Exact decides, cheap nominates: whom the bounds clear the exact rules could neither refuse, warn nor liquidate, so they
need not be asked. Whoever is not cleared is assessed. A bound never makes a figure that anyone sees.

    supports   cash + floating PnL - what live orders hold at most
    requires   value at mark x a rate that the tier does not exceed, with closing fee and orders where they count
    spare      cash + floating PnL - value / leverage - what live orders hold at most

What orders hold is carried forward from order to order; the rest is a handful of products for each position.
"""

from decimal import Decimal, Inexact

from crossmargin.domain.account import MarginMode, Order
from crossmargin.domain.arithmetic import ZERO
from crossmargin.domain.ledger import QUANTUM, PositionKey
from crossmargin.engine.owner import Owner
from crossmargin.engine.scale import NOISE, Scale
from crossmargin.engine.standing import EMPTY, NONE, Exposure, Pools, Standings

__all__ = ["Bounds"]

_CROSS = MarginMode.CROSS
_ROOM = Decimal("1.00000000000001")

Fills = list[tuple[Decimal, Decimal]]
"""Price and size of each fill."""


class Bounds(Standings):
    """Verdicts on accounts and orders that need no exact assessment."""

    __slots__ = ()

    def calm(self, owner: Owner) -> bool:
        """As `safe`, without the figures."""
        if self._counts_orders:
            return self.safe(owner) is not None
        if not self.covered or owner.load.outside:
            return False
        try:
            exposure = self._exposure(owner)
            return exposure is not None and self._calm(owner, exposure)
        except Inexact:
            return False

    def _calm(self, owner: Owner, exposure: Exposure) -> bool:
        pools = exposure.pools
        for currency, (gain, _, requires) in pools.items():
            if self._cash(owner, currency) + gain <= self.warn * requires:
                return False
        for currency in owner.load.costs:
            if currency not in pools and self._cash(owner, currency) <= 0:
                return False
        return not exposure.isolated or all(
            supports > self.warn * requires for _, supports, requires, _ in exposure.isolated.values()
        )

    def _cash(self, owner: Owner, currency: str) -> Decimal:
        """Cash less what orders hold."""
        return self._cells.get(currency, EMPTY).get(owner.cash, ZERO) - owner.load.costs.get(currency, ZERO)

    def safe(self, owner: Owner) -> Pools | None:
        """The standings of an account in which nothing is to be warned of, relieved or liquidated; None in doubt."""
        found = self.standings(owner)
        if found is None:
            return None
        for pool in found.values():
            if pool.supports <= self.warn * pool.requires:
                return None
        return found

    def survives(self, owner: Owner, key: PositionKey, loss: Decimal) -> bool:
        """Whether an account surely stays above the trigger when a part of a cross position is closed at a loss."""
        scale, found = self.scale(key.instrument), self.standings(owner)
        if key.margin_mode != _CROSS or scale is None or found is None or scale.settle not in found:
            return False
        found[scale.settle].supports -= loss
        return all(each.supports > each.requires for each in found.values())

    def clears(self, owner: Owner, order: Order, fills: Fills) -> bool:
        """Whether a new cross order surely finds its margin, as it is and as these fills would leave it."""
        scale = self.scale(order.instrument) if self.admits else None
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
        contracts += owner.load.contracts.get(order.instrument, ZERO)
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
        rest, loss = contracts, at_mark * NOISE if fills else ZERO
        for at, size in fills:
            value = scale.value(size, at)
            loss += abs(value - scale.value(size, mark)) + value * scale.taker + QUANTUM
            rest -= size
        worst = max(at_mark, at_price) + loss
        worst * _ROOM  # Inexact where so many digits are used that the exact rules may have to give up
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
        gain, margin, _ = exposure.pools.get(currency, NONE)
        return self._cash(owner, currency) + gain - margin >= needs


def _opens(owner: Owner, order: Order) -> tuple[bool | None, Decimal]:
    """Whether an order can open, and the leverage that it opens at; None where it reduces what is not there."""
    side, held, leverage = order.side.opens, ZERO, order.leverage
    for key, each in owner.positions.items():
        if key.instrument == order.instrument and key.margin_mode == order.margin_mode:
            if key.side == side:
                leverage = min(leverage, each.leverage)
            else:
                held = each.contracts
    if order.reduce_only:
        return (False if held else None), leverage
    if order.position_side is not None:
        return order.position_side == side, leverage
    return order.contracts > held, leverage
