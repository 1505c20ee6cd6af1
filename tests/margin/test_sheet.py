"""Which amounts make up which figure: every kind in or out of a figure is held down by a number."""

import pytest
from msgspec.structs import replace
from tests.margin.desk import BINANCE, CALL, OKX, account, d, held, isolated, judged, long, marks, order, short

from crossmargin.domain.account import MarginMode, Order, OrderSide, Side
from crossmargin.domain.arithmetic import quotient
from crossmargin.domain.marks import Marks
from crossmargin.errors import InputError
from crossmargin.margin.explain import explain, explainable
from crossmargin.margin.pool import Risk
from crossmargin.margin.sheet import FIGURES, EntryKind, Sheet

IN_USE = "position_margin order_margin netting order_fee open_loss isolated_order spot_hold option_hold interest bots"
HOLDS = "order_fee isolated_order spot_hold option_hold"
MEANING = {
    # figure: (kinds added, kinds subtracted), in the words of SPEC 1
    "balance": ("balance", ""),
    "floating_pnl": ("pnl", ""),
    "isolated_equity": ("isolated_margin isolated_pnl", ""),
    "option_value": ("option_value", ""),
    "equity": ("balance pnl isolated_margin isolated_pnl option_value", ""),
    "in_use": (IN_USE, ""),
    "initial_margin": ("position_margin order_margin netting", ""),
    "order_margin": ("order_margin netting", ""),
    "maintenance_margin": ("maintenance", ""),
    "liquidation_fee": ("closing_fee", ""),
    "exposure": ("exposure isolated_exposure", ""),
    "cross_exposure": ("exposure", ""),
    "uncommitted": ("balance pnl", IN_USE),
    "uncommitted_cash": ("balance", IN_USE),
    "supports": ("balance pnl", ""),
    "supports_after_holds": ("balance pnl", HOLDS),
    "requires": ("maintenance closing_fee borrow_maintenance", ""),
    "holds": (HOLDS, ""),
    "spot_holds": ("spot_hold", ""),
    "borrowed": ("borrow_maintenance", ""),
    "interest": ("interest", ""),
    # the account as one pool: fees and losses of open orders leave the collateral (research/venues.md 2.1)
    "adjusted_equity": ("collateral", "order_fee open_loss"),
    "account_initial": ("position_margin order_margin netting isolated_order borrow_initial", ""),
    "account_maintenance": ("maintenance borrow_maintenance", ""),
}


@pytest.mark.parametrize("kind", EntryKind, ids=lambda kind: kind.name.lower())
@pytest.mark.parametrize("figure", MEANING)
def test_a_kind_counts_in_the_figures_it_belongs_to(figure: str, kind: EntryKind) -> None:
    """An amount of 5 of one kind changes a figure by 5, -5 or not at all, and is listed where it counts."""
    sheet = Sheet(lines=True)
    sheet.add(kind, d(5))
    added, subtracted = (words.split() for words in MEANING[figure])
    name = kind.name.lower()
    expected = 5 * (name in added) - 5 * (name in subtracted)

    assert sheet.figure(figure) == expected
    assert [entry.amount for entry in sheet.entries_of(figure)] == ([expected] if expected else [])


def test_every_figure_has_its_meaning_here() -> None:
    """A figure that is added to the table is added to this page."""
    assert set(FIGURES) == set(MEANING)


def test_amounts_of_one_kind_add_up_and_nothing_is_no_entry() -> None:
    """3 and 4 are 7 in two entries; a zero leaves no line."""
    sheet = Sheet(lines=True)
    for amount in (3, 0, 4):
        sheet.add(EntryKind.BALANCE, d(amount))

    assert sheet.figure("balance") == 7
    assert len(sheet.entries_of("balance")) == 2


# ---------------------------------------------------------------- the same from an account


