"""dYdX v4, the published vectors: each by its id, from an account file unless it holds nothing."""

from decimal import Decimal
from typing import Any

from tests.conformance.desk import Desk, View, there
from tests.conformance.registry import Answers, by_id
from tests.conformance.vectors import Case, yes

from crossmargin.domain.account import OrderSide
from crossmargin.domain.arithmetic import ONE, ZERO, exact
from crossmargin.domain.numbers import Amount, Positive
from crossmargin.margin import changes
from crossmargin.margin.admission import admit_new
from crossmargin.margin.deleveraging import (
    bankruptcy_quote,
    fillable_price,
    insurance_delta,
    value_of_fill,
)
from crossmargin.margin.transition import covers_initial
from crossmargin.prices.funding import (
    funding_cap,
    funding_index_change,
    funding_rate,
    impact_notional,
    index_settlement,
    median_premium,
)

QUANTUM = Decimal("0.000001")
MARKET = "XYZ-USD"


class Market:
    """One market of an account: signed size, oracle price, rates and what they are scaled by."""

    def __init__(self, size: Decimal, price: Decimal, *, initial: Decimal, fraction: Decimal,
                 open_interest: Decimal | None = None, low: Decimal = ZERO, high: Decimal = ZERO) -> None:  # fmt: skip
        """Take signed size in base units, price, initial rate, maintenance as a fraction of the initial margin."""
        self.size, self.price = size, price
        self.tier = {"initial_rate": initial, "maintenance_rate": fraction}
        self.open_interest = open_interest
        if high:
            self.tier |= {"open_interest_low": low, "open_interest_high": high}


@exact
def account(cash: Decimal, markets: dict[str, Market], *, step: Decimal = QUANTUM) -> dict[str, Any]:
    """An account file; cash is what is left after trades, so a position entered at today's price adds its value."""
    document: dict[str, Any] = {
        "venue": "dydx",
        "rules": {"requirement_step": step},
        "balances": {"USDC": cash},
        "positions": [],
        "marks": {},
        "open_interest": {},
        "instruments": {},
    }
    for name, market in markets.items():
        document["marks"][name] = market.price
        document["instruments"][name] = {"tiers": [market.tier]}
        if market.open_interest is not None:
            document["open_interest"][name] = market.open_interest
        if market.size:
            document["balances"]["USDC"] += market.size * market.price
            document["positions"].append(
                {
                    "instrument": name,
                    "side": "long" if market.size > 0 else "short",
                    "contracts": abs(market.size),
                    "entry_price": market.price,
                    "leverage": "1",
                }
            )
    return document


def single(cash: Decimal, size: Decimal, price: Decimal, *, maintenance: Decimal, initial: Decimal | None = None
           ) -> dict[str, Any]:  # fmt: skip
    """One market whose maintenance rate is given; its initial rate is twice that unless given too."""
    rate = initial or maintenance * 2
    return account(cash, {MARKET: Market(size, price, initial=rate, fraction=fraction_of(maintenance, rate))})


@exact
def fraction_of(maintenance: Decimal, initial: Decimal) -> Decimal:
    """The maintenance fraction, which has to be a short number for the file."""
    found = next((each for each in (Decimal(n) / 100 for n in range(1, 101)) if each * initial == maintenance), None)
    return there(found)


def requirement(case: Case, desk: Desk, size: Decimal, rate: Decimal, open_interest: Decimal | None = None) -> Decimal:
    """Initial margin of a position of whole quantums at price 1, so that size and value are one number."""
    caps = {} if open_interest is None else {"low": case.number("lo"), "high": case.number("hi")}
    market = Market(size, ONE, initial=rate, fraction=ONE, open_interest=open_interest, **caps)
    return desk.assess(account(ZERO, {MARKET: market}, step=ONE)).first.initial_margin


@by_id("dx-oimf*", "dx-im-ceil*")
@exact
def scaled_rate(case: Case, desk: Desk) -> Answers:
    """Initial margin in whole quantums, its rate scaled by open interest."""
    answers: Answers = {}
    for wanted in case.expected:
        name = wanted.name
        if name == "one_quantum":
            answers[name] = requirement(case, desk, ONE, Decimal("0.1"))
        elif name.startswith("ceil"):
            answers[name] = requirement(case, desk, case.number("n2", "n"), case.number("r2", "r"))
        else:
            interest = {
                "mid_oi": (case.number("lo") + case.number("hi")) * Decimal("0.5"),
                "above_cap": case.number("hi") + 1,
                "oi_small": case.number("oi"),
            }[name]
            answers[name] = requirement(case, desk, case.number("n"), case.number("base"), interest)
    return answers


