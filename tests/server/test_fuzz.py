"""Whatever is asked: an answer with a code, no failure of ours, nothing changed by what was refused, and soon."""

import gc
import hashlib
import sys
from collections import Counter
from decimal import Decimal
from itertools import islice
from typing import Any

import pytest
from tests.server.inside import SWAP, Answer, Inside
from tests.server.requests import Request, drawn

from crossmargin.server.application import pasts
from crossmargin.server.keys import NewKey

TIMES = 4
CPU_MAX = 0.05
CANARY = "bobcanary"


class Run:
    """An exchange under fire, and what was seen.

    Args:
        seed: Of the requests.
    """

    def __init__(self, seed: int) -> None:
        """Two who trade, one who may only read, one whose key is gone."""
        self.inside = Inside()
        self.seed = seed
        ann, bob = self.inside.account("ann", "50000"), self.inside.account("bob", "50000")
        reader = self.inside.exchange.keys.create("ann", scopes=("read",), now=0)
        gone = self.inside.exchange.keys.create("ann", now=0)
        self.inside.exchange.keys.revoke(gone.key, 1)
        self.keys: list[NewKey | None] = [*(ann,) * 8, *(bob,) * 3, reader, reader, gone, None]
        self.traders = (ann, bob)
        self.bob = bob
        for place in range(3):
            self.inside.place(bob, clOrdId=f"{CANARY}{place}")
        for key in (ann, reader):
            self.inside.get(key, "account/config")  # the slow hash of a passphrase is made once for each key
        for _ in pasts(self.inside.exchange):
            continue  # a server draws them in its first seconds
        self.codes: Counter[str] = Counter()
        self.changed = self.count = 0
        self.slowest = 0.0
        self.slow: Request | None = None

    def go(self, count: int) -> None:
        """Send requests and look at each answer."""
        gc.collect()
        gc.freeze()
        state = self.inside.digest()
        for place, request in enumerate(islice(drawn(self.seed, float(self.inside.mark())), count)):
            if place % 250 == 249:
                self.inside.step(2)
                state = self.inside.digest()
            key = self.keys[
                int.from_bytes(hashlib.blake2b(f"{self.seed}:{place}".encode()).digest()[:4]) % len(self.keys)
            ]
            answer = self.inside.send(request.method, request.target, key, request.body)
            after = self.inside.digest()
            self.look(request, key, answer, same=after == state)
            self.time(request, key, answer)
            state = after

    def look(self, request: Request, key: NewKey | None, answer: Answer, *, same: bool) -> None:
        """What holds of every answer."""
        told = f"{request} {answer.status} {answer.raw[:300]!r}"
        assert answer.status < 500, told
        found: dict[str, Any] = answer.body if request.target.startswith("/api/v5/") else {"code": answer.status}
        assert "code" in found, told
        done = answer.status == 200 and (
            found["code"] == "0"
            or any(row.get("sCode") == "0" for row in found.get("data", []) if isinstance(row, dict))
        )
        if request.method != "POST" or not done or key not in self.traders:
            assert same, told
        if key is not self.bob:
            assert CANARY.encode() not in answer.raw, told
        self.codes[f"{answer.status} {found['code']}"] += 1
        self.codes.update(row["sCode"] for row in found.get("data", []) if isinstance(row, dict) and "sCode" in row)
        self.changed += not same
        self.count += 1

    def time(self, request: Request, key: NewKey | None, answer: Answer) -> None:
        """Processor time of an answer; a read that was slow is asked again, since others use the machine too."""
        times = [answer.cpu]
        while request.method == "GET" and min(times) > CPU_MAX / 2 and len(times) < TIMES:
            times.append(self.inside.send(request.method, request.target, key, request.body).cpu)
        if min(times) > self.slowest:
            self.slowest, self.slow = min(times), request

    def report(self) -> str:
        """One line."""
        return (
            f"fuzz: seed {self.seed}, {self.count} requests, {self.changed} changed something, 5xx 0, "
            f"slowest {self.slowest * 1000:.1f} ms of CPU ({str(self.slow)[:120]}), {len(self.codes)} codes"
        )


def fire(seed: int, count: int) -> Run:
    """A run from its beginning to its end."""
    run = Run(seed)
    try:
        run.go(count)
    finally:
        run.inside.close()
    sys.stdout.write(f"{run.report()}\n{dict(run.codes.most_common())}\n")
    assert run.changed > count / 50  # it is no wall that refuses everything
    assert len(run.codes) > 25
    assert run.slowest < CPU_MAX, run.report()
    return run


def test_whatever_is_asked() -> None:
    """3,000 requests of one seed."""
    fire(1, 3_000)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 5))
def test_whatever_is_asked_for_longer(seed: int) -> None:
    """10,000 requests of each seed."""
    fire(seed, 10_000)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 105))
def test_whatever_is_asked_a_hundred_thousand_times(seed: int) -> None:
    """20,000 requests of each of five seeds."""
    fire(seed, 20_000)


def test_the_largest_size_of_a_busy_account(fresh: Inside) -> None:
    """200 working orders and a position: still under 50 ms of CPU, and exact to the lot on both sides."""
    ann = fresh.account(usdt="1000000")
    fresh.place(ann, ordType="market", sz="50")
    for place in range(200):
        fresh.place(ann, sz="0.1", px=str(round(fresh.mark() * (900 + place // 4) / 1000)))
    price = str(round(fresh.mark()))
    asked = [fresh.get(ann, "account/max-size", instId=SWAP, tdMode="cross", px=price) for _ in range(3)]
    assert min(answer.cpu for answer in asked) < CPU_MAX
    for side, name in (("buy", "maxBuy"), ("sell", "maxSell")):
        largest = Decimal(asked[0].row[name])
        terms = {"side": side, "px": price, "ordType": "post_only" if side == "buy" else "limit"}
        assert fresh.place(ann, **terms, sz=str(largest + Decimal("0.01"))).row["sCode"] == "51008", side
    assert fresh.place(ann, ordType="ioc", px=price, sz=asked[0].row["maxBuy"]).code == "0"
