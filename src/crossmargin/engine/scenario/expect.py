"""What a scenario can expect: figures of an account, of the venue, and what just happened."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from crossmargin.domain import event as e
from crossmargin.domain.account import MarginMode, Side
from crossmargin.domain.arithmetic import ZERO, plain
from crossmargin.domain.ledger import Held, PositionKey
from crossmargin.domain.numbers import number
from crossmargin.engine.deleverage import fund_equity
from crossmargin.engine.loan import debt_of, lent
from crossmargin.engine.scenario.story import Story

__all__ = ["expect"]

Words = Sequence[str]


def expect(story: Story, words: Words) -> None:
    """Expect refused REASON | events KIND ... | no KIND ... | fund SCOPE AMOUNT CURRENCY | ACCOUNT WHAT."""
    venue = _VENUE.get(words[0])
    if venue is not None:
        venue(story, words[1:])
        return
    if words[0] not in story.engine.state.owners:
        raise ValueError(f"no account {words[0]!r}")
    check = _ACCOUNT.get(words[1])
    if check is None:
        raise ValueError(f"nothing is known of {words[1]!r}: {', '.join(_ACCOUNT)}")
    check(story, words[0], words[2:])


def _same(what: str, found: Decimal, wanted: str) -> None:
    if found != number(wanted.lstrip("+")):
        raise ValueError(f"{what} is {plain(found)}")


def _refused(story: Story, words: Words) -> None:
    found = [each.refusal for each in story.last if isinstance(each, e.Refused)]
    if not found:
        raise ValueError("nothing was refused")
    if found[0].reason.value != words[0]:
        raise ValueError(f"refused for another reason: {found[0]}")


def _events(story: Story, words: Words) -> None:
    """The kinds named occur among the events of the last verb, in this order."""
    kinds = [each.__struct_config__.tag for each in story.last]
    rest = iter(kinds)
    for wanted in words:
        if wanted not in rest:
            raise ValueError(f"events were: {' '.join(map(str, kinds))}")


def _no_events(story: Story, words: Words) -> None:
    kinds = [each.__struct_config__.tag for each in story.last]
    for word in words:
        if word in kinds:
            raise ValueError(f"{word} is among: {' '.join(map(str, kinds))}")


def _fund(story: Story, words: Words) -> None:
    name = f"insurance:{words[0]}"
    _same(f"{name}", story.engine.state.cash(name, words[2]), words[1])


def _fund_worth(story: Story, words: Words) -> None:
    name = f"insurance:{words[0]}"
    _same(f"{name}", fund_equity(story.engine.state, name, words[2]), words[1])


def _cell(story: Story, words: Words) -> None:
    _same(words[0], story.engine.state.cell(words[0], words[2]), words[1])


def _flat(story: Story, account: str, _words: Words) -> None:
    positions = story.engine.state.owners[account].positions
    if positions:
        raise ValueError(f"{account} holds {', '.join(_shown(held) for held in positions.values())}")


def _shown(held: Held) -> str:
    return f"{plain(held.key.side.sign * held.contracts)} {held.key.instrument} {held.key.margin_mode}"


def _balance(story: Story, account: str, words: Words) -> None:
    _same("balance", story.engine.state.cash(account, words[1]), words[0])


def _equity(story: Story, account: str, words: Words) -> None:
    figures = story.engine.state.assessment(account).currencies.get(words[1])
    _same("equity", ZERO if figures is None else figures.equity, words[0])


def _position(story: Story, account: str, words: Words) -> None:
    """INSTRUMENT +SIZE|-SIZE [@ ENTRY] [isolated]; side by side in hedge mode."""
    mode = MarginMode.ISOLATED if "isolated" in words else MarginMode.CROSS
    wanted = number(words[1].lstrip("+-"))
    sign = -1 if words[1].startswith("-") else 1
    for held in story.engine.state.owners[account].positions.values():
        key = held.key
        if (key.instrument, key.margin_mode, key.side.sign) == (words[0], mode, sign):
            _same("size", held.contracts, str(wanted))
            if "@" in words:
                _same("entry", held.entry_price, words[list(words).index("@") + 1])
            return
    raise ValueError(f"{account} has no such position")


def _margin(story: Story, account: str, words: Words) -> None:
    """INSTRUMENT long|short AMOUNT."""
    state = story.engine.state
    key = PositionKey(account, words[0], Side(words[1]), MarginMode.ISOLATED)
    held = state.held(key)
    currency = state.instrument(words[0]).settle if held is None else state.pool_currency(held)
    _same("margin", state.cell(f"margin/{key.cell}", currency), words[2])


def _owes(story: Story, account: str, words: Words) -> None:
    """AMOUNT CURRENCY on spot-margin positions, interest in it."""
    state = story.engine.state
    debts = [
        lent(held)
        for held in state.owners[account].positions.values()
        if held.margin_currency and debt_of(state.instrument(held.key.instrument), held.key.side) == words[1]
    ]
    _same("debt", sum(debts, ZERO), words[0])


def _orders(story: Story, account: str, words: Words) -> None:
    found = len(story.engine.state.owners[account].orders)
    if found != int(words[0]):
        raise ValueError(f"{account} has {found} orders")


def _ratio(story: Story, account: str, words: Words) -> None:
    """RATIO CURRENCY of the cross pool."""
    ratio = story.engine.state.assessment(account).cross[words[1]].ratio
    if ratio is None:
        raise ValueError("nothing is required")
    _same("ratio", ratio, words[0])


_VENUE: dict[str, Callable[[Story, Words], None]] = {
    "refused": _refused,
    "events": _events,
    "no": _no_events,
    "fund": _fund,
    "fund_worth": _fund_worth,
    "cell": _cell,
}
_ACCOUNT: dict[str, Callable[[Story, str, Words], None]] = {
    "flat": _flat,
    "balance": _balance,
    "equity": _equity,
    "position": _position,
    "margin": _margin,
    "orders": _orders,
    "owes": _owes,
    "ratio": _ratio,
}
