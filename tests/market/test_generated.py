import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.market.venues import START, Venue, problem

from crossmargin.domain import command as c
from crossmargin.domain import event as e
from crossmargin.domain.account import OrderSide, OrderType, Side
from crossmargin.errors import InputError
from crossmargin.market.expiries import next_quarter
from crossmargin.market.options import worth
from crossmargin.market.tape import IDS_A_COMMAND

D = Decimal
BTC = "BTC-USDT-SWAP"
ODD_EVENTS = (e.PriceStateSet, e.Warned, e.LiquidationStarted, e.DeficitCovered, e.Deleveraged, e.TakenOver)


def well_quoted(venue: Venue, but: Sequence[str] = ()) -> list[str]:
    """What is wrong with the books: a side missing, on the wrong side of the mark, off the tick, or thin."""
    wrong = []
    for name, line in venue.market.lines.items():
        if name in but:
            continue
        (bid, ask), mark = venue.touch(name), venue.mark(name)
        if not bid < mark < ask:
            wrong.append(f"{name}: {bid} {mark} {ask}")
        if bid % line.tick or ask % line.tick or mark % line.tick:
            wrong.append(f"{name}: {bid} {ask} {mark} off the tick {line.tick}")
        if line.option is None:
            wrong += [
                f"{name}: {side} offers {venue.depth(name, side, '0.005')}"
                for side in OrderSide
                if venue.depth(name, side, "0.005") < 100_000
            ]
    return wrong


def test_a_new_market_is_open_for_trade() -> None:
    """After the opening every instrument has index, mark, last price, a book, a trade, and nothing was refused."""
    venue = Venue("generated:7")
    state = venue.engine.state
    assert well_quoted(venue) == []
    assert not venue.refused
    for name, line in venue.market.lines.items():
        assert line.pair in state.marks.index
        assert name in state.marks.last
        assert venue.market.tape.trades(name)
    assert state.marks.mark[BTC] == pytest.approx(D(90_000), rel=D("0.001"))


def test_the_same_seed_gives_the_same_commands() -> None:
    """And another seed gives others."""
    one, same, other = (Venue(text) for text in ("generated:5", "generated:5", "generated:6"))
    for venue in (one, same, other):
        venue.run(60)
    assert one.sent == same.sent
    assert one.engine.digest() == same.engine.digest()
    assert one.sent != other.sent


PROCESS = """
from crossmargin import market
from crossmargin.engine import Engine
venue = market.open("generated:5,flash-pump@3s")
engine, now = Engine(venue.rulebook), 1_790_000_000_000
for command in venue.opening(now):
    engine.submit(command)
for _ in range(10):
    now += 1_000
    for command in venue.step(now, engine.state):
        engine.submit(command)
print(engine.digest().hex())
"""


