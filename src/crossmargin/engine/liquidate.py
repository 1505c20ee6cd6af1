"""Carrying a liquidation out: cancel, look again, close step by step, hand over what the book does not take.

Everything between the trigger and "safe or empty" happens inside one command, at the marks of that command; steps are
asked of `liquidation.plan` one at a time, each on the account as the one before has left it.
"""

from collections.abc import Generator, Iterator
from decimal import Decimal

from msgspec import Struct

from crossmargin.domain import event as e
from crossmargin.domain.account import MarginMode, Order, OrderSide, Position, Side, TimeInForce
from crossmargin.domain.arithmetic import ZERO, floor_to, scaled
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.ledger import QUANTUM, Held, PositionKey
from crossmargin.engine.deleverage import Ranking, Share, hand_over
from crossmargin.engine.execute import cover, maker_effect, next_maker, shrink
from crossmargin.engine.orders import cancelled
from crossmargin.engine.settle import Effect, charged, close, fee_of, moved, receives, value_of, worth_at
from crossmargin.engine.state import State
from crossmargin.engine.unwind import gain_of, unwind, value_in_pool
from crossmargin.liquidation.bankruptcy import bankruptcy_price, limit_price, shares_of
from crossmargin.liquidation.plan import Cut, Step, due, pool_named, step_of
from crossmargin.margin.pool import Pool
from crossmargin.margin.valuation import spot_margin_pnl

__all__ = ["Case", "book_limit", "case_of", "into_book", "liquidate"]


class Case(Struct, frozen=True):
    """One pool under liquidation: whose, which, and what each of its positions may lose."""

    account: str
    pool: str
    currency: str
    isolated: PositionKey | None
    shares: dict[PositionKey, Share]


def liquidate(state: State, account: str, name: str, ranking: Ranking) -> Iterator[e.Event]:
    """Bring one pool of an account back to safety, or to nothing."""
    pool = pool_named(state.assessment(account), name)
    assert pool is not None
    case = case_of(state, account, pool)
    bankrupt = equity_of(state, case) <= 0
    yield e.LiquidationStarted(
        account=account,
        pool=name,
        supports=pool.risk.available,
        requires=pool.risk.required,
        bankruptcy={key.cell: share.limit for key, share in case.shares.items()},
    )
    selling = False
    while not (selling and state.bare(account)):
        assessment = state.assessment(account)
        now = pool_named(assessment, name)
        if not selling and (now is None or not due(now)):
            break  # cancelling alone was enough
        step = step_of(assessment, name)
        if step is None:
            break
        if step.phase == "cancel_orders":
            for order in step.orders:
                yield cancelled(state.tickets[order], "liquidation")
        else:
            selling = True
            yield from _carry_out(state, case, step, ranking)
    yield from _finish(state, case, bankrupt=bankrupt)


def case_of(state: State, account: str, pool: Pool) -> Case:
    """Fix what every position of a pool may lose, over its full size, before anything is sold."""
    keys = {leg.holding.id: _key(account, leg.holding) for leg in pool.positions if isinstance(leg.holding, Position)}
    isolated = None if pool.isolated is None else _key(account, pool.isolated)
    empty = Case(account, pool.name, pool.currency, isolated, {})
    amounts = shares_of(pool, equity_of(state, empty))
    shares = {}
    for leg in pool.positions:
        key = keys[leg.holding.id]
        limit = limit_price(leg.instrument, key.side, bankruptcy_price(leg, amounts[leg.holding.id]))
        shares[key] = Share(amounts[leg.holding.id], leg.contracts, limit)
    return Case(account, pool.name, pool.currency, isolated, shares)


def equity_of(state: State, case: Case) -> Decimal:
    """What a pool is worth by the ledger, at mark: cash (or isolated margin), and each position's cell and value.

    Long options are not sold, so that they count for nothing.
    """
    total = state.cash(case.account, case.currency) if case.isolated is None else ZERO
    for held in _members(state, case):
        instrument = state.instrument(held.key.instrument)
        if held.margin_currency:
            total += spot_margin_pnl(instrument, state.position(held), state.marks.mark_of(instrument.id))
            total += state.cell(f"margin/{held.key.cell}", case.currency)
            continue
        if instrument.kind == Kind.OPTION and held.key.side == Side.LONG:
            continue
        value = worth_at(instrument, held.contracts, state.marks.mark_of(instrument.id))
        total += state.cell(f"position/{held.key.cell}", case.currency)
        total += value if receives(instrument, held.key.side) else -value
        total += state.cell(f"margin/{held.key.cell}", case.currency)
    return total