@by_id("dx-funding-cap*")
def caps(case: Case, desk: Desk) -> Answers:
    """Largest rate of eight hours in each liquidity tier, in the order of the inputs."""
    return {
        wanted.name: funding_cap(
            case.number("k"), initial_rate=case.number(f"imf{place}"), maintenance_rate=case.number(f"mmf{place}")
        )
        for place, wanted in enumerate(case.expected, 1)
    }


@by_id("dx-impact-notional*")
def impact(case: Case, desk: Desk) -> Answers:
    """Value at which impact prices are read."""
    return {"*": impact_notional(case.number("n"), initial_rate=case.number("imf"))}


@by_id("dx-funding-hourly*")
def hourly(case: Case, desk: Desk) -> Answers:
    """Median of a minute's votes; an hour's rate is an eighth of the premium."""
    samples = [case.number(name) for name in case.inputs if name.startswith("p")]
    eighth = funding_rate(median_premium(samples), interest=ZERO, band=ZERO, interval=ONE, full_interval=Decimal(8))
    return {"median": median_premium(samples), "*": eighth}


@by_id("dx-funding-index*")
def index(case: Case, desk: Desk) -> Answers:
    """Change of the index, cut towards zero; what a position receives, rounded down."""
    change = funding_index_change(
        case.number("rate", "rate_ppm"), price=case.number("px", "price"), elapsed=case.number("t", "dt"),
        full_interval=case.number("full", default=Decimal(28_800)), step=ONE,
    )  # fmt: skip
    paid = index_settlement(case.number("size", "q"), index=change, settled_index=ZERO, step=ONE)
    return {"delta": change, "index_delta": change, "settlement": paid}


@by_id("dx-liq-*")
def liquidation(case: Case, desk: Desk) -> Answers:
    """Price at which net collateral meets maintenance, other positions fixed."""
    size = case.number("s", "size", "q")
    price = case.number("p", "px", "mark")
    document = single(ZERO, size, price, maintenance=case.number("mmf"))
    document["balances"]["USDC"] = case.number("e", "equity")
    others = case.number("mmr_other", "mm_other", default=ZERO)
    if others:
        extra = account(ZERO, {"OTHER-USD": Market(others, ONE, initial=ONE, fraction=ONE)})
        document["positions"] += extra["positions"]
        document["marks"] |= extra["marks"]
        document["instruments"] |= extra["instruments"]
    view = desk.assess(document)
    return {"*": (view.liquidation(), view.printed())}


def quote_at_bankruptcy(desk: Desk, before: View, after: dict[str, Any], value_change: Decimal) -> Decimal:
    """Bankruptcy amount of a partial close, its maintenance read from the account before and after."""
    left = desk.assess(after).risk
    return bankruptcy_quote(
        before.risk.available,
        maintenance=before.risk.maintenance,
        value_change=value_change,
        maintenance_change=left.maintenance - before.risk.maintenance,
        step=QUANTUM,
    )


@by_id("dx-bankruptcy-single*")
@exact
def bankruptcy(case: Case, desk: Desk) -> Answers:
    """Quote amount at which a long, a short, and half of a long are closed."""
    size, price, rate = case.number("size"), case.number("px"), case.number("mmf")

    def amount(cash: Decimal, held: Decimal, change: Decimal) -> Decimal:
        before = desk.assess(single(cash, held, price, maintenance=rate))
        after = single(cash, held + change, price, maintenance=rate)
        return quote_at_bankruptcy(desk, before, after, change * price)

    half = size * Decimal("0.5")
    return {
        "long_0.1": amount(case.number("q1"), size, -size),
        "short_0.1": amount(case.number("q2"), -size, size),
        "long_close_half": amount(case.number("q3"), size, -half),
    }


FILLABLE: dict[str, tuple[str, int, str, str]] = {
    # figure: (input with the cash, direction, input with the adjustment, spread or the input with it)
    "long_thin": ("q1", 1, "1", "smmr"),
    "long_ba2": ("q1", 1, "ba2", "smmr"),
    "long_smmr20": ("q1", 1, "1", "smmr2"),
    "short_thin": ("q2", -1, "1", "smmr"),
    "short_ba2_smmr20": ("q2", -1, "ba2", "smmr"),
    "long_zero_equity": ("q3", 1, "1", "smmr"),
    "long_negative_equity_capped": ("q4", 1, "1", "smmr"),
    "short_bankrupt": ("q5", -1, "1", "smmr"),
    "long_smmr_1ppm": ("q1", 1, "1", "0.000001"),
    "long_smmr_100": ("q1", 1, "1", "1"),
}


