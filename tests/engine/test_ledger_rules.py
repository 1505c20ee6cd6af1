"""Fees of parts and wholes, rankings that anyone can compute again, sizes that add up, refusals that leave no trace."""

from decimal import Decimal, localcontext

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.domain import command as c
from crossmargin.domain import event as e
from crossmargin.domain.account import OrderSide
from crossmargin.domain.arithmetic import EXACT, ZERO
from crossmargin.domain.ledger import QUANTUM
from crossmargin.engine.engine import Outcome
from crossmargin.engine.invariants import BreachError
from crossmargin.engine.scenario import play
from crossmargin.engine.settle import fee_of
from crossmargin.engine.simulate import run_seed
from crossmargin.engine.simulate.run import Alone
from crossmargin.liquidation.ranking import score
from crossmargin.margin.assess import assess

D = Decimal
X = "ETH-USDT-SWAP"

values = st.integers(1, 10**14).map(lambda quanta: quanta * QUANTUM)
rates = st.integers(-5000, 20_000).map(lambda step: step * D("0.0000001"))


@given(st.lists(values, min_size=1, max_size=8), rates)
def test_fees_of_parts_are_never_less_than_that_of_the_whole(parts: list[Decimal], rate: Decimal) -> None:
    """L7: each is rounded up by less than a quantum, so that n parts cost from nothing to n quanta more."""
    with localcontext(EXACT):
        apart = sum((fee_of(part, rate) for part in parts), ZERO)
        whole = fee_of(sum(parts, ZERO), rate)
        assert 0 <= apart - whole < len(parts) * QUANTUM


def test_a_charge_is_rounded_up_and_a_rebate_towards_nothing() -> None:
    """0.03 % of 0.00001 is 0.000000003: one quantum is charged; of a rebate of the same size nothing is given."""
    assert fee_of(D("0.00001"), D("0.0003")) == QUANTUM
    assert fee_of(D("0.00001"), D("-0.0003")) == 0
    assert fee_of(D("100"), D("0.0003")) == D("0.03")
    assert fee_of(D("100"), D("-0.0003")) == D("-0.03")


RANKED = f"""
deposit ann 200 USDT
deposit ben 100000 USDT
deposit cat 2000 USDT
deposit dan 700 USDT
deposit eve 100000 USDT
leverage ann {X} 100
leverage cat {X} 20
leverage dan {X} 50
trade ann +4 ben {X} @ 1000
trade ann +3 cat {X} @ 1000
trade eve -1 ben {X} @ 1000
trade ann +3 dan {X} @ 1000
"""


def test_the_ranking_can_be_computed_again_from_what_was_published() -> None:
    """Q11: scores from the accounts as they were and the mark, sorted: the events show the same, in this order."""
    before = play(RANKED).engine.state
    marks = msgspec.structs.replace(before.marks, mark={X: D(900)})
    shorts = []
    for name in ("ben", "cat", "dan", "eve"):
        assessment = assess(before.account(name), marks, before.rulebook)
        for position in assessment.account.positions:
            if position.side == "short":
                shorts.append((score(assessment, position), name))
    wanted = sorted(shorts, reverse=True)
    story = play(RANKED + f"mark {X} 900")
    found = [each for each in story.last if isinstance(each, e.Deleveraged)]
    assert [(each.score, each.victim.account) for each in found] == wanted[: len(found)]
    assert [each.rank for each in found] == list(range(1, len(found) + 1))
    assert len(found) >= 2
    assert sum(each.contracts for each in found) == 10


def test_an_order_that_rests_with_nothing_left_is_caught() -> None:
    """M6 from scratch: filled for all of its size, and still in the book."""
    engine = play(f"deposit ben 1000 USDT\nbid ben 3 {X} @ 100").engine
    ((name, ticket),) = engine.state.tickets.items()
    spent = msgspec.structs.replace(ticket, order=msgspec.structs.replace(ticket.order, filled=D(3)))
    engine.state.tickets[name] = spent
    with pytest.raises(BreachError, match=r"^M6: o1 rests with 0"):
        engine.check()


class Leaky(Alone):
    """Loses a quantum with every refusal."""

    def submit(self, command: c.Command) -> Outcome:
        """Decide, and change something that was refused."""
        outcome = super().submit(command)
        if outcome.refused is not None:
            return Outcome(outcome.sequence, outcome.events, b"another state")
        return outcome