CASH = {"instrument": "BTC-USDT", "margin_mode": MarginMode.CASH}
FULL = account(
    100_000,
    long("BTC", 100, 50_000),
    isolated(short("ETH", 10, 3_000), 600),
    order("BTC", "buy", 100, 50_500),
    order("BTC", "sell", 150, 52_000),
    order("ETH", "sell", 10, 3_000, leverage=5, margin_mode=MarginMode.ISOLATED),
    Order(side=OrderSide.BUY, contracts=d("0.1"), price=d(40_000), **CASH),  # type: ignore[arg-type]
    interest={"USDT": d(7)},
    bot_frozen={"USDT": d(500)},
)
FULL_MARKS = marks(BTC=51_000, ETH=2_900, BTC_USDT=51_000)


def test_an_account_with_nearly_everything() -> None:
    """OKX, BTC contracts of 0.01, ETH of 0.1, taker 0.05 %, spot 0.1 %.

    position         1 BTC at 51,000: margin 5,100, PnL +1,000
    orders           buy 1 at 50,500: 5,050, fee 25.25; sell 1.5 at 52,000: 0.5 opens, 2,600, fee 13
    netting          max(5,100 + 5,050, |5,100 - 7,800|) - 5,100 - 7,650 = -2,600
    isolated         short 1 ETH, margin 600, PnL +100; sell 1 at 3,000, 5x: 600 + 1.5
    spot buy         0.1 x 40,000 = 4,000; interest 7; bots 500
    in use           5,100 + 7,650 - 2,600 + 38.25 + 601.5 + 4,000 + 7 + 500 = 15,296.75
    free             101,000 - 15,296.75; available: without the gain of 1,000
    maintenance      0.4 % of 2.5 BTC at 51,000 = 510; closing fee 63.75
    ratio            (101,000 - 38.25 - 601.5 - 4,000) / 573.75
    """
    figures = judged(FULL, FULL_MARKS, OKX).currencies["USDT"]

    assert (figures.balance, figures.floating_pnl, figures.isolated_equity) == (d(100_000), d(1_000), d(700))
    assert figures.equity == 101_700
    assert figures.in_use == d("15296.75")
    assert figures.initial_margin == 10_150
    assert (figures.free_margin, figures.available_balance) == (d("85703.25"), d("84703.25"))
    assert (figures.maintenance_margin, figures.liquidation_fee) == (d(510), d("63.75"))
    assert figures.margin_ratio == quotient(d("96360.25"), d("573.75"))
    assert (figures.exposure, figures.leverage) == (d(53_900), quotient(d(51_000), d(101_000)))
    assert figures.exposure_ratio == quotient(d(101_700), d(53_900))


def test_the_other_reading_of_the_available_balance() -> None:
    """With gains counted (`available_balance = "with_gains"`) it is the free margin."""
    figures = judged(FULL, FULL_MARKS, OKX.with_rules(available_balance="with_gains")).currencies["USDT"]

    assert figures.available_balance == figures.free_margin == d("85703.25")


def test_options_and_their_buys() -> None:
    """OKX: long 10 calls of 0.01 at a mark of 0.02 are worth 0.002; a buy of 100 at 0.02 holds 0.0203 of 1 BTC.

    The hold leaves free margin and the ratio's numerator; the value is in the equity and nowhere else.
    """
    prices = Marks(mark={CALL.id: d("0.02")}, forward={"BTC": d(100_000)})
    held_and_bought = account(
        {"BTC": 1},
        held(CALL.id, 10, "0.01", Side.LONG, leverage=1),
        order(CALL.id, "buy", 100, "0.02"),
    )
    assessment = judged(held_and_bought, prices, OKX.with_instruments([CALL]))
    figures = assessment.currencies["BTC"]

    assert (figures.option_value, figures.equity) == (d("0.002"), d("1.002"))
    assert (figures.in_use, figures.free_margin) == (d("0.0203"), d("0.9797"))
    assert assessment.cross["BTC"].risk.available == d("0.9797")