@by_id("dx-fillable-price")
@exact
def fillable(case: Case, desk: Desk) -> Answers:
    """Limit price of the liquidation order."""

    def given(name: str) -> Decimal:
        return case.number(name) if name in case else Decimal(name)

    answers: Answers = {}
    for wanted in case.expected:
        assert wanted.name in FILLABLE, f"no handler for the figure {wanted.name}"
        cash, sign, adjustment, spread = FILLABLE[wanted.name]
        size = case.number("sz") * sign
        risk = desk.assess(single(given(cash), size, case.number("px"), maintenance=case.number("m"))).risk
        answers[wanted.name] = fillable_price(
            size,
            oracle_price=case.number("px"),
            available=risk.available,
            maintenance=risk.maintenance,
            position_maintenance=risk.maintenance,
            bankruptcy_adjustment=given(adjustment),
            spread=given(spread),
        )
    return answers


FILLS: dict[str, tuple[str, str, str]] = {
    # figure: (input with the cash, price of the fill, largest fee)
    "fee_0.5pct": ("ql", "56100", "0.005"),
    "fee_2.5pct": ("ql", "56100", "0.025"),
    "fee_100pct_capped": ("ql", "56100", "1"),
    "little_left": ("ql", "51051", "0.005"),
    "nothing_left": ("ql", "51000", "0.005"),
    "fund_pays": ("ql", "50490", "0.005"),
    "short_0.5pct": ("qs", "44100", "0.005"),
    "short_2.5pct": ("qs", "44100", "0.025"),
    "short_100pct": ("qs", "44100", "1"),
    "short_little": ("qs", "48951", "0.005"),
    "short_fund_pays": ("qs", "49490", "0.005"),
}


@by_id("dx-insurance-delta*")
@exact
def insurance(case: Case, desk: Desk) -> Answers:
    """What the fund gains or pays, by the price of the fill."""
    answers: Answers = {}
    oracle, rate = Decimal(50_000), Decimal("0.1")
    for wanted in case.expected:
        assert wanted.name in FILLS, f"no handler for the figure {wanted.name}"
        cash, price, fee = FILLS[wanted.name]
        size = case.number("n") if cash == "ql" else -case.number("n")
        before = desk.assess(single(case.number(cash), size, oracle, maintenance=rate))
        after = single(case.number(cash), ZERO, oracle, maintenance=rate)
        answers[wanted.name] = insurance_delta(
            value_of_fill(-size, price=Decimal(price), step=QUANTUM),
            bankruptcy=quote_at_bankruptcy(desk, before, after, -size * oracle),
            fee_rate=Decimal(fee),
            step=QUANTUM,
        )
    return answers


@by_id("dx-deleverage*")
@exact
def deleverage(case: Case, desk: Desk) -> Answers:
    """A short's bankruptcy price, and what it leaves to a long that entered at the oracle price."""
    size, price = case.number("q"), case.number("px")
    short = single(ZERO, -size, price, maintenance=Decimal("0.05"))
    short["balances"]["USDC"] = case.number("collB")
    bust = desk.assess(short).bankruptcy()
    long = single(ZERO, size, price, maintenance=Decimal("0.05"))
    long["marks"][MARKET] = bust
    return {"bankruptcy_short": bust, "profit_of_counterparty": desk.assess(long).first.floating_pnl}


@by_id("dx-order-checks*")
@exact
def order_checks(case: Case, desk: Desk) -> Answers:
    """The initial test, and a reduction that an undercollateralised account may make."""
    size, price, initial, rate = (case.number(name) for name in ("size", "px", "imf", "mmf"))
    healthy = desk.assess(single(case.number("q"), size, price, maintenance=rate, initial=initial))
    thin = single(case.number("q2"), size, price, maintenance=rate, initial=initial)
    reduction = changes.Fill(
        instrument=MARKET, side=OrderSide.SELL, contracts=Positive(case.number("close")),
        price=Positive(case.number("fill")), fee=Amount(0),
    )  # fmt: skip
    outcome = desk.what_if(thin, reduction)
    before, after = View(outcome.before), View(outcome.after)
    order = {
        "instrument": MARKET, "side": "sell", "state": "new", "contracts": case.number("close"),
        "price": case.number("fill"), "leverage": "1",
    }  # fmt: skip
    admitted = admit_new(desk.assess({**thin, "orders": [order]}).assessment)[-1]
    return {
        "nc": healthy.risk.available,
        "im": healthy.risk.initial,
        "initial_ok": yes(covers_initial(healthy.risk)),
        "nc_after_reduce": after.risk.available,
        "mm_after_reduce": after.risk.maintenance,
        "ratio_before": there(before.only.margin_ratio),
        "ratio_after": there(after.only.margin_ratio),
        "reduce_allowed": yes(admitted.accepted),
    }