def test_every_process_draws_the_same_market() -> None:
    """Whatever order a process gives to sets of text: the same state hash."""
    hashes = {
        subprocess.run(
            [sys.executable, "-c", PROCESS], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(hashes) == 1


def test_every_instrument_has_bids_below_and_asks_above_its_mark_with_depth() -> None:
    """At every second of three minutes, on the tick, with 100,000 USD within half a percent; nothing is refused."""
    venue = Venue("generated:11")
    for _ in range(180):
        venue.step()
        assert well_quoted(venue) == []
    assert not venue.refused
    assert not [each for each in venue.events if isinstance(each, ODD_EVENTS)]
    venue.engine.check()


def test_a_market_sends_no_more_than_it_must() -> None:
    """At most 30 commands a second in calm; while prices fall ten times faster than in 2025 at most 50, never 80."""
    venue = Venue("generated:2,crash-2025-10-10@60sx10")
    calm = [len(venue.step()) for _ in range(60)]
    crash = [len(venue.step()) for _ in range(120)]
    assert sum(calm) <= 30 * len(calm)
    assert sum(crash) <= 50 * len(crash)
    assert max(*calm, *crash) <= 80


def test_every_instrument_trades_within_ten_seconds() -> None:
    """And BTC, on average, every two."""
    venue = Venue("generated:3")
    last = dict.fromkeys(venue.market.instruments, venue.now)
    counts: Counter[str] = Counter()
    for _ in range(120):
        seen = len(venue.events)
        venue.step()
        for event in venue.events[seen:]:
            if isinstance(event, e.Filled):
                last[event.instrument] = venue.now
                counts[event.instrument] += 1
        assert max(venue.now - time for time in last.values()) <= 10_000
    assert counts[BTC] >= 40


def test_an_order_of_a_retail_trader_is_filled_near_the_mark() -> None:
    """A market order of 100,000 USDT pays no more than 0.2 % above the mark."""
    venue = Venue("generated:4")
    venue.run(5)
    ann = "ann"
    venue.submit([c.Deposit(account=ann, currency="USDT", amount=D(200_000))])
    contracts = (D(100_000) / venue.mark(BTC) / D("0.01")).quantize(D(1))
    order = c.PlaceOrder(account=ann, instrument=BTC, side=OrderSide.BUY, contracts=contracts, type=OrderType.MARKET)
    fills = [each for each in venue.submit([order]) if isinstance(each, e.Filled)]
    assert sum(each.contracts for each in fills) == contracts
    assert max(each.price for each in fills) <= venue.mark(BTC) * D("1.002")


def test_a_crash_thins_the_book_and_it_recovers() -> None:
    """On the way down a side offers less than half of what it did, further away; minutes later it is back.

    The path falls from minute 0 to 30.5; thirty times faster it is at its low 61 s after its start.
    """
    venue = Venue("generated:7,crash-2025-10-10@10sx30")
    venue.run(5)
    calm, price = venue.depth("SOL-USDT-SWAP", OrderSide.BUY, "0.005"), venue.mark("SOL-USDT-SWAP")
    thinnest = calm
    for _ in range(66):
        venue.step()
        assert all(
            bid < venue.mark(name) < ask for name in venue.market.instruments for bid, ask in [venue.touch(name)]
        )
        thinnest = min(thinnest, venue.depth("SOL-USDT-SWAP", OrderSide.BUY, "0.005"))
    assert thinnest < calm / 2
    assert venue.mark("SOL-USDT-SWAP") < price * D("0.7")  # 130 of 210, then the walk's own
    venue.run(350)  # the last level, of minute 190, is reached 380 s after the start
    assert venue.depth("SOL-USDT-SWAP", OrderSide.BUY, "0.005") > calm * D("0.7")
    assert not [each for each in venue.events if isinstance(each, ODD_EVENTS)]
    venue.engine.check()


@pytest.mark.slow
def test_an_hour_passes_without_a_fault() -> None:
    """3,600 steps: books two-sided with depth, makers solvent, invariants whole, at most 40 commands a second."""
    venue = Venue("generated:12")
    before = len(venue.sent)
    for second in range(3_600):
        venue.step()
        assert well_quoted(venue) == []
        if second % 600 == 0:
            venue.engine.check()
    venue.engine.check()
    assert not venue.refused
    assert (len(venue.sent) - before) / 3_600 <= 40
    assert not [each for each in venue.events if isinstance(each, ODD_EVENTS)]
    for name, maker in venue.market.lines.items():
        ratios = [pool.ratio for pool in venue.engine.state.assessment(maker.maker).cross.values()]
        assert min((each for each in ratios if each is not None), default=D(99)) > 20, name


def test_a_clock_that_goes_back_stops_nothing() -> None:
    """Five seconds back: no price is drawn anew, and commands keep the time that had been."""
    venue = Venue("generated:7")
    venue.run(5)
    latest, mark = venue.now, venue.mark(BTC)
    before = len(venue.sent)
    venue.step(-5_000)
    assert {command.time for command in venue.sent[before:]} <= {latest}
    assert venue.mark(BTC) == pytest.approx(mark, rel=D("0.0002"))
    venue.move(BTC, D(80_000))
    venue.run(10)
    assert well_quoted(venue) == []
    venue.engine.check()


def trade_at_random(venue: Venue, users: Sequence[str], random: Random) -> None:
    """One order of somebody: any instrument and side, small to large, at market or within 1 % of the mark."""
    name = random.choice(venue.market.instruments)
    line, mark = venue.market.lines[name], venue.mark(name)
    at_market = random.random() < 0.5
    order = c.PlaceOrder(
        account=random.choice(users), instrument=name, side=random.choice(list(OrderSide)),
        contracts=line.contracts(random.choice([500, 5_000, 40_000]), mark), margin_mode=line.margin_mode,
        type=OrderType.MARKET if at_market else OrderType.LIMIT,
        price=None if at_market else line.on_tick(float(mark) * (1 + random.uniform(-0.01, 0.01))),
    )  # fmt: skip
    venue.submit([order])


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "2"])
def test_a_crowd_in_a_crash_never_empties_a_book(seed: str) -> None:
    """Six random orders a second at 20x through a crash twenty times too fast, and a move: both sides always stand,

    nothing that the house sends is refused, nobody of the house is warned, and the invariants are whole.
    """
    venue, random = Venue(f"generated:{seed},crash-2025-10-10@20sx20"), Random(seed)
    users = [f"u{number}" for number in range(12)]
    for user in users:
        venue.submit(
            [c.Deposit(account=user, currency=each, amount=D(n)) for each, n in (("USDT", 20_000), ("BTC", 1))]
        )
        swaps = [name for name in venue.market.instruments if name.endswith("-SWAP")]
        venue.submit([c.SetLeverage(account=user, instrument=name, leverage=D(20)) for name in swaps])
    for second in range(150):
        for _ in range(6):
            trade_at_random(venue, users, random)
        refused = venue.refused.total()
        venue.step()
        if second == 90:
            venue.move("ETH-USDT-SWAP", D(2_000))
        assert venue.refused.total() == refused
        for name in venue.market.instruments:
            bid, ask = venue.touch(name)
            assert bid < ask
    assert [each for each in venue.events if isinstance(each, e.LiquidationFill)]
    warned = [each.account for each in venue.events if isinstance(each, e.Warned)]
    assert not [account for account in warned if account.startswith("house.")]
    venue.engine.check()