def test_open_loss_is_in_use_but_no_initial_margin() -> None:
    """Binance: a buy of 1 at 51,000 with the mark at 50,000, 20x: 2,550 of margin and 1,000 of open loss.

    The ratio counts neither: only positions need maintenance margin there.
    """
    buying = Order(instrument="BTCUSDT", side=OrderSide.BUY, contracts=d(1), price=d(51_000), leverage=d(20))
    prices = Marks(mark={"BTCUSDT": d(50_000)}, last={"BTCUSDT": d(50_000)})
    assessment = judged(account(10_000, buying), prices, BINANCE)
    figures = assessment.currencies["USDT"]

    assert (figures.in_use, figures.initial_margin, figures.free_margin) == (d(3_550), d(2_550), d(6_450))
    assert assessment.cross["USDT"].risk.available == 10_000
    assert figures.margin_ratio is None


# ---------------------------------------------------------------- explain


def lines(figure: str) -> list[tuple[str, str]]:
    """Label and amount of every line of a figure of the full account."""
    explanation = explain(judged(FULL, FULL_MARKS, OKX), figure)
    return [(line.label, f"{line.amount.normalize():f}") for line in explanation.lines]


def test_in_use_explained() -> None:
    """The ten amounts that add up to 15,296.75, with their owners."""
    assert lines("USDT.in_use") == [
        ("accrued interest, USDT", "7"),
        ("lent to bots, USDT", "500"),
        ("order margin, buy BTC-USDT-SWAP", "5050"),
        ("order fee, buy BTC-USDT-SWAP", "25.25"),
        ("order margin, sell BTC-USDT-SWAP", "2600"),
        ("order fee, sell BTC-USDT-SWAP", "13"),
        ("isolated order, sell ETH-USDT-SWAP", "601.5"),
        ("spot order, buy BTC-USDT", "4000"),
        ("one-way netting, BTC-USDT-SWAP", "-2600"),
        ("initial margin, BTC-USDT-SWAP:long:cross", "5100"),
    ]


def test_the_free_margin_explained() -> None:
    """Balance and PnL, then all that is in use, with its sign turned."""
    found = dict(lines("free_margin"))

    assert (found["balance, USDT"], found["floating PnL, BTC-USDT-SWAP:long:cross"]) == ("100000", "1000")
    assert (found["one-way netting, BTC-USDT-SWAP"], found["spot order, buy BTC-USDT"]) == ("2600", "-4000")


def test_the_available_balance_explained() -> None:
    """As the free margin, and a line that takes the gain out again."""
    assert lines("USDT.available_balance") == [*lines("USDT.free_margin"), ("unrealised gains left out", "-1000")]


def test_a_free_margin_of_nothing_explained() -> None:
    """100 of cash, 5,000 in use: the sum is -4,900, and a last line says that it can't be below zero."""
    explanation = explain(judged(account(100, long("BTC", 1, 50_000)), marks(BTC=50_000)), "USDT.free_margin")

    assert [line.amount for line in explanation.lines] == [100, -5_000, 4_900]
    assert (explanation.value, explanation.lines[-1].label) == (d(0), "not below zero")


def test_maintenance_explained_with_tier_and_rule() -> None:
    """0.4 % of 51,000: tier 1, decided by the family's contracts, from the source of the table."""
    line = explain(judged(FULL, FULL_MARKS, OKX), "BTC-USDT-SWAP.maintenance_margin").lines[0]

    assert (line.amount, line.tier, line.rule) == (d(204), 1, "tier_group")
    assert line.inputs["maintenance rate"] == d("0.004")
    assert line.source == "position tiers of BTC-USDT-SWAP as observed, evidence O"


def test_the_ratio_explained() -> None:
    """Every amount of the numerator over what is required, and a line for what the rounding leaves."""
    explanation = explain(judged(FULL, FULL_MARKS, OKX), "margin_ratio")

    assert explanation.figure == "USDT.margin_ratio"
    assert explanation.lines[0].inputs == {"amount": d(100_000), "requires": d("573.75")}
    assert explanation.lines[-1].label == "rounding of the quotients"
    assert abs(explanation.lines[-1].amount) < d("1e-18")


