"""Flows of other engines as stories of ours: which of their cases our rules can express, and why the rest is left."""

from collections.abc import Callable, Iterator
from decimal import Decimal, localcontext
from typing import Any

from crossmargin.domain import event as e
from crossmargin.domain.account import MarginMode, Side
from crossmargin.domain.arithmetic import EXACT, ONE, ZERO, floor_to, plain, quotient
from crossmargin.domain.ledger import PositionKey
from crossmargin.engine.scenario import Story, play

Raw = dict[str, Any]
SIDES = ("buy", "sell")
FLOWS = {
    "dango": ("full_liquidation", "close_schedule", "order_admission"),
    "vega": ("order_margin_isolated", "isolated_margin_transfer", "isolated_margin_switch"),
}
LEVERAGE = 10_000  # opening asks for next to nothing, so that a story can begin at the edge
LOT = "0.000001"


def left(raw: Raw) -> str:
    """Why a case cannot be told in our rules; empty when it can."""
    return _LEFT[raw["kind"]](raw)


def _liquidation_left(raw: Raw) -> str:
    if raw["account"]["adl_counterparty"] is not None:
        return "the ranking comes before the fund, and the book is asked below the bankruptcy price"
    if Decimal(raw["expected"]["insurance_fund"]) != 200:
        return "the charge is counted on the mark's value of what is closed, not on the fill's"
    return ""


def _schedule_left(raw: Raw) -> str:
    sizes = {name: Decimal(row["size"]) for name, row in raw["account"]["positions"].items()}
    for each in raw["expected"]["closes"]:
        least = Decimal(raw["instruments"][each["symbol"]]["min_order_notional"])
        if least and sizes[each["symbol"]] == -Decimal(each["size"]):
            return "what would be left below a smallest order is closed too"
    return ""


def _order_left(raw: Raw) -> str:
    if raw["params"]["auction_price"] is not None:
        return "an auction values orders at its own price"
    prices = {
        side: [Decimal(each["price"]) for each in raw["account"]["orders"] if each["side"] == side] for side in SIDES
    }
    if all(prices.values()) and max(prices["buy"]) >= min(prices["sell"]):
        return "its bids cross its own asks: here the one that rests is cancelled"
    return ""


def _transfer_left(raw: Raw) -> str:
    if Decimal(raw["expected"]["transfer"]) == -27:
        return "a release takes the profit with it, and its average price is cut to a whole number"
    if raw["account"]["margin_balance"] == "1":
        return "it starts with less margin than its opening takes"
    if Decimal(raw["expected"]["transfer"]) == -998:
        return "the margin is cut to a whole number: 2 of 2.75"
    return ""


_LEFT: dict[str, Callable[[Raw], str]] = {
    "full_liquidation": _liquidation_left,
    "close_schedule": _schedule_left,
    "order_admission": lambda raw: "",
    "order_margin_isolated": _order_left,
    "isolated_margin_transfer": _transfer_left,
    "isolated_margin_switch": lambda raw: "judged by factors of risk and slippage, not by the leverage asked for",
}


def problems(raw: Raw) -> list[str]:
    """What comes out otherwise than the case says."""
    with localcontext(EXACT):
        return _TOLD[raw["kind"]](raw)


def swap(name: str) -> str:
    """A perpetual of ours for an instrument of theirs."""
    return f"{name}-USDT-SWAP"


def opening(raw: Raw, *more: str) -> str:
    """Instruments with their maintenance rates, and a counterparty with money."""
    lines = ["rule trigger <", "rule price_band 0.9", *more]
    for name, terms in raw["instruments"].items():
        lines += [f"instrument {swap(name)} lot_size={LOT}", f"tiers {swap(name)} {terms.get('mm_rate', '0')}"]
    return "\n".join([*lines, "deposit ben 1000000000 USDT", "deposit cat 1000000000 USDT", ""])


def _held(account: str, name: str, size: Decimal, entry: Decimal, leverage: Decimal | int) -> str:
    return (
        f"leverage {account} {swap(name)} {leverage}\n"
        f"trade {account} {'+' if size > 0 else '-'}{plain(abs(size))} ben {swap(name)} @ {plain(entry)}\n"
    )


# ---------------------------------------------------------------- dango