# ---------------------------------------------------------------- moved by hand


def test_move_sets_index_mark_and_last_at_once() -> None:
    """All three are the price asked for; the coin's other contracts follow; makers quote around it."""
    venue = Venue("generated:8")
    venue.run(5)
    eth = venue.mark("ETH-USDT-SWAP")
    venue.move(BTC, D("81000.5"))
    marks = venue.engine.state.marks
    assert (marks.index["BTC-USDT"], marks.mark[BTC], marks.last[BTC]) == (D("81000.5"),) * 3
    assert marks.mark["BTC-USD-SWAP"] == pytest.approx(D(81_000), rel=D("0.005"))
    assert venue.mark("ETH-USDT-SWAP") == eth
    assert well_quoted(venue) == []
    assert venue.market.tape.ticker(BTC).last == D("81000.5")
    venue.run(20)
    assert venue.mark(BTC) == pytest.approx(D(81_000), rel=D("0.005"))
    assert not venue.refused
    venue.engine.check()


def test_a_far_move_passes_what_lies_between() -> None:
    """To half the price: a stop at 60,000 on the way is filled above 55,000, and the books stand at the end."""
    venue = Venue("generated:8")
    buy = c.PlaceOrder(account="ann", instrument=BTC, side=OrderSide.BUY, contracts=D(50), type=OrderType.MARKET)
    stop = c.PlaceOrder(
        account="ann", instrument=BTC, side=OrderSide.SELL, contracts=D(50), type=OrderType.STOP_LOSS,
        trigger_price=D(60_000), reduce_only=True,
    )  # fmt: skip
    venue.submit([c.Deposit(account="ann", currency="USDT", amount=D(200_000)), buy, stop])
    before = len(venue.sent)
    venue.move(BTC, D(45_000))
    assert len(venue.sent) - before < 1_500
    sold = [each for each in venue.events if isinstance(each, e.Filled) and each.taker_account == "ann"][-1]
    assert D(55_000) < sold.price < D(60_500)
    assert well_quoted(venue) == []
    assert not venue.refused
    assert venue.engine.state.marks.last[BTC] == D(45_000)
    venue.engine.check()