def test_a_refusal_that_changes_something_is_caught() -> None:
    """D10: the state's hash after a refusal is another one."""
    assert "D10" in run_seed(3, 200, door=Leaky).breach


def test_a_cap_holds_for_whole_orders_and_what_is_closed_stays_free() -> None:
    """R6 and R3: at the cap nobody opens, everybody may close."""
    story = play(
        f"deposit ann 10000 USDT\ndeposit ben 10000 USDT\nlist {X} cap=4\ntrade ann +4 ben {X} @ 1000\n"
        f"bid ann 1 {X} @ 1000\nexpect refused open_interest_cap\nbid ben 4 {X} @ 1000 reduce\nclose ann {X} long\n"
        "expect ann flat\nexpect ben flat"
    )
    assert story.engine.state.open_interest[X] == 0
    assert OrderSide.BUY.sign == 1


def test_a_position_that_turns_realises_what_it_closes_and_no_more() -> None:
    """Long 2 at 1,000, sold 5 at 1,100: 200 are realised, 3 are short at 1,100 with 3,300 received for them."""
    opening = f"deposit ann 10000 USDT\ndeposit ben 100000 USDT\nleverage ann {X} 2\ntrade ann +2 ben {X} @ 1000\n"
    story = play(
        opening + f"trade ann -5 ben {X} @ 1100\nexpect ann balance 10200 USDT\nexpect ann position {X} -3 @ 1100"
    )
    assert story.engine.state.cell(f"position/ann/{X}/short/cross", "USDT") == 3300
    assert story.engine.state.cell(f"position/ben/{X}/long/cross", "USDT") == -3300
    assert story.engine.state.cash("ben", "USDT") == 99_800


def test_the_fee_of_a_fill_is_rounded_up_to_the_quantum() -> None:
    """0.05 % of 0.00333 x 3 = 0.000004995: 0.000005 is charged, and the venue has it."""
    story = play(
        f"fees {X} 0.0005 0\ndeposit ann 10 USDT\ndeposit ben 10 USDT\nmark {X} 3\n"
        f"ask ben 0.00333 {X} @ 3\nbid ann 0.00333 {X} @ 3\n"
        "expect ann balance 9.999995 USDT\nexpect cell fees 0.000005 USDT"
    )
    assert story.engine.state.cash("ben", "USDT") == 10


@pytest.mark.parametrize(
    ("rule", "mark", "wanted"),
    [
        ("profit_times_margin_ratio", 900, "1000 / 10000 * 45 / 11000"),  # profit 1,000 on 10,000; maintenance 45
        ("profit_times_margin_ratio", 1100, "0"),
        ("return_by_ratio", 900, "1000 * 5 / 10000 * 45 / 11000"),  # in profit the return over the ratio of 11,000 / 45
        ("return_by_ratio", 1100, "-1000 * 5 / 10000 * 9000 / 55"),  # in loss the return times it
    ],
)
def test_the_two_formulas_of_the_ranking(rule: str, mark: int, wanted: str) -> None:
    """A short of 10 at 1,000, five times, with 10,000 in the account."""
    story = play(
        f"rule adl_rank {rule}\ndeposit ann 10000 USDT\ndeposit ben 100000 USDT\nleverage ann {X} 5\n"
        f"trade ann -10 ben {X} @ 1000\nmark {X} {mark}"
    )
    assessment = story.engine.state.assessment("ann")
    found = score(assessment, assessment.account.positions[0])
    words, expected = wanted.split(), D(wanted.split(maxsplit=1)[0])
    for operator, operand in zip(words[1::2], words[2::2], strict=True):
        expected = expected * D(operand) if operator == "*" else expected / D(operand)
    assert abs(found - expected) < D("1e-20")


def test_who_is_worth_nothing_is_ranked_last() -> None:
    """With 1,000 in the account a short of 10 that has lost 1,000 or more scores nothing; nothing is divided by it."""
    opening = f"deposit ann 1000 USDT\ndeposit ben 100000 USDT\nleverage ann {X} 20\ntrade ann -10 ben {X} @ 1000"
    state = play(opening).engine.state
    for price in (1100, 1200):
        marks = msgspec.structs.replace(state.marks, mark={X: D(price)})
        assessment = assess(state.account("ann"), marks, state.rulebook)
        assert score(assessment, assessment.account.positions[0]) == 0
