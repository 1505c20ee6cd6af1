"""The state: everything that the engine knows, changed only by `crossmargin.engine.apply`.

Each fact is an entity with a key; every change is noted in `dirty`, from which the hash and snapshots are made. What
is not an entity (books, holders, open interest, kept assessments) follows from entities. Three notes say what the
review has to look at: `touched` accounts, instruments whose mark has `moved` (and from where), and who has `changed`
since the last nomination.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from crossmargin.domain.account import Account, MarginMode, Position, Side
from crossmargin.domain.arithmetic import ZERO
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.ledger import Held, PositionKey, Ticket, Transfer
from crossmargin.domain.marks import Marks
from crossmargin.engine.bounds import Bounds
from crossmargin.engine.owner import Load, Owner
from crossmargin.errors import MissingDataError
from crossmargin.margin.assess import Assessment, assess
from crossmargin.matching.book import Book
from crossmargin.rulebook.model import Rulebook

__all__ = ["EntityKey", "State"]

# Members by a name of their own: looked up on its class, one costs ten times as much.
_LONG, _ISOLATED, _OPTION = Side.LONG, MarginMode.ISOLATED, Kind.OPTION

EntityKey = tuple[str, ...]
NOTHING: Mapping[tuple[str, str], Decimal] = {}


class State:
    """All cells of the engine. Reading methods are free to anyone; writing ones belong to `apply`."""

    def __init__(self, rulebook: Rulebook, rulebooks: Mapping[str, Rulebook], *, plain: bool = False) -> None:
        """Start an empty venue under a rulebook; `rulebooks` are those that a command may change to.

        A `plain` one has no bounds: every question is asked of the exact rules.
        """
        self.rulebook = rulebook
        self.default_leverage = Decimal(rulebook.rules.default_leverage)
        self.plain = plain
        self.rulebooks = dict(rulebooks)
        self.rulebook_name = ""
        self.time = 0
        self.listings: dict[str, tuple[Instrument, Decimal | None]] = {}
        self.marks = Marks(mark={}, index={}, last={}, fx={}, forward={})
        self.price_states: dict[str, str] = {}
        self.stopped: dict[str, None] = {}
        self.cells: dict[str, dict[str, Decimal]] = {}
        self.owners: dict[str, Owner] = {}
        self.bounds = Bounds(rulebook, self.marks.mark, self.cells, plain=plain)
        self.tickets: dict[str, Ticket] = {}
        self.books: dict[str, Book] = {}
        self.waiting: dict[str, dict[str, None]] = {}
        self.holders: dict[str, dict[str, int]] = {}
        self.open_interest: dict[str, Decimal] = {}
        self.references: dict[str, str] = {}
        self.periods: dict[str, int] = {}
        self.counters: dict[str, int] = {"orders": 0, "priorities": 0, "fills": 0, "accounts": 0}
        self.timers: dict[str, int] = {}
        self.touched: dict[str, None] = {}
        self.changed: dict[str, None] = {}
        self.moved: dict[str, Decimal | None] = {}
        self.watched: dict[str, None] = {}
        self.kept: dict[str, Assessment] = {}
        self.dirty: dict[EntityKey, Any] = {}
        self.before: dict[tuple[str, str], Decimal] = {}
        self.dirty["counters",] = self.counters
        self.dirty["rulebook",] = self.rulebook_name

    # ------------------------------------------------------------------ reading

    def cell(self, name: str, currency: str) -> Decimal:
        """Balance of a cell."""
        cells = self.cells.get(currency)
        return ZERO if cells is None else cells.get(name, ZERO)

    def cash(self, account: str, currency: str) -> Decimal:
        """Realised money of an account."""
        return self.cell(f"cash/{account}", currency)

    def instrument(self, name: str) -> Instrument:
        """A listed instrument.

        Raises:
            MissingDataError: it is not listed.
        """
        found = self.listings.get(name)
        if found is None:
            raise MissingDataError(f'"{name}" is not listed for trading')
        return found[0]

    def account(self, name: str) -> Account:
        """The account as the rules see it: frozen, with exact balances and margins."""
        owner = self.owners[name]
        return Account(
            balances={currency: self.cash(name, currency) for currency in owner.currencies},
            positions=tuple(self.position(held) for held in owner.held()),
            orders=tuple(each.order for each in owner.live()),
            position_mode=owner.position_mode,
        )

    def pool_currency(self, held: Held) -> str:
        """Currency of the pool that backs a position."""
        return held.margin_currency or self.instrument(held.key.instrument).settle

    def position(self, held: Held, moved: Mapping[tuple[str, str], Decimal] = NOTHING) -> Position:
        """One position as the rules see it, perhaps after amounts have moved into cells."""
        key = held.key
        margin = None
        if key.margin_mode == _ISOLATED:
            at = f"margin/{key.cell}", self.pool_currency(held)
            margin = self.cell(*at) + moved.get(at, ZERO)
        if held.margin_currency:
            return self._on_loan(held, margin, moved)
        return Position(
            instrument=key.instrument,
            side=key.side,
            margin_mode=key.margin_mode,
            contracts=held.contracts,
            entry_price=held.entry_price,
            leverage=held.leverage,
            margin=margin,
        )

    def _on_loan(self, held: Held, margin: Decimal | None, moved: Mapping[tuple[str, str], Decimal]) -> Position:
        key, instrument = held.key, self.instrument(held.key.instrument)
        at = f"assets/{key.cell}", instrument.base if key.side == Side.LONG else instrument.quote
        return Position(
            instrument=key.instrument,
            side=key.side,
            margin_mode=key.margin_mode,
            contracts=held.contracts,
            entry_price=held.entry_price,
            leverage=held.leverage,
            margin=margin,
            margin_currency=held.margin_currency,
            assets=self.cell(*at) + moved.get(at, ZERO),
            liability=held.liability,
            interest=held.interest,
        )

    def assessment(self, name: str) -> Assessment:
        """Every margin figure of an account, computed again only when something that it rests on has changed."""
        found = self.kept.get(name)
        if found is None:
            found = self.kept[name] = assess(self.account(name), self.marks, self.rulebook)
        return found

    def equity(self, name: str, currency: str) -> Decimal:
        """What an account is worth in a currency; zero where it never had any."""
        figures = self.assessment(name).currencies.get(currency)
        return ZERO if figures is None else figures.equity

    def priced(self, instrument: str) -> bool:
        """Whether there is a mark, and for an option a forward price."""
        if self.instrument(instrument).kind == _OPTION and instrument not in self.marks.forward:
            return False
        return instrument in self.marks.mark

    def outside_band(self, instrument: str, price: Decimal) -> bool:
        """Whether nothing trades at a price: it is too far from the mark. Options have no band."""
        if self.instrument(instrument).kind == _OPTION:
            return False
        return self.rulebook.liquidation.outside_band(price, self.marks.mark_of(instrument))

    def bare(self, name: str) -> bool:
        """Whether an account has nothing but cash, in pools of their own: each is worth its cash and needs nothing."""
        owner = self.owners[name]
        return not owner.positions and not owner.orders and self.rulebook.rules.pool_scope == "currency"

    def healthy(self, instrument: str) -> bool:
        """Whether the instrument has a mark that can be trusted."""
        return self.priced(instrument) and self.price_states.get(instrument, "healthy") == "healthy"

    def held(self, key: PositionKey) -> Held | None:
        """An open position."""
        owner = self.owners.get(key.account)
        return None if owner is None else owner.positions.get(key)

    def fund_of(self, instrument: Instrument) -> str:
        """Account of the insurance fund that stands behind an instrument."""
        scope = instrument.settle
        if self.rulebook.liquidation.insurance_scope == "family":
            scope = instrument.family or instrument.id
        return f"insurance:{scope}"

    def leverage(self, account: str, instrument: str, mode: MarginMode) -> Decimal:
        """Leverage chosen, else the rulebook's default."""
        chosen = self.owners[account].leverage.get((instrument, mode))
        return chosen if chosen is not None else self.default_leverage

    # ------------------------------------------------------------------ writing

    def open_account(self, owner: Owner) -> None:
        """A new account; funds are watched at every mark."""
        self.owners[owner.id] = owner
        if owner.internal:
            self.watched[owner.id] = None

    def warn(self, account: str, pool: str) -> None:
        """A pool is warned; its account is watched at every mark until no warning is left."""
        self.owners[account].warned[pool] = None
        self.watched[account] = None
        self.dirty["warned", account, pool] = True

    def lift(self, account: str, pool: str) -> None:
        """A warning is lifted."""
        owner = self.owners[account]
        owner.warned.pop(pool, None)
        if not (owner.warned or owner.internal):
            self.watched.pop(account, None)
        self.dirty["warned", account, pool] = None

    def touch(self, account: str) -> None:
        """An account has changed: what was computed of it is void."""
        if account in self.owners:
            self.kept.pop(account, None)
            self.touched[account] = self.changed[account] = None

    def revalue(self, instrument: str) -> None:
        """A price that values an instrument has changed: no assessment of a holder holds any more."""
        holders, kept = self.holders.get(instrument, {}), self.kept
        for account in [name for name in kept if name in holders] if len(kept) < len(holders) else holders:
            kept.pop(account, None)
        self.bounds.revalue(holders)

    def post(self, transfers: tuple[Transfer, ...]) -> None:
        """Move money: the only way in which a cell changes."""
        for each in transfers:
            cells = self.cells.setdefault(each.currency, {})
            self._add(cells, each.debit, each.currency, -each.amount)
            self._add(cells, each.credit, each.currency, each.amount)

    def _add(self, cells: dict[str, Decimal], name: str, currency: str, amount: Decimal) -> None:
        old = cells.get(name, ZERO)
        self.before.setdefault((currency, name), old)
        new = old + amount
        if new:
            cells[name] = new
            self.dirty["cell", currency, name] = new
        else:
            cells.pop(name, None)
            self.dirty["cell", currency, name] = None
        if name.startswith("cash/"):
            owner = self.owners.get(name[5:])
            if owner is not None:
                owner.currencies[currency] = None
                self.touch(owner.id)
        elif "/" in name and not name.startswith("position/"):  # of that, figures only see what is held
            account = name.split("/", 2)[1]
            self.bounds.forget(account)
            self.touch(account)

    def put_position(self, held: Held) -> None:
        """Open, change or (at size zero) remove a position."""
        key = held.key
        positions = self.owners[key.account].positions
        old = positions.get(key)
        if old is None:
            self._hold(key.instrument, key.account, 1)
        if held.contracts:
            positions[key] = held
        else:
            positions.pop(key, None)
            self._hold(key.instrument, key.account, -1)
        self.bounds.forget(key.account)
        self.dirty["position", key.cell] = held if held.contracts else None
        if key.side == _LONG:
            grown = held.contracts - (old.contracts if old is not None else ZERO)
            self.open_interest[key.instrument] = self.open_interest.get(key.instrument, ZERO) + grown
        self.touch(key.account)

    def put_ticket(self, ticket: Ticket) -> None:
        """Add or change an unfinished order; the book follows."""
        old = self.tickets.get(ticket.id)
        instrument = ticket.order.instrument
        if old is None:
            self._hold(instrument, ticket.account, 1)
        same_place = old is not None and (old.state, old.order.price, old.priority) == (
            ticket.state, ticket.order.price, ticket.priority,
        )  # fmt: skip
        if same_place and ticket.state == "resting":
            self.books[instrument].replace(ticket)
        elif not same_place:
            self._leave(old)
            if ticket.state == "resting":
                self.books[instrument].add(ticket)
            elif ticket.state == "waiting":
                self.waiting.setdefault(instrument, {})[ticket.id] = None
        self.tickets[ticket.id] = ticket
        owner = self.owners[ticket.account]
        owner.orders[ticket.id] = ticket
        if old is None or old.state == "waiting" or old.order is not ticket.order:
            self.bounds.put(owner.load, ticket)
        if ticket.order.reduce_only:
            owner.reducing[ticket.id] = None
        self.dirty["order", ticket.id] = ticket
        self.touch(ticket.account)

    def drop_ticket(self, order: str) -> None:
        """Remove a finished order."""
        ticket = self.tickets.pop(order)
        self._leave(ticket)
        owner = self.owners[ticket.account]
        del owner.orders[order]
        owner.reducing.pop(order, None)
        self.bounds.drop(owner.load, order)
        self._hold(ticket.order.instrument, ticket.account, -1)
        self.dirty["order", order] = None
        self.touch(ticket.account)

    def change_rulebook(self, name: str) -> None:
        """Other rules: nothing that was computed under the old ones holds."""
        self.rulebook_name, self.rulebook = name, self.rulebooks[name]
        self.default_leverage = Decimal(self.rulebook.rules.default_leverage)
        self.listings = {each: (self.rulebook.instrument(each), cap) for each, (_, cap) in self.listings.items()}
        self.rebound()
        for owner in self.owners:
            self.touch(owner)
        self.dirty["rulebook",] = name

    def rebound(self) -> None:
        """New bounds, from what there is."""
        self.bounds = Bounds(self.rulebook, self.marks.mark, self.cells, plain=self.plain)
        for owner in self.owners.values():
            owner.load = Load()
            for ticket in owner.orders.values():
                self.bounds.put(owner.load, ticket)

    def count(self, counter: str, value: int) -> None:
        """Set a counter."""
        self.counters[counter] = value
        self.dirty["counters",] = self.counters

    def _leave(self, ticket: Ticket | None) -> None:
        if ticket is None:
            return
        if ticket.state == "resting":
            self.books[ticket.order.instrument].remove(ticket)
        elif ticket.state == "waiting":
            del self.waiting[ticket.order.instrument][ticket.id]

    def _hold(self, instrument: str, account: str, change: int) -> None:
        """Count positions and orders of an account in an instrument: the accounts that its mark can touch."""
        holders = self.holders.setdefault(instrument, {})
        count = holders.get(account, 0) + change
        if count:
            holders[account] = count
        else:
            del holders[account]