def test_a_stop_that_a_move_fires_is_filled_in_the_book() -> None:
    """A long of 1 BTC with a stop at 85,000: a move to 80,000 closes it above 80,000 less 1 %, in one go."""
    venue = Venue("generated:9")
    ann = "ann"
    buy = c.PlaceOrder(account=ann, instrument=BTC, side=OrderSide.BUY, contracts=D(100), type=OrderType.MARKET)
    stop = c.PlaceOrder(
        account=ann, instrument=BTC, side=OrderSide.SELL, contracts=D(100), type=OrderType.STOP_LOSS,
        trigger_price=D(85_000), reduce_only=True,
    )  # fmt: skip
    venue.submit([c.Deposit(account=ann, currency="USDT", amount=D(200_000)), buy, stop])
    venue.move(BTC, D(80_000))
    assert not venue.engine.state.owners[ann].held()
    sold = [each for each in venue.events if isinstance(each, e.Filled) and each.taker_account == ann][-1]
    assert D(79_200) <= sold.price <= D(85_000)


def test_a_move_that_ruins_a_position_liquidates_it_into_the_book() -> None:
    """20x long: a move of 10 % against it starts a liquidation that meets the makers' bids."""
    venue = Venue("generated:10")
    ann = "ann"
    venue.submit(
        [
            c.Deposit(account=ann, currency="USDT", amount=D(10_000)),
            c.SetLeverage(account=ann, instrument=BTC, leverage=D(20)),
            c.PlaceOrder(account=ann, instrument=BTC, side=OrderSide.BUY, contracts=D(180), type=OrderType.MARKET),
        ]
    )
    venue.move(BTC, D(81_000))
    kinds = {type(each) for each in venue.events}
    assert {e.LiquidationStarted, e.LiquidationFill} <= kinds
    assert e.DeficitCovered not in kinds
    assert not venue.engine.state.owners[ann].held()
    venue.engine.check()


@pytest.mark.parametrize(
    ("instrument", "price", "said"),
    [
        ("XRP-USDT-SWAP", "1", "'XRP-USDT-SWAP' is not listed"),
        (BTC, "0", "0 is no price of BTC-USDT-SWAP"),
        (BTC, "-5", "-5 is no price"),
        (BTC, "80000.05", "80000.05 is no price of BTC-USDT-SWAP: a multiple of 0.1"),
        (BTC, "NaN", "NaN is no price"),
        (BTC, "5000", "5000 is more than 10 times away from"),
        (BTC, "2000000", "2000000 is more than 10 times away from"),
    ],
)
def test_a_move_to_nowhere_is_one_clear_line(instrument: str, price: str, said: str) -> None:
    """And changes nothing."""
    venue = Venue("generated:8")
    before = venue.engine.digest()
    with pytest.raises(Exception, match=said):
        venue.move(instrument, D(price))
    assert venue.engine.digest() == before


# ---------------------------------------------------------------- funding


def test_funding_is_settled_once_a_period() -> None:
    """Opened an hour after a settlement: at the next eight-hour mark each perpetual settles once, at the rate shown."""
    venue = Venue("generated:7", START + 7 * 3_600_000 - 20_000)
    venue.run(5)
    shown = {name: venue.market.tape.funding(name) for name in venue.market.instruments}
    venue.run(60)
    settled = [each for each in venue.events if isinstance(each, e.FundingSettled)]
    perpetuals = [name for name, line in venue.market.lines.items() if line.funded]
    assert Counter(each.instrument for each in settled) == Counter(perpetuals)
    for event in settled:
        rate = shown[event.instrument]
        assert rate is not None
        assert event.rate == pytest.approx(rate.rate, abs=D("0.0002"))
        assert event.period * 28_800_000 == rate.time
        newest = venue.market.tape.funding_history(event.instrument, 2)
        assert (newest[0].time, newest[0].rate) == (rate.time, event.rate)
        assert newest[1].time == rate.time - 28_800_000
    assert not venue.refused


# ---------------------------------------------------------------- expiry