def schedule(raw: Raw) -> list[str]:
    """What is closed at mark, position by position, until the account is at its maintenance margin again."""
    buffer = Decimal(raw["params"].get("buffer", 0))
    leave = ONE + buffer if "cash" in raw["account"] else Decimal("0.999999999")
    marks = {name: Decimal(price) for name, price in raw["marks"].items()}
    sizes = {name: Decimal(row["size"]) for name, row in raw["account"]["positions"].items()}
    text = opening(raw, "rule step_rule smallest_cut", f"rule leave_at {leave}")
    first = next(iter(sizes))
    if "cash" in raw["account"]:
        cash, entry = Decimal(raw["account"]["cash"]), Decimal(raw["account"]["positions"][first]["entry"])
    else:  # a deficit is given: money for twice the maintenance, and a loss on the first that leaves what is told
        rates = {name: Decimal(each["mm_rate"]) for name, each in raw["instruments"].items()}
        needed = sum((sizes[name] * marks[name] * rates[name] for name in sizes), ZERO)
        cash = 2 * needed + sum((sizes[name] * marks[name] for name in sizes), ZERO)
        entry = marks[first] + quotient(cash - needed + Decimal(raw["params"]["deficit"]), sizes[first])
    text += f"deposit ann {plain(cash)} USDT\ninsurance USDT 1000000 USDT\n"
    for name, size in sizes.items():
        text += _held("ann", name, size, entry if name == first else marks[name], LEVERAGE)
        text += f"bid cat {plain(size)} {swap(name)} @ {plain(marks[name])}\n"
    story = play(text + f"mark {swap(first)} {plain(marks[first])}")
    closed: dict[str, Decimal] = {}
    for each in _of(story, e.LiquidationStep):
        name = each.position.instrument.partition("-")[0]
        closed[name] = closed.get(name, ZERO) - each.position.side.sign * each.contracts
    wanted = {each["symbol"]: Decimal(each["size"]) for each in raw["expected"]["closes"]}
    return [] if list(closed.items()) == list(wanted.items()) else [f"closes {wanted}, ours {closed}"]


def liquidation(raw: Raw) -> list[str]:
    """One long, one bid better than the bankruptcy price: what the charge leaves to whom."""
    given, expected = raw["account"]["liquidated"], raw["expected"]
    ((name, row),) = given["positions"].items()
    ((_, bids),) = raw["params"]["book"].items()
    text = opening(raw, "rule penalty flat", f"rule penalty_rate {raw['params']['liquidation_fee_rate']}")
    more = Decimal(3000)  # money and entry: the same equity at the mark, and enough to open with
    text += f"deposit ann {plain(Decimal(given['cash']) + more)} USDT\n"
    text += _held("ann", name, Decimal(row["size"]), Decimal(row["entry"]) + more, LEVERAGE)
    text += "".join(f"bid cat {each['size']} {swap(name)} @ {each['price']}\n" for each in bids)
    story = play(text + f"mark {swap(name)} {raw['marks'][name]}")
    state = story.engine.state
    found = {"cash": state.cash("ann", "USDT"), "fund": state.cash("insurance:USDT", "USDT")}
    wanted = {"cash": Decimal(expected["liquidated"]["cash"]), "fund": Decimal(expected["insurance_fund"])}
    return [] if found == wanted and not state.owners["ann"].positions else [f"{wanted}, ours {found}"]


def admission(raw: Raw) -> list[str]:
    """The largest order that margin and fee allow is taken, and a thousandth more is not."""
    account, params = raw["account"], raw["params"]
    rates = {name: Decimal(each["im_rate"]) for name, each in raw["instruments"].items()}
    fee, step = Decimal(params["taker_fee_rate"]), Decimal(params.get("size_step", LOT))
    if "order" in params:
        name, size = params["order"]["symbol"], Decimal(params["order"]["size"])
        return [] if _accepts(raw, name, "buy", size, fee) is raw["expected"]["accepted"] else ["accepted otherwise"]
    name, side, price = params["symbol"], params["order_side"], Decimal(raw["marks"][params["symbol"]])
    used = {each: abs(Decimal(row["size"])) * Decimal(row["entry"]) * rates[each]
            for each, row in account["positions"].items()}  # fmt: skip
    own = Decimal(account["positions"].get(name, {"size": "0"})["size"])
    opposed = (own > 0) == (side == "sell") and own != 0
    free = Decimal(account["cash"]) - sum(used.values(), ZERO) - Decimal(account["reserved_margin"])
    free += 2 * used[name] if opposed else ZERO  # what it closes gives its margin back, and asks it once less
    largest = floor_to(quotient(quotient(max(free, ZERO), rates[name] + fee), price), step)
    found = [_accepts(raw, name, side, size, fee) for size in (largest, floor_to(largest * Decimal("1.001"), step))]
    return [] if found == [True, False] else [f"{plain(largest)}: at it and above it {found}"]


def _accepts(raw: Raw, name: str, side: str, size: Decimal, fee: Decimal) -> bool:
    other = "instrument XYZ-USDT-SWAP like=BTC-USDT-SWAP base=XYZ"  # whose orders hold what the case has reserved
    text = opening(raw, other, f"instrument {swap(name)} taker_fee={fee}")
    text += f"deposit ann {plain(Decimal(raw['account']['cash']))} USDT\n"
    for each, terms in raw["instruments"].items():
        text += f"leverage ann {swap(each)} {plain(quotient(ONE, Decimal(terms['im_rate'])))}\n"
    for each, row in raw["account"]["positions"].items():
        text += _made(each, Decimal(row["size"]), Decimal(row["entry"]))
    reserved = Decimal(raw["account"]["reserved_margin"])
    if reserved:
        text += f"mark XYZ-USDT-SWAP 1\nleverage ann XYZ-USDT-SWAP 1\nbid ann {plain(reserved)} XYZ-USDT-SWAP @ 1\n"
    price = raw["marks"][name]
    makes, takes = ("ask", "bid") if side == "buy" else ("bid", "ask")
    text += f"mark {swap(name)} {price}\n{makes} cat {plain(size)} {swap(name)} @ {price}\n"
    story = play(text + f"{takes} ann {plain(size)} {swap(name)} @ {price}")
    return not any(_of(story, e.Refused))


