"""Every rule that is asked of money, orders, settlements and liquidations is seen to fire: the fault is planted."""

from collections.abc import Callable
from decimal import Decimal, localcontext

import msgspec
import pytest

from crossmargin.domain import command as c
from crossmargin.domain import event as e
from crossmargin.domain.account import MarginMode, Order, OrderSide, OrderType, Side
from crossmargin.domain.arithmetic import EXACT
from crossmargin.domain.ledger import PositionKey, Ticket, Transfer
from crossmargin.engine.engine import Engine
from crossmargin.engine.invariants import BreachError
from crossmargin.engine.scenario import Story, play
from crossmargin.engine.simulate import watch_chain, watch_money
from crossmargin.engine.simulate.watch import WatchedEngine
from crossmargin.engine.simulate.watch_chain import ChainWatch
from crossmargin.engine.state import State

D = Decimal
X = "ETH-USDT-SWAP"
OPENING = f"""
insurance USDT 1000 USDT
deposit ann 1000 USDT
deposit ben 100000 USDT
deposit cat 500 USDT
deposit dan 500 USDT
leverage ann {X} 50
leverage dan {X} 50
list {X} cap=20
trade ann +10 ben {X} @ 1000
trade dan -1 ben {X} @ 1000
ask ben 3 {X} @ 1010
bid ben 3 {X} @ 990
"""
LONG = PositionKey("ann", X, Side.LONG, MarginMode.CROSS)
SHORT = PositionKey("ben", X, Side.SHORT, MarginMode.CROSS)
DAN = PositionKey("dan", X, Side.SHORT, MarginMode.CROSS)


def state() -> State:
    """ann long 10, ben short 9, dan short 1, cat holds money only; ben quotes 3 at 990 and 1,010."""
    return play(OPENING).engine.state


def money(amount: str, reason: str = "withdrawal", account: str = "ann") -> e.MoneyMoved:
    """Money that leaves an account."""
    moved = Transfer(f"cash/{account}", "outside", "USDT", D(amount), reason)
    return e.MoneyMoved(account=account, reason=reason, transfers=(moved,))


def order(**terms: object) -> e.OrderAccepted:
    """cat bids 1 at 995."""
    fields = {"instrument": X, "side": OrderSide.BUY, "contracts": D(1), "price": D(995), **terms}
    return e.OrderAccepted(ticket=Ticket(id="o99", account="cat", client_id="", order=Order(**fields), priority=99))  # type: ignore[arg-type]


def gift(*, of: str) -> e.TakenOver:
    """A taking-over that somebody else pays for."""
    paid = Transfer(f"cash/{of}", "cash/insurance:USDT", "USDT", D(1), "deficit")
    return e.TakenOver(
        account="ann", fund="insurance:USDT", position=LONG, contracts=D(1), value=D(1000), transfers=(paid,)
    )


def fill(contracts: str) -> e.Filled:
    """ben's ask is met by an order of cat's."""
    return e.Filled(
        instrument=X, price=D(1010), contracts=D(contracts), taker="o99", maker="o5", taker_account="cat",
        maker_account="ben", taker_buys=True,
    )  # fmt: skip


def doubtful(given: State) -> None:
    """The price is in doubt."""
    given.price_states[X] = "suspect"


def settled(given: State) -> None:
    """Period 4 has been paid."""
    given.periods[X] = 4


def coarse(given: State) -> None:
    """Ticks of 0.5, lots of 0.2, and cat's order is there."""
    listed, cap = given.listings[X]
    given.listings[X] = (msgspec.structs.replace(listed, tick_size=D("0.5"), lot_size=D("0.2")), cap)


def taking(given: State) -> None:
    """cat's order is working."""
    ticket = order(price=D(1010), contracts=D(9)).ticket
    given.tickets["o99"] = ticket


def nothing(_given: State) -> None:
    """As it is."""


MARK = {"instrument": X, "price": D(1000)}
FUNDING = {"instrument": X, "rate": D("0.001"), "mark": D(1000), "period": 5}