def test_a_future_is_settled_once_and_the_next_one_follows() -> None:
    """On 25 December 2026, 08:00 UTC, at the mean index of the hour before; then the contract of March is open."""
    end = int(datetime(2026, 12, 25, 8, tzinfo=UTC).timestamp() * 1000)
    venue = Venue("generated:7", end - 15 * 86_400_000)
    new = ("BTC-USDT-270326", "BTC-USD-270326")
    old = [name for name, line in venue.market.lines.items() if line.instrument.expiry is not None]
    assert {"BTC-USDT-261225", "BTC-USD-261225", "BTC-USD-261225-90000-C", "BTC-USD-261225-80000-P"} < set(old)
    assert venue.mark("BTC-USDT-261225") > venue.mark(BTC)  # it has a basis of 5 % a year
    venue.step(15 * 86_400_000 - 90_000)
    venue.run(89)
    assert venue.mark("BTC-USDT-261225") == pytest.approx(venue.engine.state.marks.index["BTC-USDT"], rel=D("0.0005"))
    venue.run(60)
    settled = [each for each in venue.events if isinstance(each, e.ExpirySettled)]
    assert sorted(each.instrument for each in settled) == sorted(old)
    assert settled[0].price == pytest.approx(venue.mark(BTC), rel=D("0.01"))
    assert set(new) < set(venue.market.instruments)
    assert not set(old) & set(venue.market.instruments)
    assert not [
        held for owner in venue.engine.state.owners.values() for held in owner.held() if held.key.instrument in old
    ]
    assert well_quoted(venue) == []
    assert len([name for name, line in venue.market.lines.items() if line.option is not None]) == 4
    assert venue.market.tape.trades(new[0])
    assert len(venue.market.tape.candles(new[0], limit=300)) == 300
    assert not venue.refused
    venue.engine.check()


def test_options_cost_what_they_are_worth() -> None:
    """At the forward, a quarter of a year ahead and at 55 % volatility: N(0.1375) - N(-0.1375) = 0.1094 of the coin.

    And a call less a put of one strike is (F - K) / F, to the tick.
    """
    venue = Venue("generated:7", int(datetime(2026, 9, 25, 8, tzinfo=UTC).timestamp() * 1000))
    lines = venue.market.lines
    call, put = lines["BTC-USD-261225-90000-C"], lines["BTC-USD-261225-90000-P"]
    quarter = int(datetime(2026, 12, 25, 8, tzinfo=UTC).timestamp() * 1000) - 365 * 86_400_000 // 4
    assert worth(call, D(90_000), D("0.55"), quarter) == worth(put, D(90_000), D("0.55"), quarter) == D("0.1094")
    forward = venue.engine.state.marks.forward[call.id]
    assert forward == pytest.approx(
        venue.engine.state.marks.index["BTC-USD"] * (1 + D("0.05") * 91 / 365), abs=D("0.1")
    )
    parity = (forward - 90_000) / forward
    assert venue.mark(call.id) - venue.mark(put.id) == pytest.approx(parity, abs=D("0.0001"))


def test_an_option_is_bought_near_its_mark_and_its_premium_paid() -> None:
    """10 contracts are 0.1 BTC of face: the premium is a tenth of the price, in BTC; and move says what to move."""
    venue = Venue("generated:7")
    name = next(name for name in venue.market.instruments if name.endswith("90000-C"))
    venue.submit([c.Deposit(account="ann", currency="BTC", amount=D(1))])
    order = c.PlaceOrder(account="ann", instrument=name, side=OrderSide.BUY, contracts=D(10), price=D("0.2"))
    (fill,) = [each for each in venue.submit([order]) if isinstance(each, e.Filled)]
    assert venue.mark(name) < fill.price <= venue.mark(name) + D("0.0006")
    paid = 1 - venue.engine.state.cash("ann", "BTC")
    assert paid == fill.price / 10 + D("0.1") * D("0.0003")
    with pytest.raises(InputError, match="move BTC-USD-SWAP"):
        venue.move(name, D("0.2"))
    before = venue.mark(name)
    venue.move("BTC-USD-SWAP", D(99_000))
    assert venue.mark(name) > before
    venue.engine.check()