def _members(state: State, case: Case) -> list[Held]:
    """Positions of a pool, as they are now."""
    positions = state.owners[case.account].positions
    if case.isolated is not None:
        return [positions[case.isolated]] if case.isolated in positions else []
    return [
        held
        for key, held in positions.items()
        if key.margin_mode == MarginMode.CROSS and state.pool_currency(held) == case.currency
    ]


def _key(account: str, position: Position) -> PositionKey:
    return PositionKey(account, position.instrument, position.side, position.margin_mode)


def _carry_out(state: State, case: Case, step: Step, ranking: Ranking) -> Iterator[e.Event]:
    for cut in step.cuts:
        key = _key(case.account, cut.position)
        yield e.LiquidationStep(
            account=case.account, pool=case.pool, phase=step.phase, position=key, contracts=cut.contracts
        )
        if step.phase != "opposite_legs":
            yield from _close_leg(state, case, key, cut, ranking)
    if step.phase == "opposite_legs":
        yield from _net(state, case, step)
    for instrument in dict.fromkeys(cut.position.instrument for cut in step.cuts):
        yield from shrink(state, case.account, instrument)


def _net(state: State, case: Case, step: Step) -> Iterator[e.Event]:
    """Close the long and the short of one contract against each other at mark; nobody else is part of it."""
    contracts = step.cuts[0].contracts
    instrument = state.instrument(step.cuts[0].position.instrument)
    mark = state.marks.mark_of(instrument.id)
    value = value_of(instrument, contracts, mark)
    effect = Effect()
    for cut in step.cuts:
        held = state.held(_key(case.account, cut.position))
        assert held is not None
        effect += close(state, held, contracts=contracts, value=value, forced=True)
    yield e.LegsNetted(
        account=case.account,
        instrument=instrument.id,
        contracts=contracts,
        price=mark,
        transfers=effect.transfers,
        positions=effect.positions,
    )


def _close_leg(state: State, case: Case, key: PositionKey, cut: Cut, ranking: Ranking) -> Iterator[e.Event]:
    """Into the book first, no worse than the bankruptcy price; what stays is handed over at that price."""
    for ticket in state.owners[case.account].live():
        if ticket.order.instrument == key.instrument:
            yield cancelled(ticket, "liquidation")
    share = case.shares[key]
    if state.instrument(key.instrument).kind == Kind.MARGIN:
        limit = book_limit(state, state.instrument(key.instrument), key.side, share.limit)
        yield from unwind(state, key, limit, lambda held, size, price: _charge(state, case, held, size, price))
        if state.held(key) is not None:
            yield from hand_over(state, key, cut.contracts, share, ranking)
        return
    left = yield from into_book(state, key, cut.contracts, share.limit, case)
    if left:
        yield from hand_over(state, key, left, share, ranking)


def into_book(
    state: State, key: PositionKey, contracts: Decimal, limit: Decimal | None, case: Case | None
) -> Generator[e.Event, None, Decimal]:
    """Close a part of a position against resting orders within a limit; return what is left of the part."""
    instrument = state.instrument(key.instrument)
    side = OrderSide.SELL if key.side == Side.LONG else OrderSide.BUY
    price = book_limit(state, instrument, key.side, limit)
    while contracts:
        order = Order(
            instrument=instrument.id, side=side, contracts=contracts, price=price, time_in_force=TimeInForce.IOC
        )
        maker = yield from next_maker(state, order, key.account)
        if maker is None:
            break
        size = min(contracts, maker.order.remaining)
        held = state.held(key)
        assert held is not None
        assert maker.order.price is not None
        fee = ZERO if case is None else _charge(state, case, held, size, maker.order.price)
        took = close(
            state,
            held,
            contracts=size,
            value=value_of(instrument, size, maker.order.price),
            fee=fee,
            fee_to=f"cash/{state.fund_of(instrument)}",
            forced=True,
        )
        number = state.counters["fills"] + 1
        made = maker_effect(state, maker, contracts=size, price=maker.order.price, fill=number)
        both = took + made
        yield e.LiquidationFill(
            account=key.account,
            instrument=instrument.id,
            price=maker.order.price,
            contracts=size,
            maker=maker.id,
            maker_account=maker.account,
            account_buys=side == OrderSide.BUY,
            fee=took.fee,
            transfers=both.transfers,
            positions=both.positions,
        )
        yield from cover(state, key.account, instrument, took)
        yield from cover(state, maker.account, instrument, made)
        yield from shrink(state, maker.account, instrument.id)
        contracts -= size
    return contracts


