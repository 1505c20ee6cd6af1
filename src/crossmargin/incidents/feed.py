"""The feed: three sources and the venue's own book become a mark and its state, as `prices.health` judges."""

from decimal import Decimal

from msgspec import Struct

from crossmargin.incidents.frames import Frame
from crossmargin.incidents.model import Doubt, Fault
from crossmargin.prices.health import Health, HealthRules, Quote, Verdict, at_limit, index_of, mark_verdict

__all__ = ["Feed", "Said"]

SOURCES = ("a", "b", "c")
_MINUTE = 60_000
_DIGITS = 6


class Said(Struct, frozen=True):
    """What the feed tells the engine of a coin: a price, where there is one, and whether it can be trusted."""

    price: Decimal | None
    health: Health


class _Coin(Struct):
    believed: Decimal | None = None
    doubted: int | None = None
    level: Decimal | None = None
    level_since: int = 0
    sound_since: int | None = None
    ever_doubted: bool = False


class Feed:
    """Judges the prices of all coins, frame by frame.

    Args:
        doubt: When a price is doubted.
        faults: What is wrong with which source, and when.
        trusting: Take the own book's price as it comes and never doubt it: what the incident's venue did.
    """

    def __init__(self, doubt: Doubt, faults: tuple[Fault, ...], *, trusting: bool) -> None:
        """Start with nothing believed."""
        self._faults, self._trusting, self._resume = faults, trusting, int(doubt.resume * _MINUTE)
        self._coins: dict[str, _Coin] = {}
        self._floors = {each.coin: Decimal(each.value) for each in faults if each.kind == "floor"}
        self._rules = HealthRules(
            quorum=2,
            age_max=int(doubt.age * _MINUTE),
            deviation_max=Decimal(doubt.deviation),
            jump_max=Decimal(doubt.jump),
            distance_max=Decimal(doubt.distance),
            confirm_after=int(doubt.confirm * _MINUTE),
            stuck_after=int(doubt.stuck * _MINUTE),
        )

    def say(self, coin: str, frame: Frame) -> Said:
        """The mark of a coin at a frame."""
        now = int(frame.minute * _MINUTE)
        quotes = self._quotes(coin, frame, now)
        if self._trusting:
            price = self._floored(coin, frame.own[coin])
            return Said(price, Health.HEALTHY) if quotes else Said(None, Health.HEALTHY)
        known = self._coins.setdefault(coin, _Coin())
        index = index_of(quotes, now=now, rules=self._rules)
        verdict = self._mark(known, coin, frame.own[coin], index, now)
        verdict = self._stuck(known, coin, verdict, now)
        return Said(None if verdict.price is None else _short(verdict.price), self._resumed(known, verdict.health, now))

    def _quotes(self, coin: str, frame: Frame, now: int) -> list[Quote]:
        silent = {source for each in self._active(coin, frame, "silent") for source in each.sources}
        said = {source: frame.prices[coin] for source in SOURCES if source not in silent}
        for fault in self._active(coin, frame, "floor"):
            said |= {source: max(said[source], Decimal(fault.value)) for source in fault.sources if source in said}
        return [Quote(source=source, price=price, time=now) for source, price in said.items()]

    def _active(self, coin: str, frame: Frame, kind: str) -> list[Fault]:
        return [
            each
            for each in self._faults
            if (each.coin, each.kind) == (coin, kind) and each.start <= frame.minute < each.end
        ]

    def _floored(self, coin: str, price: Decimal) -> Decimal:
        return max(price, self._floors.get(coin, Decimal(0)))

    def _mark(self, known: _Coin, coin: str, own: Decimal, index: Verdict, now: int) -> Verdict:
        verdict = mark_verdict(
            self._floored(coin, own),
            previous=known.believed,
            index=index.price if index.health is Health.HEALTHY else None,
            time=now,
            now=now,
            rules=self._rules,
            doubted_since=known.doubted,
        )
        known.doubted = verdict.doubted_since
        if verdict.health is Health.HEALTHY:
            known.believed = verdict.price
        return verdict

    def _stuck(self, known: _Coin, coin: str, verdict: Verdict, now: int) -> Verdict:
        if verdict.price != known.level:
            known.level, known.level_since = verdict.price, now
        floor = self._floors.get(coin)
        return at_limit(verdict, floor=floor, cap=None, since=known.level_since, now=now, rules=self._rules)

    def _resumed(self, known: _Coin, health: Health, now: int) -> Health:
        """After doubt a price has to be sound for a while before it is trusted again."""
        if health is not Health.HEALTHY:
            known.sound_since, known.ever_doubted = None, True
            return health
        known.sound_since = now if known.sound_since is None else known.sound_since
        waits = known.ever_doubted and now - known.sound_since < self._resume
        return Health.SUSPECT if waits else health


def _short(price: Decimal) -> Decimal:
    """Six digits, as generated prices have them."""
    return Decimal(f"{price:.{_DIGITS}g}")
