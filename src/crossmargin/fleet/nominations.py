"""The watch as an engine's `nominate`: whom a new mark may have brought to a warning, at the cost of those near it.

    Engine(rulebook, nominate=Nominations())

An engine asks at each mark and says who has changed since. An account that keeps still hangs in the watch: it is named
when its status changes. One that changes, or has orders, is named at each mark of its instruments; after a few of them
without another change it is laid into the watch. So a busy account costs an assessment a mark, a quiet one nothing.

Nothing here decides. Whatever the watch can't hold (options, rules that no kernel has) is named at each mark, as
without it. The index is built anew when the rules change, an instrument gets its first mark, or room runs out.
"""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any, Protocol

from crossmargin.domain.account import Account
from crossmargin.domain.marks import Marks
from crossmargin.errors import UnsupportedError
from crossmargin.fleet.columns import SWAPS, columns_of
from crossmargin.fleet.coverage import check_covered
from crossmargin.fleet.pack import pack
from crossmargin.fleet.watch import Watch
from crossmargin.rulebook.model import Rulebook

__all__ = ["Nominations", "Venue"]

PATIENCE = 8
ROOM = 256


class Venue(Protocol):
    """What is read of an engine's state."""

    @property
    def rulebook(self) -> Rulebook:
        """Rules now."""

    @property
    def marks(self) -> Marks:
        """Marks now."""

    @property
    def owners(self) -> Mapping[str, Any]:
        """By account: its orders, and whether it is a fund of the venue's own."""

    @property
    def holders(self) -> Mapping[str, Mapping[str, int]]:
        """By instrument: who holds it or has an order in it."""

    def account(self, name: str) -> Account:
        """An account as the rules see it."""


class Nominations:
    """A callable as the engine wants it; one for each engine.

    Attributes:
        watch: The index; None before the first mark, and where the kernels don't cover the rules.
    """

    def __init__(self, patience: int = PATIENCE, room: int = ROOM) -> None:
        """Lay an account after `patience` marks without a change; keep places for `room` accounts to come."""
        self.watch: Watch | None = None
        self._patience, self._room = patience, room
        self._rulebook: Rulebook | None = None
        self._names: list[str] = []
        self._places: dict[str, int] = {}
        self._loose: dict[str, int] = {}
        self._apart: dict[str, None] = {}

    def __call__(
        self, state: Venue, instrument: str, before: Decimal | None, changed: Collection[str]
    ) -> Iterable[str]:
        """Accounts that the new mark may touch; too many at times, never one too few."""
        self._loose.update(dict.fromkeys(changed, 0))
        holders = state.holders.get(instrument, {})
        if before is None or self.watch is None or state.rulebook is not self._rulebook:
            if not self._build(state):
                return holders
            return [name for name, owner in state.owners.items() if not owner.internal]
        loose = _both(self._loose, holders)
        rows = self.watch.tick({instrument: state.marks.mark_of(instrument)}).rows
        woken = [self._names[account] for account in self.watch.owner[rows[:, 1]].tolist()]
        for name in loose:
            self._loose[name] += 1
            if self._loose[name] >= self._patience and self.watch is not None:
                self._lay(self.watch, state, name)
        return dict.fromkeys([*woken, *loose, *_both(self._apart, holders)])

    def _lay(self, watch: Watch, state: Venue, name: str) -> None:
        """Lay an account that has kept still, unless it has orders."""
        if state.owners[name].orders or state.owners[name].internal:
            return
        account = state.account(name)
        if not _fits(account, state):
            self._apart[name] = None
        elif name not in self._places and len(self._places) == len(self._names):
            self.watch = None  # no place is left: the next mark builds the index anew
            return
        else:
            place = self._places.setdefault(name, len(self._places))
            self._names[place] = name
            watch.change(place, account)
        del self._loose[name]

    def _build(self, state: Venue) -> bool:
        """Pack every account and lay all boxes; False where the kernels don't cover the rules."""
        self._rulebook, self.watch = state.rulebook, None
        self._loose, self._apart, self._places = {}, {}, {}
        try:
            check_covered(state.rulebook)
        except UnsupportedError:
            return False
        accounts: list[Account] = []
        for name, owner in state.owners.items():
            account = state.account(name)
            if owner.orders or owner.internal:
                self._loose[name] = 0
            elif not _fits(account, state):
                self._apart[name] = None
            else:
                self._places[name] = len(accounts)
                accounts.append(account)
        places = len(accounts) + self._room + len(accounts) // 2
        self._names = [*self._places, *(f" {place}" for place in range(len(accounts), places))]
        accounts += [Account()] * (places - len(accounts))
        columns = columns_of(accounts, state.rulebook, self._names)
        traded = [name for name in state.marks.mark if state.rulebook.instrument(name).kind in SWAPS]
        fleet = pack(columns, state.rulebook, traded)
        self.watch = Watch(fleet, state.marks)
        return True


def _both(names: Mapping[str, object], holders: Mapping[str, object]) -> list[str]:
    """Names in both, at the cost of the fewer."""
    fewer, other = (names, holders) if len(names) < len(holders) else (holders, names)
    return [name for name in fewer if name in other]


def _fits(account: Account, state: Venue) -> bool:
    """Whether the watch can hold an account: swaps and futures that have a mark, and rules that the kernels know."""
    for position in account.positions:
        if position.instrument not in state.marks.mark:
            return False
        if state.rulebook.instrument(position.instrument).kind not in SWAPS:
            return False
    try:
        columns = columns_of([account], state.rulebook)
    except UnsupportedError:
        return False
    return columns.beyond is None or not columns.beyond.any()
