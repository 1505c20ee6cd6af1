"""Bad prints, silent sources and true crashes: what is believed, and when."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.prices.health import Health, HealthRules, Quote, Verdict, at_limit, index_of, mark_verdict

D = Decimal
RULES = HealthRules(quorum=3)


def said(*prices: str, time: int = 0) -> list[Quote]:
    """One quote a source."""
    return [Quote(source=f"s{number}", price=D(price), time=time) for number, price in enumerate(prices)]


@given(st.lists(st.integers(95, 105), min_size=4, max_size=8), st.sampled_from(["0.000001", "1000000"]))
def test_one_source_moves_the_index_by_its_weight_and_no_further(prices: list[int], wild: str) -> None:
    """Of n sources within 5 % of each other, one that goes to nothing or to the moon moves the index by at most

    its share of the widest distance: (5 % each way, and what the median gives) x median / n.
    """
    honest = said(*map(str, prices))
    before = index_of(honest, now=0, rules=RULES).price
    after = index_of([Quote(source="s0", price=D(wild), time=1), *honest[1:]], now=1, rules=RULES).price
    assert before is not None
    assert after is not None
    assert abs(after - before) <= D(105) * D("0.2")
    assert D(95) * D("0.9") <= after <= D(105) * D("1.1")


def test_a_silent_source_loses_its_weight() -> None:
    """Three of four are fresh: the index is theirs; two are below the quorum: there is none."""
    old = Quote(source="s3", price=D(500), time=0)
    found = index_of([*said("100", "101", "102", time=20_000), old], now=20_000, rules=RULES)
    assert (found.price, found.health) == (D(101), Health.HEALTHY)
    found = index_of([*said("100", "101", time=20_000), old], now=20_000, rules=RULES)
    assert (found.price, found.health) == (None, Health.FROZEN)
    assert found.reason == "2 fresh sources, 3 needed"


def test_a_source_counts_once_with_its_newest_word() -> None:
    """s0 said 90, then 100."""
    quotes = [*said("100", "100", "100", time=5), Quote(source="s0", price=D(90), time=1)]
    assert index_of(quotes, now=5, rules=RULES).price == 100


def test_sources_that_disagree_are_suspect() -> None:
    """Two at 100, two at 200: half lie outside 5 % of the median."""
    assert index_of(said("100", "100", "200", "200"), now=0, rules=RULES).health is Health.SUSPECT


@pytest.mark.parametrize("bad", ["0", "-1"])
def test_a_price_that_is_none_is_not_counted(bad: str) -> None:
    """Zero and less are no prices."""
    assert index_of(said("100", "100", bad), now=0, rules=RULES).health is Health.FROZEN


def test_a_bad_print_is_doubted_and_a_true_crash_is_believed_once_it_lasts() -> None:
    """-50 % with its index: suspect at once, still after 4.9 s, believed after 5 s."""
    first = mark_verdict(D(50), previous=D(100), index=D(50), time=0, now=0, rules=RULES)
    assert (first.health, first.doubted_since) == (Health.SUSPECT, 0)
    for now, health in ((4_900, Health.SUSPECT), (5_000, Health.HEALTHY)):
        later = mark_verdict(D(50), previous=D(100), index=D(50), time=now, now=now, rules=RULES, doubted_since=0)
        assert (later.health, later.price) == (health, D(50))


def test_a_mark_is_held_to_its_index() -> None:
    """120 against an index of 100 and 5 %: 105."""
    found = mark_verdict(D(120), previous=D(101), index=D(100), time=0, now=0, rules=RULES)
    assert (found.price, found.health) == (D(105), Health.HEALTHY)


def test_a_mark_without_index_or_too_old_stays_where_it_was() -> None:
    """The last mark that was believed, and why it is not healthy."""
    assert mark_verdict(D(9), previous=D(8), index=None, time=0, now=0, rules=RULES).health is Health.FROZEN
    old = mark_verdict(D(9), previous=D(8), index=D(9), time=0, now=10_001, rules=RULES)
    assert (old.health, old.price) == (Health.STALE, D(8))


@pytest.mark.parametrize(
    ("price", "since", "health"),
    [("0.5", 0, Health.SUSPECT), ("0.5", 1, Health.HEALTHY), ("0.6", 0, Health.HEALTHY), ("9", 0, Health.SUSPECT)],
)
def test_a_price_that_stands_at_a_limit_of_its_feed_is_doubted(price: str, since: int, health: Health) -> None:
    """Floor 0.5, cap 9, longer than 60 seconds: suspect, with the price kept; what is doubted already stays so."""
    verdict = Verdict(price=Decimal(price), health=Health.HEALTHY)
    found = at_limit(verdict, floor=Decimal("0.5"), cap=Decimal(9), since=since, now=60_001, rules=HealthRules())
    assert (found.price, found.health) == (Decimal(price), health)
    frozen = Verdict(price=None, health=Health.FROZEN)
    assert at_limit(frozen, floor=Decimal("0.5"), cap=None, since=0, now=99_999, rules=HealthRules()) is frozen
