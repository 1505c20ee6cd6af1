"""Which legs a liquidation takes, and how much of them: each phase by itself."""

from decimal import Decimal

import pytest

from crossmargin.domain import event as e
from crossmargin.engine.scenario import play

D = Decimal
OPENING = """
rule price_band 0.9
instrument ETH-USDT-F like=ETH-USDT-SWAP kind=future
instrument ETH-USDT-G like=ETH-USDT-SWAP kind=future
instrument BTC-USDT-F like=BTC-USDT-SWAP kind=future
tiers ETH-USDT-SWAP 0.05
tiers ETH-USDT-F 0.05
tiers ETH-USDT-G 0.05
tiers BTC-USDT-SWAP 0.05
tiers BTC-USDT-F 0.05
tiers SOL-USDT-SWAP 0.05
deposit ann 4000 USDT
deposit ben 10000000 USDT
mode ann hedge
leverage ann ETH-USDT-SWAP 50
leverage ann ETH-USDT-F 50
leverage ann ETH-USDT-G 50
leverage ann BTC-USDT-SWAP 50
leverage ann BTC-USDT-F 50
leverage ann SOL-USDT-SWAP 50
mark ETH-USDT-SWAP 1000
mark ETH-USDT-F 1000
mark ETH-USDT-G 1000
mark BTC-USDT-SWAP 50000
mark BTC-USDT-F 50000
"""


def steps(*trades: str) -> list[tuple[str, str, Decimal]]:
    """Phase, position and size of each step, once 100 SOL have lost nearly everything."""
    text = OPENING + "".join(f"trade ann {trade}\n" for trade in (*trades, "+100 ben SOL-USDT-SWAP @ 100"))
    story = play(text + "mark SOL-USDT-SWAP 61")  # 100 left
    found = [each for each in story.last if isinstance(each, e.LiquidationStep)]
    return [(each.phase, f"{each.position.instrument} {each.position.side.value}", each.contracts) for each in found]


@pytest.mark.parametrize("eth", ["1", "3"])
def test_opposite_legs_with_the_higher_maintenance_go_first(eth: str) -> None:
    """BTC 0.1 both ways needs 500; ETH 1 or 3 against 1 at most 200: BTC first; the smaller leg is the size."""
    found = steps(
        f"+{eth} ben ETH-USDT-SWAP @ 1000", "-1 ben ETH-USDT-SWAP @ 1000",
        "+0.1 ben BTC-USDT-SWAP @ 50000", "-0.1 ben BTC-USDT-SWAP @ 50000",
    )  # fmt: skip
    opposite = [each for each in found if each[0] == "opposite_legs"]
    assert opposite == [
        ("opposite_legs", "BTC-USDT-SWAP long", D("0.1")),
        ("opposite_legs", "BTC-USDT-SWAP short", D("0.1")),
        ("opposite_legs", "ETH-USDT-SWAP long", D(1)),
        ("opposite_legs", "ETH-USDT-SWAP short", D(1)),
    ]


def test_hedged_sets_with_the_higher_maintenance_go_first_by_equal_delta() -> None:
    """BTC 0.2 against 0.1 needs 750, ETH 2 against 1 needs 150: BTC 0.1 of each, ETH 1 of each, then the rest."""
    found = steps(
        "+2 ben ETH-USDT-SWAP @ 1000", "-1 ben ETH-USDT-F @ 1000",
        "+0.2 ben BTC-USDT-SWAP @ 50000", "-0.1 ben BTC-USDT-F @ 50000",
    )  # fmt: skip
    assert found[:4] == [
        ("delta_hedged", "BTC-USDT-SWAP long", D("0.1")),
        ("delta_hedged", "BTC-USDT-F short", D("0.1")),
        ("delta_hedged", "ETH-USDT-SWAP long", D(1)),
        ("delta_hedged", "ETH-USDT-F short", D(1)),
    ]
    assert {each[0] for each in found[4:]} == {"unhedged"}


def test_of_a_hedged_set_the_heaviest_legs_are_taken() -> None:
    """ETH 3 long in the swap and 1 in a future, 2 short in another: the swap and the short meet first, by 2."""
    found = steps("+1 ben ETH-USDT-G @ 1000", "+3 ben ETH-USDT-SWAP @ 1000", "-2 ben ETH-USDT-F @ 1000")
    assert found[:2] == [
        ("delta_hedged", "ETH-USDT-SWAP long", D(2)),
        ("delta_hedged", "ETH-USDT-F short", D(2)),
    ]


def test_without_hedges_the_best_risk_reduction_is_first() -> None:
    """BTC 0.1 needs 250, ETH 1 needs 50, SOL at 61 needs 305: SOL, then BTC, then ETH."""
    found = steps("+1 ben ETH-USDT-SWAP @ 1000", "+0.1 ben BTC-USDT-SWAP @ 50000")
    order = ["SOL-USDT-SWAP long", "BTC-USDT-SWAP long", "ETH-USDT-SWAP long"]
    assert [each[1] for each in found] == order[: len(found)]
    assert found[0] == ("unhedged", "SOL-USDT-SWAP long", D(100))


def test_both_legs_of_a_group_leave_its_size_together() -> None:
    """Tiers count both sides of a family: 8 and 8 are 16, the next tier ends at 10: 3 of each go, and it is safe."""
    story = play(
        "rulebook okx\ninstrument ETH-USDT-SWAP contract_value=1 lot_size=1\ninstrument SOL-USDT-SWAP "
        "like=ETH-USDT-SWAP base=SOL family=SOL-USDT\ntiers ETH-USDT-SWAP 10:0.005 0.05\ntiers SOL-USDT-SWAP 0.005\n"
        "fees ETH-USDT-SWAP 0 0\nfees SOL-USDT-SWAP 0 0\ndeposit ann 1000 USDT\ndeposit ben 1000000 USDT\n"
        "mode ann hedge\n"
        "leverage ann ETH-USDT-SWAP 50\nleverage ann SOL-USDT-SWAP 50\ntrade ann +8 ben ETH-USDT-SWAP @ 1000\n"
        "trade ann -8 ben ETH-USDT-SWAP @ 1000\ntrade ann +10 ben SOL-USDT-SWAP @ 100\nmark SOL-USDT-SWAP 75"
    )
    found = [(each.phase, each.contracts) for each in story.last if isinstance(each, e.LiquidationStep)]
    assert found == [("opposite_legs", D(3)), ("opposite_legs", D(3))]
    assert sorted(each.contracts for each in story.engine.state.owners["ann"].positions.values()) == [5, 5, 10]