def _made(name: str, size: Decimal, entry: Decimal) -> str:
    """A position that was opened as a maker, so that no fee was paid for it."""
    side, other = ("bid", "ask") if size > 0 else ("ask", "bid")
    order = f"{plain(abs(size))} {swap(name)} @ {plain(entry)}\n"
    return f"mark {swap(name)} {plain(entry)}\n{side} ann {order}{other} ben {order}"


# ---------------------------------------------------------------- vega


def _future(raw: Raw) -> str:
    """Sizes are divided by a scale: a contract of so small a part; the factor is one over the leverage."""
    unit = quotient(ONE, Decimal(raw["params"]["position_scale"]))
    leverage = quotient(ONE, Decimal(raw["params"]["margin_factor"]))
    text = f"rule price_band 100\ninstrument {swap('F')} contract_value={unit} lot_size=1\ntiers {swap('F')} 0.001\n"
    text += "deposit ann 1000000 USDT\ndeposit ben 1000000000 USDT\n"
    return text + f"leverage ann {swap('F')} {plain(leverage)} isolated\n"


def order_margin(raw: Raw) -> list[str]:
    """What isolated orders hold beside a position: closing ones nothing, of the rest the dearer side."""
    text, position = _future(raw), Decimal(raw["account"]["position"])
    price = max(Decimal(each["price"]) for each in raw["account"]["orders"])
    price = min([price, *[Decimal(each["price"]) for each in raw["account"]["orders"] if each["side"] == "sell"]])
    text += f"mark {swap('F')} {plain(price)}\n"
    if position:
        side = "+" if position > 0 else "-"
        text += f"trade ann {side}{plain(abs(position))} ben {swap('F')} @ {plain(price)} isolated\n"
    for each in raw["account"]["orders"]:
        verb = "bid" if each["side"] == "buy" else "ask"
        text += f"{verb} ann {each['size']} {swap('F')} @ {each['price']} isolated\n"
    story = play(text)
    held = sum((hold.margin for hold in story.engine.state.assessment("ann").holds), ZERO)
    wanted = Decimal(raw["expected"]["order_margin"])
    return [] if floor_to(held, ONE) == wanted else [f"{wanted}, ours {held}"]


def transfer(raw: Raw) -> list[str]:
    """What trades take out of the free balance for an isolated position, or give back when it turns."""
    after, params = Decimal(raw["account"]["position_after"]), raw["params"]
    moved = sum((Decimal(each["size"]) for each in params["trades"]), ZERO)
    before = after + (moved if params["side"] == "sell" else -moved)
    text = _future(raw)
    price = params["trades"][0]["price"]
    text += f"mark {swap('F')} {price}\n"
    if before:
        side = "+" if before > 0 else "-"
        text += f"trade ann {side}{plain(abs(before))} ben {swap('F')} @ {price} isolated\n"
        text += _topped(before, Decimal(price), raw)
    start = play(text)
    verb, other = ("ask", "bid") if params["side"] == "sell" else ("bid", "ask")
    for each in params["trades"]:
        text += f"{other} ben {each['size']} {swap('F')} @ {each['price']}\n"
        text += f"{verb} ann {each['size']} {swap('F')} @ {each['price']} isolated\n"
    found = _margin(play(text)) - _margin(start)
    wanted = Decimal(raw["expected"]["transfer"])
    return [] if found == wanted else [f"{wanted}, ours {found}"]


def _topped(before: Decimal, price: Decimal, raw: Raw) -> str:
    """Margin beside what the opening took, up to the balance that the case starts from."""
    factor, scale = Decimal(raw["params"]["margin_factor"]), Decimal(raw["params"]["position_scale"])
    more = Decimal(raw["account"]["margin_balance"]) - quotient(abs(before) * price * factor, scale)
    side = "long" if before > 0 else "short"
    return f"margin ann {swap('F')} {side} {'+' if more > 0 else '-'}{plain(abs(more))}\n" if more else ""


def _margin(story: Story) -> Decimal:
    state = story.engine.state
    keys = (PositionKey("ann", swap("F"), side, MarginMode.ISOLATED) for side in Side)
    return sum((state.cell(f"margin/{key.cell}", "USDT") for key in keys), ZERO)


def _of(story: Story, kind: type[Any]) -> Iterator[Any]:
    return (each for each in story.last if isinstance(each, kind))


_TOLD: dict[str, Callable[[Raw], list[str]]] = {
    "close_schedule": schedule,
    "full_liquidation": liquidation,
    "order_admission": admission,
    "order_margin_isolated": order_margin,
    "isolated_margin_transfer": transfer,
}