def book_limit(state: State, instrument: Instrument, side: Side, limit: Decimal | None) -> Decimal:
    """The bankruptcy price, or the edge of the band where that is nearer to the mark; options have no band."""
    if instrument.kind == Kind.OPTION:
        return limit or instrument.tick_size or QUANTUM
    mark = state.marks.mark_of(instrument.id)
    room = mark * state.rulebook.liquidation.price_band
    edge = limit_price(instrument, side, mark - room if side == Side.LONG else mark + room)
    assert edge is not None
    if limit is None:
        return edge
    return max(edge, limit) if side == Side.LONG else min(edge, limit)


def _charge(state: State, case: Case, held: Held, size: Decimal, price: Decimal) -> Decimal:
    """Taker fee and penalty of a fill, never more than what is left above all that the pool may still lose."""
    instrument = state.instrument(held.key.instrument)
    value = value_of(instrument, size, price)
    at_mark = worth_at(instrument, size, state.marks.mark_of(instrument.id))
    gain = value - at_mark if receives(instrument, held.key.side) else at_mark - value
    if held.margin_currency:
        gain, value = gain_of(state, held, size, price), value_in_pool(state, held, size, price)
    reserve = ZERO
    for each in _members(state, case):
        left = max(ZERO, each.contracts - size) if each.key == held.key else each.contracts
        share = case.shares[each.key]
        reserve += scaled(share.amount, left, share.contracts)
    room = floor_to(max(ZERO, equity_of(state, case) + gain - max(ZERO, reserve)), QUANTUM)
    return min(fee_of(charged(instrument, size, value), _rate(state, instrument, held, size, value)), room)


def _rate(state: State, instrument: Instrument, held: Held, size: Decimal, value: Decimal) -> Decimal:
    """Taker rate, and the penalty that the rulebook names: flat, or the rate of the tier of what is closed."""
    rules = state.rulebook.liquidation
    rate = instrument.taker_fee or ZERO
    if rules.penalty == "flat":
        return rate + rules.penalty_rate
    if rules.penalty == "none" or instrument.kind == Kind.OPTION:  # options have no tier with a rate
        return rate
    table = state.rulebook.tier_table(instrument, held.key.margin_mode)
    counted = {"notional": value, "base": size * instrument.unit}.get(table.unit, size)
    return rate + table.tiers[table.index_of(counted)].maintenance_rate


def _finish(state: State, case: Case, *, bankrupt: bool) -> Iterator[e.Event]:
    """Square an empty pool: a deficit is covered, dust of a bankrupt one goes to the fund; then say how it stands."""
    cash = state.cash(case.account, case.currency)
    if case.isolated is None and case.shares and not _members(state, case):
        instrument = state.instrument(next(iter(case.shares)).instrument)
        if cash < 0:
            yield from cover(state, case.account, instrument, Effect(uncovered=-cash))
        elif bankrupt and cash:
            fund = f"cash/{state.fund_of(instrument)}"
            transfers = moved(f"cash/{case.account}", fund, case.currency, cash, "rounding")
            yield e.MoneyMoved(account=case.account, reason="rounding", transfers=transfers)
    supports, requires = _stands(state, case)
    yield e.LiquidationEnded(account=case.account, pool=case.pool, supports=supports, requires=requires)


def _stands(state: State, case: Case) -> tuple[Decimal, Decimal]:
    """What supports a pool and what it requires, now; nothing where it is gone."""
    if case.isolated is None and state.bare(case.account):
        return ZERO + state.cash(case.account, case.currency), ZERO
    now = pool_named(state.assessment(case.account), case.pool)
    return (ZERO, ZERO) if now is None else (now.risk.available, now.risk.required)