@pytest.mark.parametrize(
    ("fault", "event", "id"),
    [
        (nothing, e.MarkSet(**MARK, transfers=money("1").transfers), "L3"),  # type: ignore[arg-type]
        (nothing, e.FundingSettled(**FUNDING, transfers=money("1").transfers), "L4"),  # type: ignore[arg-type]
        (nothing, money("1", "margin"), "L4"),
        (doubtful, money("1"), "Q18"),
        (doubtful, money("1", "transfer", "ben"), "L4"),
        (nothing, gift(of="cat"), "Q14"),
        (coarse, order(price=D("995.2")), "M9"),
        (coarse, order(contracts=D("0.3")), "M9"),
        (nothing, order(price=D("1200")), "M9"),
        (taking, fill("4"), "M6"),
        (settled, e.FundingSettled(**{**FUNDING, "period": 4}), "P7"),  # type: ignore[arg-type]
        (doubtful, e.FundingSettled(**FUNDING), "P8"),  # type: ignore[arg-type]
        (nothing, e.FundingSettled(**{**FUNDING, "rate": D(1)}), "P8"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_event_is_caught_before_it_moves_anything(
    fault: Callable[[State], None], event: e.Event, id: str
) -> None:
    """Money, orders, settlements."""
    given = state()
    fault(given)
    with localcontext(EXACT), pytest.raises(BreachError, match=f"^{id}:"):
        watch_money.before(given, event)


@pytest.mark.parametrize(
    "event",
    [money("1"), gift(of="dan"), gift(of="ann"), order(), fill("3"), e.FundingSettled(**FUNDING)],  # type: ignore[arg-type]
)
def test_a_right_event_is_let_through(event: e.Event) -> None:
    """The same events without the fault."""
    given = state()
    taking(given)
    with localcontext(EXACT):
        watch_money.before(given, event)


def test_what_may_not_leave_is_caught_when_it_has_left() -> None:
    """L10: ann needs 10 x 1,000 / 50 = 200 and lost nothing: 800 may leave, 801 and gains may not."""
    with localcontext(EXACT):
        given = state()
        for amount, caught in (("800", False), ("1", True)):
            given.post(money(amount).transfers)
            if caught:
                with pytest.raises(BreachError, match=r"^L10: ann keeps 199"):
                    watch_money.after(given, money(amount))
            else:
                watch_money.after(given, money(amount))
        given.post(money("501", account="cat").transfers)
        with pytest.raises(BreachError, match=r"^L10: cat took out more"):
            watch_money.after(given, money("501", account="cat"))


def test_a_fill_over_the_cap_of_open_interest_is_caught() -> None:
    """R6: 25 contracts are open and the cap is 20; a fill that only closes may still happen."""
    given = state()
    held = given.owners["ann"].positions[LONG]
    given.open_interest[X] = D(25)
    opened = msgspec.structs.replace(fill("1"), positions=(held,))
    closed = msgspec.structs.replace(opened, positions=(held, msgspec.structs.replace(held, contracts=D(0))))
    watch_money.after(given, closed)
    with pytest.raises(BreachError, match=r"^R6:"):
        watch_money.after(given, opened)


# ---------------------------------------------------------------- liquidations


def due(marks: str = "903") -> tuple[State, ChainWatch]:
    """ann at the trigger: 1,000 - 10 x 97 = 30 against 9,030 x 0.5 % = 45.15; its liquidation has just started."""
    given = state()
    given.marks.mark[X] = D(marks)
    for account in given.owners:
        given.touch(account)
    watch = ChainWatch()
    pool = given.assessment("ann").cross["USDT"]
    watch.before(
        given,
        e.LiquidationStarted(
            account="ann", pool="USDT cross", supports=pool.risk.available, requires=pool.risk.required,
            bankruptcy={LONG.cell: D("900")},
        ),
    )  # fmt: skip
    return given, watch


def sold(price: str, fee: str = "0") -> e.LiquidationFill:
    """A part of ann's long goes into ben's bid."""
    return e.LiquidationFill(
        account="ann", instrument=X, price=D(price), contracts=D(1), maker="o6", maker_account="ben",
        account_buys=False, fee=D(fee),
    )  # fmt: skip


def step(contracts: str = "1") -> e.LiquidationStep:
    """ann's long is cut."""
    return e.LiquidationStep(account="ann", pool="USDT cross", phase="unhedged", position=LONG, contracts=D(contracts))


def given_up(victim: PositionKey = SHORT, *, haircut: str = "3", value: str = "906") -> e.Deleveraged:
    """One contract of ann's against the ranking, at 906 while the mark is 903: the short pays 3 too much."""
    return e.Deleveraged(
        account="ann", victim=victim, position=LONG, contracts=D(1), value=D(value), haircut=D(haircut),
        trigger="fund_exhausted", rank=1, score=D(1),
    )  # fmt: skip


def test_a_sale_below_the_bankruptcy_price_is_caught() -> None:
    """Q5: at 900 it may be sold, at 899.99 not."""
    with localcontext(EXACT):
        given, watch = due()
        watch.before(given, sold("900"))
        with pytest.raises(BreachError, match=r"^Q5:"):
            watch.before(given, sold("899.99"))


def test_selling_somebody_who_is_safe_again_is_caught() -> None:
    """Q4: the mark says safe, and nothing was sold yet. Q16: steps without end."""
    with localcontext(EXACT):
        given, watch = due()
        given.marks.mark[X] = D(1000)
        given.touch("ann")
        with pytest.raises(BreachError, match=r"^Q4:"):
            watch.before(given, step())
        given, watch = due()
        for _ in range(8):
            watch.before(given, step())
        with pytest.raises(BreachError, match=r"^Q16:.* step 9, 8 is the bound"):
            watch.before(given, step())


def test_a_charge_that_makes_a_deficit_is_caught() -> None:
    """Q17: ann has 30 left; after a charge of 31 the pool is below nothing, after one of 30 it is not."""
    with localcontext(EXACT):
        given, watch = due()
        given.post((Transfer("cash/ann", "cash/insurance:USDT", "USDT", D(30), "fee"),))
        watch.after(given, sold("903", "30"))
        given.post((Transfer("cash/ann", "cash/insurance:USDT", "USDT", D(1), "fee"),))
        with pytest.raises(BreachError, match=r"^Q17:"):
            watch.after(given, sold("903", "1"))


def test_a_ranking_that_is_asked_before_the_fund_is_caught() -> None:
    """Q9: the fund has 1,000 and the victim pays 3. Without the fund's money the same event is right."""
    with localcontext(EXACT):
        given, watch = due()
        with pytest.raises(BreachError, match=r"^Q9: insurance:USDT could pay"):
            watch.before(given, given_up())
        given.post((Transfer("cash/insurance:USDT", "outside", "USDT", D(1000), "withdrawal"),))
        watch.before(given, given_up())
        with pytest.raises(BreachError, match=r"^Q10:"):
            watch.before(given, given_up(haircut="2"))


def test_a_house_that_pays_before_the_fund_is_caught() -> None:
    """Q9: the house pays 5 while the fund has 1,000; an emptied fund makes it right."""
    paid = e.DeficitCovered(account="ann", pool=X, currency="USDT", amount=D(5), by="house")
    with localcontext(EXACT):
        given, watch = due()
        with pytest.raises(BreachError, match=r"^Q9: insurance:USDT has 1E\+3|^Q9: insurance:USDT has 1000"):
            watch.before(given, paid)
        given.post((Transfer("cash/insurance:USDT", "outside", "USDT", D(1000), "withdrawal"),))
        watch.before(given, paid)


def test_more_haircut_than_was_missing_is_caught() -> None:
    """Q12: ann's pool is worth 30, nothing is missing, and the ranking has lost 3."""
    ended = e.LiquidationEnded(account="ann", pool="USDT cross", supports=D(0), requires=D(0))
    with localcontext(EXACT):
        given, watch = due()
        given.post((Transfer("cash/insurance:USDT", "outside", "USDT", D(1000), "withdrawal"),))
        watch.before(given, given_up())
        with pytest.raises(BreachError, match=r"^Q12: ann: 3 taken for 0"):
            watch.before(given, ended)
        given, watch = due("899")  # 1,000 - 10 x 101: 10 are missing
        given.post((Transfer("cash/insurance:USDT", "outside", "USDT", D(1000), "withdrawal"),))
        watch.before(given, given_up(haircut="7"))
        watch.before(given, ended)


def test_who_is_ruined_while_others_could_bear_it_is_caught() -> None:
    """Q13: dan, short 1 at 1,000 with 500, has 597 at 903; at a value of 1,600 he owes 100 and ben does not notice."""
    with localcontext(EXACT):
        given, watch = due()
        given.post((Transfer("cash/insurance:USDT", "outside", "USDT", D(1000), "withdrawal"),))
        costly = {"value": "1600", "haircut": "697"}
        watch.before(given, given_up(SHORT, **costly))
        given.owners["dan"].positions[DAN] = msgspec.structs.replace(given.owners["dan"].positions[DAN], contracts=D(2))
        given.touch("dan")
        with pytest.raises(BreachError, match=r"^Q13: dan.* is ruined before ben"):
            watch.before(given, given_up(DAN, **costly))


def test_more_events_than_a_command_may_have_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """M14: with a bound of nothing for each thing there is, the first event breaks it."""
    monkeypatch.setattr(watch_chain, "EVENTS_A_THING", 1)
    engine = WatchedEngine(state().rulebook)
    engine.submit(c.Tick(time=1))
    engine.apply(e.TimePassed(time=2))
    with pytest.raises(BreachError, match=r"^M14: 3 events of one command, 2 is the bound"):
        engine.apply(e.TimePassed(time=3))


# ---------------------------------------------------------------- reading, and refusals


def test_reading_changes_nothing() -> None:
    """D14: every way to look at a state leaves its hash, kept and from scratch."""
    story: Story = play(OPENING)
    engine: Engine = story.engine
    before = engine.digest()
    with localcontext(EXACT):
        for account in engine.state.owners:
            engine.state.account(account)
            engine.state.assessment(account)
        for book in engine.state.books.values():
            list(book.depth(OrderSide.BUY))
            book.best(OrderSide.SELL)
    engine.check()
    assert engine.digest() == before
    assert OrderType.LIMIT in {each.order.type for each in engine.state.tickets.values()}
