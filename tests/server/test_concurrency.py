"""Many at once on one account: the same as one after another, and never more than there is."""

import asyncio
import json
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from tests.server.inside import SWAP, Answer, Inside

from crossmargin.journal.replay import records
from crossmargin.server.keys import NewKey
from crossmargin.server.run import Options

MANY = 64


def at_once(inside: Inside, calls: list[tuple[NewKey, str, Any]]) -> list[Answer]:
    """POST everything in one turn of the loop, whoever comes first."""
    prepared = []
    for key, path, given in calls:
        target, body = f"/api/v5/{path}", json.dumps(given).encode()
        headers = {"host": "127.0.0.1", **inside.signed(key, "POST", target, body)}
        prepared.append(("POST", target, headers, body))

    async def all_of_them() -> list[Answer]:
        return list(await asyncio.gather(*(inside.asked(*each) for each in prepared)))

    return inside.loop.run_until_complete(all_of_them())


def again(inside: Inside, since: int) -> bytes:
    """State hash of a venue that takes the same commands one by one, in the order of the journal."""
    from crossmargin.engine.engine import Engine

    twin = Engine(inside.exchange.market.rulebook)
    count = 0
    for record, _ in records(inside.exchange.venue.journal.store):
        outcome = twin.submit(record.command)
        assert outcome.events == record.events
        count += record.sequence > since
    assert count > 0
    return twin.digest()


@pytest.mark.parametrize("seed", range(3))
def test_64_requests_at_once_are_some_serial_order(seed: int) -> None:
    """R13, F35, S44: orders, cancels, amendments, leverage, transfers: a serial run, and money is enough."""
    inside = Inside(options=Options(calls=0))
    ann, dice = inside.account("1000"), Random(seed)
    resting = [inside.place(ann, sz="0.1", clOrdId=f"r{place}").row["ordId"] for place in range(4)]
    since = inside.exchange.venue.history.numbers["sequence"]
    price = str(round(inside.mark() * 99 / 100))
    order = {"instId": SWAP, "tdMode": "cross", "side": "buy", "ordType": "limit", "px": price}
    kinds: list[tuple[str, Any]] = [
        ("trade/order", {**order, "sz": "0.3"}),
        ("trade/order", {**order, "ordType": "market", "sz": "0.2"}),
        ("trade/batch-orders", [{**order, "sz": "0.1"}] * 3),
        ("asset/transfer", {"ccy": "USDT", "amt": "90", "from": "18", "to": "6"}),
        ("account/set-leverage", {"instId": SWAP, "lever": "2", "mgnMode": "cross"}),
        *(("trade/cancel-order", {"instId": SWAP, "ordId": each}) for each in resting),
        ("trade/amend-order", {"instId": SWAP, "ordId": resting[0], "newSz": "0.2"}),
    ]

    answers = at_once(inside, [(ann, *dice.choice(kinds)) for _ in range(MANY)])

    assert all(answer.status == 200 for answer in answers)
    assert {answer.code for answer in answers} >= {"0", "1"}
    assert again(inside, since) == inside.digest()
    found = inside.exchange.venue.assessment(ann.account).currencies["USDT"]
    assert found.available_balance >= 0
    assert found.equity >= found.in_use
    inside.close()


def test_no_more_leaves_than_there_is() -> None:
    """S44: 64 transfers of 100 out of 1,000, and as many orders for 100 of margin: ten go, of either."""
    inside = Inside(options=Options(calls=0))
    ann, bob = inside.account(usdt="1000"), inside.account(usdt="1000")
    sent = at_once(inside, [(ann, "asset/transfer", {"ccy": "USDT", "amt": "100", "from": "18", "to": "6"})] * MANY)
    assert sorted(answer.code for answer in sent) == ["0"] * 10 + ["58350"] * (MANY - 10)
    assert inside.exchange.venue.state.cash(ann.account, "USDT") == 0
    assert inside.exchange.venue.state.cash(f"{ann.account}.funding", "USDT") == 2_000

    mark = inside.mark()
    price = (mark * Decimal("0.99")).quantize(Decimal(1))
    size = (Decimal(99) / price / Decimal("0.01")).quantize(Decimal("0.01"))  # 99 USDT at 1x, and its fee
    order = {"instId": SWAP, "tdMode": "cross", "side": "buy", "ordType": "limit", "px": str(price), "sz": str(size)}
    placed = at_once(inside, [(bob, "trade/order", {**order, "clOrdId": f"b{place}"}) for place in range(MANY)])
    accepted = [answer for answer in placed if answer.code == "0"]
    fits = int(1_000 // (size * Decimal("0.01") * price * Decimal("1.0005")))
    assert len(accepted) == fits
    assert {answer.row["sCode"] for answer in placed} == {"0", "51008"}
    assert inside.exchange.venue.assessment(bob.account).currencies["USDT"].free_margin >= 0
    inside.close()


def test_one_id_at_once_is_one_order() -> None:
    """A1, F36: 64 orders with the same client id at once: one is placed, all others are told so, and it is found."""
    inside = Inside(options=Options(calls=0))
    ann = inside.account()
    price = str(round(inside.mark() * 99 / 100))
    order = {"instId": SWAP, "tdMode": "cross", "side": "buy", "ordType": "limit", "px": price, "sz": "0.1"}
    answers = at_once(inside, [(ann, "trade/order", {**order, "clOrdId": "same"})] * MANY)
    assert sorted(answer.row["sCode"] for answer in answers) == ["0"] + ["51016"] * (MANY - 1)
    (pending,) = inside.get(ann, "trade/orders-pending").rows
    assert pending["clOrdId"] == "same"
    assert inside.get(ann, "trade/order", instId=SWAP, clOrdId="same").row["ordId"] == pending["ordId"]
    inside.close()


def test_cancels_go_while_orders_are_refused() -> None:
    """R13, A9: 64 orders beyond the budget and 16 cancels at once: the cancels all go, the orders all get 429."""
    inside = Inside(options=Options(calls=20))
    ann = inside.account()
    ids = [inside.place(ann, sz="0.1", clOrdId=f"c{place}").row["ordId"] for place in range(20)]
    price = str(round(inside.mark() * 99 / 100))
    order = {"instId": SWAP, "tdMode": "cross", "side": "buy", "ordType": "limit", "px": price, "sz": "0.1"}
    calls: list[tuple[NewKey, str, Any]] = [(ann, "trade/order", order)] * MANY
    for place, each in enumerate(ids[:16]):
        calls.insert(4 * place, (ann, "trade/cancel-order", {"instId": SWAP, "ordId": each}))

    answers = at_once(inside, calls)

    cancelled = [answer for (_, path, _), answer in zip(calls, answers, strict=True) if path == "trade/cancel-order"]
    assert {answer.code for answer in cancelled} == {"0"}
    assert sum(answer.status == 429 for answer in answers) == MANY
    assert len(inside.get(ann, "trade/orders-pending").rows) == 4
    inside.close()