def test_a_liquidation_price_explained_through_its_tiers() -> None:
    """Binance tiers: the way from the mark leads over each bracket's bound to the price."""
    book = account(100_000, replace(short("BTC", 10, 50_000), instrument="BTCUSDT"))
    explanation = explain(judged(book, Marks(mark={"BTCUSDT": d(25_000)}), BINANCE), "BTCUSDT.liquidation_price")
    labels = [line.label for line in explanation.lines]

    assert labels[0] == "mark price"
    assert labels[1] == "move to the tier bound at 30000"
    assert labels[-1] == "move until available = required"


def test_prices_explained() -> None:
    """Distance, bankruptcy and break-even are mark or entry and what leads away from it."""
    assessment = judged(account(6_000, long("BTC", 1, 50_000)), marks(BTC=50_000))
    found = {
        name: [(line.label, line.amount) for line in explain(assessment, f"BTC-USDT-SWAP.{name}").lines]
        for name in ("distance", "bankruptcy_price", "break_even_price", "notional", "floating_pnl", "initial_margin")
    }

    assert found["distance"] == [("distance", quotient(d(50_000) - quotient(d(44_000), d("0.995")), d(50_000)))]
    assert found["bankruptcy_price"] == [
        ("mark price", d(50_000)),
        ("move until nothing supports the pool", d(-6_000)),
    ]
    assert found["break_even_price"] == [
        ("entry price", d(50_000)),
        ("fees and what was realised, per unit", d(0)),
    ]
    assert found["notional"] == [("position value, BTC-USDT-SWAP:long:cross", d(50_000))]
    assert found["floating_pnl"] == [("floating PnL, BTC-USDT-SWAP:long:cross", d(0))]
    assert found["initial_margin"] == [("initial margin, BTC-USDT-SWAP:long:cross", d(5_000))]


def test_total_equity_explained() -> None:
    """100 USDT at 0.99 and 2 ETH at 3,000: two lines."""
    prices = Marks(fx={"USDT": d("0.99"), "ETH": d(3_000)})
    explanation = explain(judged(account({"USDT": 100, "ETH": 2}), prices), "total_equity_usd")

    assert [(line.label, line.amount) for line in explanation.lines] == [
        ("USDT equity", d(99)),
        ("ETH equity", d(6_000)),
    ]
    assert explanation.unit == "USD"


def test_an_isolated_ratio_explained() -> None:
    """Margin 600 and PnL 100 over 0.4 % of 2,900 and a fee of 0.05 %: 700 / 13.05."""
    explanation = explain(judged(FULL, FULL_MARKS, OKX), "ETH-USDT-SWAP.margin_ratio")

    assert explanation.value == quotient(d(700), d("13.05"))
    assert [line.inputs["amount"] for line in explanation.lines[:2]] == [600, 100]


def test_figures_that_do_not_exist_give_a_reason() -> None:
    """Nothing required, no position open, a long option: null with the reason, no lines."""
    assessment = judged(account(100), marks())
    for figure, reason in (
        ("USDT.margin_ratio", "nothing is required"),
        ("USDT.exposure_ratio", "no position is open"),
    ):
        explanation = explain(assessment, figure)

        assert (explanation.value, explanation.lines) == (None, ())
        assert explanation.reason.startswith(reason)


def test_unknown_and_ambiguous_figures() -> None:
    """A wrong name lists what there is; a name that two positions answer to asks which."""
    both = judged(account(9_000, long("BTC", 1, 50_000), isolated(long("BTC", 1, 50_000), 5_000)), marks(BTC=50_000))
    with pytest.raises(
        InputError, match=r"say which: BTC-USDT-SWAP:long:cross\.notional, BTC-USDT-SWAP:long:isolated\.notional"
    ):
        explain(both, "BTC-USDT-SWAP.notional")
    with pytest.raises(InputError, match="expected OWNER"):
        explain(both, "USDT.beauty")

    assert "BTC-USDT-SWAP:long:isolated.notional" in explainable(both)


def test_what_is_required_is_exact_in_any_context() -> None:
    """1 and 0.000...01 (34 digits) are added exactly, though the caller's own context keeps 28 digits."""
    small = d("0.0000000000000000000000000000000001")

    required = Risk(available=d(1), initial=d(0), maintenance=d(1), fees=small).required

    assert required == d("1.0000000000000000000000000000000001")