@pytest.mark.parametrize(
    ("today", "days", "expiry"),
    [
        ("2026-11-27", 14, "2026-12-25"),
        ("2026-12-12", 14, "2027-03-26"),
        ("2026-01-01", 14, "2026-03-27"),
        ("2027-12-30", 0, "2027-12-31"),
        ("2028-01-01", 14, "2028-03-31"),
    ],
)
def test_a_quarter_ends_on_its_last_friday(today: str, days: int, expiry: str) -> None:
    """Read off a calendar."""
    now = datetime.fromisoformat(today).replace(tzinfo=UTC)
    assert next_quarter(int(now.timestamp() * 1000), days) == datetime.fromisoformat(expiry).replace(hour=8, tzinfo=UTC)


# ---------------------------------------------------------------- the tape


def test_a_new_market_has_a_past() -> None:
    """300 minute bars at once, each inside its low and high, on the minute without gaps, leading to the first price."""
    venue = Venue("generated:7")
    for name in [name for name, line in venue.market.lines.items() if line.option is None]:
        bars = venue.market.tape.candles(name, limit=300)
        assert len(bars) == 300
        assert [bar.time for bar in bars] == [bars[0].time - 60_000 * n for n in range(300)]
        assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)
        assert not bars[0].closed
        assert all(bar.closed and bar.contracts > 0 for bar in bars[1:])
        assert bars[1].close == pytest.approx(venue.mark(name), rel=D("0.005"))
        assert len(venue.market.tape.candles(name, "1H", limit=300)) == 300
        assert len(venue.market.tape.candles(name, limit=300, of="mark")) == 300
    assert len(venue.market.tape.candles("BTC-USDT", limit=300, of="index")) == 300
    assert len(venue.market.tape.funding_history(BTC, 10)) == 10


def test_a_ticker_adds_up_what_was_traded() -> None:
    """The volume of 24 hours grows by exactly the contracts of a trade, and last is its price."""
    venue = Venue("generated:7")
    before = venue.market.tape.ticker(BTC)
    ann = c.Deposit(account="ann", currency="USDT", amount=D(100_000))
    order = c.PlaceOrder(account="ann", instrument=BTC, side=OrderSide.SELL, contracts=D(7), type=OrderType.MARKET)
    fills = [each for each in venue.submit([ann, order]) if isinstance(each, e.Filled)]
    after = venue.market.tape.ticker(BTC)
    assert after.contracts - before.contracts == 7
    assert after.base - before.base == D("0.07")
    assert after.last == fills[-1].price
    newest = venue.market.tape.trades(BTC, 1)[0]
    assert (newest.buys, newest.price) == (False, fills[-1].price)
    assert newest.id // IDS_A_COMMAND == venue.engine.sequence


def test_candles_page_by_time() -> None:
    """`after` asks for older bars and `before` for newer ones; neither includes the bar named."""
    tape = Venue("generated:7").market.tape
    ten = tape.candles(BTC, limit=10)
    assert tape.candles(BTC, limit=3, after=ten[4].time) == ten[5:8]
    assert tape.candles(BTC, limit=9, before=ten[4].time) == ten[:4]


def test_the_tape_is_bounded() -> None:
    """Ten thousand trades leave 500, and bars of 1,500 minutes."""
    venue = Venue("generated:7")
    tape = venue.market.tape
    for number in range(10_000):
        tape.on_trade(BTC, D(90_000), D(1), True, venue.now + number * 60_000, number)
    assert len(tape.trades(BTC, 100_000)) == 500
    assert len(tape.candles(BTC, limit=100_000)) == 1_500


def test_the_tape_passes_over_what_is_too_old_or_not_listed_any_more() -> None:
    """Records of an earlier run, shown again, add their trades and change no bar of now."""
    venue = Venue("generated:7")
    tape = venue.market.tape
    before = tape.candles(BTC, limit=5)
    fill = next(each for each in venue.events if isinstance(each, e.Filled) and each.instrument == BTC)
    old = replace(fill, price=D(1))
    tape.observe(5, [old, replace(old, instrument="BTC-USDT-250328")], START - 600_000)
    assert tape.candles(BTC, limit=5) == before
    assert D(1) in [each.price for each in tape.trades(BTC)]
    assert tape.trades("BTC-USDT-250328") == []


