"""Health of prices: an index from several sources that no single one can move far, and marks that do not jump unseen.

Nothing here reads a clock; times are given in milliseconds. Whoever feeds the engine sends the verdict with the price
(`SetIndex`, `SetMark`, `SetPriceState`); the engine liquidates nobody on any price but a healthy one.
"""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from crossmargin.domain.arithmetic import ONE, ZERO, exact, quotient

__all__ = ["Health", "HealthRules", "Quote", "Verdict", "at_limit", "index_of", "mark_verdict"]


class Health(StrEnum):
    """Whether a price can be trusted."""

    HEALTHY = "healthy"
    SUSPECT = "suspect"
    STALE = "stale"
    FROZEN = "frozen"


class Quote(Struct, frozen=True, kw_only=True):
    """What one source says.

    Attributes:
        source: Its name; a name counts once, with its newest quote.
        price: Quote currency per unit of base.
        time: When the source said it, milliseconds.
        weight: Its weight in the index.
    """

    source: str
    price: Decimal
    time: int
    weight: Decimal = ONE


class HealthRules(Struct, frozen=True, kw_only=True):
    """When a price is doubted.

    Attributes:
        quorum: Fewest fresh sources of an index.
        age_max: Milliseconds after which a source, or a mark, is stale.
        deviation_max: How far a source may lie from the median before it counts as lying there, a fraction.
        jump_max: Largest change of a mark between two updates that is believed at once, a fraction.
        distance_max: Largest distance of a mark from its index, a fraction of the index.
        confirm_after: Milliseconds for which a jump has to last before it is believed.
        stuck_after: Milliseconds for which a price may lie at a limit of its feed before it is doubted.
    """

    quorum: int = 2
    age_max: int = 10_000
    deviation_max: Decimal = Decimal("0.05")
    jump_max: Decimal = Decimal("0.1")
    distance_max: Decimal = Decimal("0.05")
    confirm_after: int = 5_000
    stuck_after: int = 60_000


class Verdict(Struct, frozen=True, kw_only=True):
    """A price, None where there is none, and whether it can be trusted, with the reason."""

    price: Decimal | None
    health: Health
    reason: str = ""
    doubted_since: int | None = None


@exact
def index_of(quotes: Sequence[Quote], *, now: int, rules: HealthRules) -> Verdict:
    """Index price: the weighted mean of the fresh sources, each held within a distance of their median.

        index = sum of weight x clamp(price, median x (1 - deviation), median x (1 + deviation)) / sum of weights

    A stale source loses its weight, its last word is never repeated; below the quorum there is no index.

    Source: docs/sources.md 4.6 (sources that deviate by more than 5 %); holding them instead of dropping them is ours.

    >>> said = [Quote(source=name, price=Decimal(price), time=0) for name, price in (("a", 100), ("b", 101), ("c", 1))]
    >>> index_of(said, now=0, rules=HealthRules()).price
    Decimal('98.66666666666666666666666667')
    """
    newest = {each.source: each for each in sorted(quotes, key=lambda each: each.time)}
    fresh = [each for each in newest.values() if each.price > 0 and 0 <= now - each.time <= rules.age_max]
    if len(fresh) < rules.quorum:
        reason = f"{len(fresh)} fresh sources, {rules.quorum} needed"
        return Verdict(price=None, health=Health.FROZEN, reason=reason)
    middle = _median([each.price for each in fresh])
    low, high = middle * (ONE - rules.deviation_max), middle * (ONE + rules.deviation_max)
    weights = sum((each.weight for each in fresh), ZERO)
    total = sum((each.weight * min(high, max(low, each.price)) for each in fresh), ZERO)
    outside = [each.source for each in fresh if not low <= each.price <= high]
    if len(outside) * 2 >= len(fresh):
        reason = f"{len(outside)} of {len(fresh)} sources disagree"
        return Verdict(price=quotient(total, weights), health=Health.SUSPECT, reason=reason)
    return Verdict(price=quotient(total, weights), health=Health.HEALTHY)


def _median(prices: Sequence[Decimal]) -> Decimal:
    """The middle price; of an even number the lower of the two, so that it is one that somebody said."""
    return sorted(prices)[(len(prices) - 1) // 2]


@exact
def mark_verdict(
    price: Decimal, *, previous: Decimal | None, index: Decimal | None, time: int, now: int, rules: HealthRules,
    doubted_since: int | None = None,
) -> Verdict:  # fmt: skip
    """Judge a mark: too old, too far from its index, or jumped further than is believed at once.

    Args:
        price: The new mark, above zero.
        previous: The last mark that was believed, None at the start.
        index: The index, None where there is none that can be trusted.
        time: When the mark was made.
        now: The present.
        rules: When a price is doubted.
        doubted_since: Since when the mark has stood beyond the jump; None when it was believed until now.

    Returns:
        The mark held within its distance from the index; a jump that lasts is believed.

    Source: docs/sources.md 1.6 and 4.6 (mark from the index and its basis); the confirmation of jumps is ours.

    >>> mark_verdict(Decimal(50), previous=Decimal(100), index=Decimal(51), time=0, now=0, rules=HealthRules()).health
    <Health.SUSPECT: 'suspect'>
    """
    if now - time > rules.age_max:
        return Verdict(price=previous, health=Health.STALE, reason=f"{now - time} ms old")
    if index is None:
        return Verdict(price=previous, health=Health.FROZEN, reason="no index to hold it against")
    room = index * rules.distance_max
    held = min(index + room, max(index - room, price))
    if previous is None or abs(held - previous) <= rules.jump_max * previous:
        return Verdict(price=held, health=Health.HEALTHY)
    since = now if doubted_since is None else doubted_since
    if now - since >= rules.confirm_after:
        return Verdict(price=held, health=Health.HEALTHY, reason="a jump that lasts")
    return Verdict(price=held, health=Health.SUSPECT, reason="a jump to be confirmed", doubted_since=since)


@exact
def at_limit(
    verdict: Verdict, *, floor: Decimal | None, cap: Decimal | None, since: int, now: int, rules: HealthRules
) -> Verdict:
    """Doubt a price that lies at a limit of its own feed: below a floor nobody would see it fall any further.

    Args:
        verdict: What was made of the price until now.
        floor: The lowest price that the feed can say, None where it has none.
        cap: The highest one.
        since: Since when the price is what it is.
        now: The present.
        rules: When a price is doubted.

    Source: ours, after a feed that stood at its floor of 0.107 while the coin traded at a cent (May 2022).

    >>> stuck = Verdict(price=Decimal("0.107"), health=Health.HEALTHY)
    >>> at_limit(stuck, floor=Decimal("0.107"), cap=None, since=0, now=60_001, rules=HealthRules()).health
    <Health.SUSPECT: 'suspect'>
    """
    price = verdict.price
    if price is None or verdict.health is not Health.HEALTHY or now - since <= rules.stuck_after:
        return verdict
    if (floor is not None and price <= floor) or (cap is not None and price >= cap):
        return Verdict(price=price, health=Health.SUSPECT, reason=f"at a limit of its feed for {now - since} ms")
    return verdict