# ---------------------------------------------------------------- going on


def test_a_market_goes_on_from_a_venue_that_was_open() -> None:
    """A new market over the same engine opens nothing twice, keeps the prices and the house's accounts, and quotes."""
    venue = Venue("generated:7")
    venue.run(30)
    venue.move(BTC, D(85_000))
    owners = len(venue.engine.state.owners)
    again = Venue("generated:7", venue.now + 60_000, venue.engine)
    assert not [each for each in again.sent if isinstance(each, c.Deposit | c.ListInstrument | c.FundInsurance)]
    assert again.mark(BTC) == pytest.approx(D(85_000), rel=D("0.002"))
    assert len(again.engine.state.owners) == owners
    again.run(20)
    assert well_quoted(again) == []
    assert not again.refused
    again.engine.check()


def test_contracts_that_ended_while_nobody_was_there_are_settled_at_the_next_step() -> None:
    """A venue that slept from December 10 to 26: the quarter's contracts are settled, March's are open."""
    venue = Venue("generated:7", int(datetime(2026, 12, 10, tzinfo=UTC).timestamp() * 1000))
    old = [name for name, line in venue.market.lines.items() if line.instrument.expiry is not None]
    venue.run(20)
    again = Venue("generated:7", int(datetime(2026, 12, 26, tzinfo=UTC).timestamp() * 1000), venue.engine)
    assert well_quoted(again, but=old) == []
    again.run(3)
    assert sorted(each.instrument for each in again.events if isinstance(each, e.ExpirySettled)) == sorted(old)
    assert not set(old) & set(again.market.instruments)
    assert "BTC-USDT-270326" in again.market.instruments
    assert well_quoted(again) == []
    assert not again.refused
    again.engine.check()


# ---------------------------------------------------------------- the text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not known: write generated"),
        ("random", "'random' is not known"),
        ("generated:a b", "'a b' is no seed"),
        ("generated:7,", "'' is no event: write NAME@AFTER"),
        ("generated:7,crash@60s", "'crash' is not known: choose one of crash-2020-03-12"),
        ("generated:7,crash-2025-10-10@60", "is no event"),
        ("generated:7,crash-2025-10-10@60sx0", "a speed is 1 or more"),
    ],
)
def test_a_text_that_names_no_market_is_one_clear_line(text: str, said: str) -> None:
    """It says what would be right."""
    assert said in problem(text)
    assert "\n" not in problem(text)


@given(
    st.sampled_from(["generated:", "generated,", "replay:", "generated:7,crash-2025-10-10@", "live:x", ""]), st.text()
)
def test_no_text_breaks_anything(kind: str, rest: str) -> None:
    """Whatever is written, it is a market or one line without a line break."""
    said = problem(kind + rest)
    assert len(said.splitlines()) <= 1
    assert len(said) < 400


def test_short_forms() -> None:
    """A seed and events may be left out, together or alone."""
    assert problem("generated") == problem("generated:7") == problem("generated,crash-2021-05-19@5m") == ""


def test_the_house_never_holds_more_than_it_may() -> None:
    """Against a buyer who never stops, the maker's short stays within its bound and some lots."""
    venue = Venue("generated:13")
    ann = "ann"
    venue.submit([c.Deposit(account=ann, currency="USDT", amount=D(900_000_000))])
    for _ in range(60):
        venue.submit(
            [c.PlaceOrder(account=ann, instrument=BTC, side=OrderSide.BUY, contracts=D(400), type=OrderType.MARKET)]
        )
        venue.step()
    line = venue.market.lines[BTC]
    held = venue.engine.state.owners[line.maker].held()
    assert [each.key.side for each in held] == [Side.SHORT]
    assert line.usd(held[0].contracts, venue.mark(BTC)) <= 120 * float(line.terms.depth) * 1.01
    bid, ask = venue.touch(BTC)
    assert bid < venue.mark(BTC) < ask
