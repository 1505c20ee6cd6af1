"""From the checked shape of an account file to the three arguments of an assessment.

Every default that stands in for something the file did not say is noted as an assumption.
"""

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from crossmargin.domain.account import (
    Account,
    AttachedStop,
    MarginMode,
    Order,
    OrderState,
    OrderType,
    Position,
    PositionMode,
    Side,
    Trailing,
)
from crossmargin.domain.arithmetic import ONE, ZERO, exact, floor_to, plain, scaled
from crossmargin.domain.documents import Moment, convert, key_path, one_line
from crossmargin.domain.instrument import Instrument, Kind
from crossmargin.domain.marks import Marks
from crossmargin.domain.numbers import Positive, shown
from crossmargin.errors import CrossMarginError, InputError, RulebookError
from crossmargin.formats.account_shape import (
    AccountFile,
    InstrumentEntry,
    OrderEntry,
    PositionEntry,
    StopEntry,
    TrailingEntry,
)
from crossmargin.formats.user_folder import user_tier_folder
from crossmargin.rulebook.load import CollateralEntry, collateral, load, tier_table
from crossmargin.rulebook.model import Rulebook, TierKey
from crossmargin.rulebook.updates import updated

__all__ = ["Book", "BookBuilder"]


class Book(Struct, frozen=True, kw_only=True):
    """What a file describes: the three arguments of an assessment, and what was assumed.

    Attributes:
        account: Balances, positions, orders.
        marks: Prices.
        rulebook: The venue's rules with the file's own instruments and tiers.
        assumptions: Every default that stood in for something the file did not say.
    """

    account: Account
    marks: Marks
    rulebook: Rulebook
    assumptions: tuple[str, ...] = ()


class BookBuilder:
    """Turns a checked file into a Book; keeps the rulebook at hand and notes each assumption."""

    def __init__(self, entry: AccountFile, source: str) -> None:
        self.entry = entry
        self.source = source
        self.assumptions: list[str] = []
        self.rulebook = self._rulebook()

    def wrong(self, field: str, problem: str) -> InputError:
        """The error of one field of this file."""
        return InputError(self.source, one_line(field), one_line(problem))

    @exact
    def book(self) -> Book:
        """Check what the fields say together and build the book."""
        entry = self.entry
        if self.rulebook.rules.pool_scope == "currency" and entry.liabilities:
            raise self.wrong("liabilities", "single-currency mode has none outside spot-margin positions")
        account = Account(
            balances=self._net_balances(),
            positions=tuple(self._position(index, each) for index, each in enumerate(entry.positions)),
            orders=tuple(self._order(index, each) for index, each in enumerate(entry.orders)),
            account_mode=entry.account_mode or self.rulebook.rules.account_modes[0],
            position_mode=entry.position_mode,
            interest=self._amounts("interest", entry.interest),
            bot_frozen=self._amounts("bot_frozen", entry.bot_frozen),
            quanta={currency: Decimal(each.quantum) for currency, each in entry.currencies.items()},
            as_of=None if entry.as_of is None else entry.as_of.plain(),
        )
        account = msgspec.structs.replace(account, positions=tuple(p for p in account.positions if p is not _EMPTY))
        self._check_together(account)
        holdings: list[Position | Order] = [*account.positions, *account.orders]
        families = {self.rulebook.instrument(each.instrument).family for each in holdings}
        self.assumptions += [note for family, note in self.rulebook.user_tiers.items() if family in families]
        return Book(
            account=account,
            marks=self._marks(),
            rulebook=self.rulebook,
            assumptions=tuple(self.assumptions),
        )

    def _rulebook(self) -> Rulebook:
        entry = self.entry
        on = entry.as_of
        try:
            rulebook = load(entry.venue, None if on is None else on.date(), entry.account_mode)
        except RulebookError as error:
            raise self.wrong(error.key, f"{shown(entry.venue)}: {error.problem}") from None
        rulebook = updated(rulebook, user_tier_folder(), None if on is None else on.date())
        if entry.rules:
            rulebook = self._with_rules(rulebook)
        instruments, tiers = [], {}
        for name, given in entry.instruments.items():
            instrument = self._instrument(rulebook, name, given)
            instruments.append(instrument)
            tiers.update(self._tiers(rulebook, instrument, given))
        for currency, terms in entry.collateral.items():
            tiers.update(self._loan_tiers(rulebook, currency, terms))
        rulebook = self._with_collateral(rulebook)
        return rulebook.with_instruments(instruments, tiers) if instruments or tiers else rulebook

    def _with_collateral(self, rulebook: Rulebook) -> Rulebook:
        """The file's own slices, or the rulebook's with a coin switched off."""
        curves = dict(rulebook.collateral)
        for currency, given in self.entry.collateral.items():
            known = curves.get(currency)
            try:
                built = collateral(given)
            except ValueError as error:
                raise self.wrong(f"collateral.{currency}", str(error)) from None
            if not given.tiers and known is not None:
                buffers = {name: getattr(built, name) or getattr(known, name) for name in ("bid_buffer", "ask_buffer")}
                built = msgspec.structs.replace(known, enabled=given.enabled, **buffers)
            curves[currency] = built
        return msgspec.structs.replace(rulebook, collateral=curves)

    def _loan_tiers(self, rulebook: Rulebook, currency: str, given: CollateralEntry) -> dict[TierKey, Any]:
        if not given.loan_tiers:
            return {}
        try:
            table = tier_table(given.loan_tiers, rulebook.rules, "borrowed", source=self.source)
        except ValueError as error:
            raise self.wrong(f"collateral.{currency}.loan_tiers", str(error)) from None
        return {("borrow", currency, MarginMode.CROSS): table}

    def _with_rules(self, rulebook: Rulebook) -> Rulebook:
        shape = type(rulebook.rules)
        types = {each.encode_name: each.type for each in msgspec.structs.fields(shape)}
        given = {key: _BOOLEANS.get(value, value) if types.get(key) is bool and isinstance(value, str) else value
                 for key, value in self.entry.rules.items()}  # fmt: skip
        whole = msgspec.to_builtins(rulebook.rules, enc_hook=str) | given
        rules = convert(whole, shape, self.source, "rules")
        self.assumptions += [f"rules.{key} = {_told(value)} (from the file)" for key, value in given.items()]
        return msgspec.structs.replace(rulebook, rules=rules)

    def _instrument(self, rulebook: Rulebook, name: str, given: InstrumentEntry) -> Instrument:
        fields: dict[str, Any] = {
            key: _undressed(value)
            for key in given.__struct_fields__
            if key not in ("tiers", "contract_value_currency") and (value := getattr(given, key)) is not None
        }
        try:
            known = rulebook.instrument(name)
        except CrossMarginError:
            missing = [key for key in ("kind", "base", "quote", "settle") if key not in fields]
            if missing:
                field = f"instruments{key_path(name)}"
                raise self.wrong(field, f"not known to {rulebook.venue}: {', '.join(missing)} missing") from None
            known = Instrument(id=name, kind=fields["kind"], base=fields["base"], quote=fields["quote"],
                               settle=fields["settle"], family=fields.get("family", ""))  # fmt: skip
        instrument = msgspec.structs.replace(known, **fields)
        self._check_contract(name, instrument, given)
        return instrument

    def _check_contract(self, name: str, instrument: Instrument, given: InstrumentEntry) -> None:
        pays = instrument.base if instrument.inverse or instrument.kind is Kind.OPTION else instrument.quote
        if instrument.kind in (Kind.PERPETUAL, Kind.FUTURE) and instrument.settle != pays:
            style = instrument.contract_type.value
            raise self.wrong(
                f"instruments{key_path(name)}.settle",
                f"{style} contracts settle in {pays}, not {instrument.settle}",
            )
        stated = given.contract_value_currency
        counted = instrument.quote if instrument.inverse else instrument.base
        if stated is not None and stated != counted:
            raise self.wrong(
                f"instruments{key_path(name)}.contract_value_currency", f"expected {counted}, found {stated}"
            )

    def _tiers(self, rulebook: Rulebook, instrument: Instrument, given: InstrumentEntry) -> dict[TierKey, Any]:
        found: dict[TierKey, Any] = {}
        for mode in (MarginMode.CROSS, MarginMode.ISOLATED):
            rows = tuple(row for row in given.tiers if row.margin_mode in (None, mode))
            if not rows:
                continue
            units = {row.unit for row in rows}
            field = f"instruments{key_path(instrument.id)}.tiers"
            if len(units) > 1:
                raise self.wrong(field, "all tiers of one margin mode need the same unit")
            try:
                table = tier_table(rows, rulebook.rules, rows[0].unit, source=self.source)
            except ValueError as error:
                raise self.wrong(field, str(error)) from None
            found[(instrument.kind, instrument.id, mode)] = table
        return found

    def _known(self, field: str, name: str) -> Instrument:
        try:
            return self.rulebook.instrument(name)
        except CrossMarginError as error:
            raise self.wrong(field, str(error)) from None

    def _position(self, index: int, given: PositionEntry) -> Position:
        where = f"positions[{index}]"
        instrument = self._known(f"{where}.instrument", given.instrument)
        if given.margin_mode not in self.rulebook.rules.margin_modes:
            raise self.wrong(f"{where}.margin_mode", f"{self.entry.venue} does not offer {given.margin_mode}")
        if instrument.kind in (Kind.MARGIN, Kind.SPOT):
            return self._spot_margin(where, instrument, given)
        for key in ("margin_currency", "assets", "available_assets", "liability", "liability_currency"):
            if getattr(given, key) is not None:
                raise self.wrong(f"{where}.{key}", f"only spot-margin positions have it, {instrument.id} is none")
        if given.entry_price is None:
            raise self.wrong(where, "the key 'entry_price' is missing")
        if given.margin is not None and given.margin_mode is not MarginMode.ISOLATED:
            raise self.wrong(f"{where}.margin", "only isolated positions have a margin of their own")
        contracts = self._size(where, instrument, given, given.entry_price)
        if not contracts:
            self.assumptions.append(f"{where}: size 0, left out")
            return _EMPTY
        return Position(
            instrument=instrument.id,
            side=given.side,
            margin_mode=given.margin_mode,
            contracts=contracts,
            entry_price=Decimal(given.entry_price),
            leverage=self._leverage(where, instrument, given),
            margin=_plain(given.margin),
            fee=Decimal(given.fee),
            funding_fee=Decimal(given.funding_fee),
            realized_pnl=Decimal(given.realized_pnl),
        )

    def _spot_margin(self, where: str, instrument: Instrument, given: PositionEntry) -> Position:
        if given.margin_mode is MarginMode.CASH:
            raise self.wrong(f"{where}.margin_mode", "coins bought in cash are a balance: put them under [balances]")
        if given.assets is None or given.liability is None:
            raise self.wrong(where, "a spot-margin position needs assets and liability")
        pair = (instrument.base, instrument.quote)
        currency = given.margin_currency or instrument.settle
        if currency not in pair:
            raise self.wrong(f"{where}.margin_currency", f"expected {pair[0]} or {pair[1]}, found {currency}")
        borrowed = instrument.quote if given.side is Side.LONG else instrument.base
        if given.liability_currency not in (None, borrowed):
            found = given.liability_currency
            raise self.wrong(f"{where}.liability_currency", f"a {given.side} borrows {borrowed}, not {found}")
        entry = given.entry_price or Positive(1)
        sized = given.contracts is not None or given.base_size is not None or given.quote_size is not None
        size = self._size(where, instrument, given, entry) if sized else ZERO
        if given.available_assets is not None and given.available_assets > given.assets:
            raise self.wrong(f"{where}.available_assets", "more than assets")
        return Position(
            instrument=instrument.id,
            side=given.side,
            margin_mode=given.margin_mode,
            contracts=size,
            entry_price=Decimal(given.entry_price or 0),
            leverage=self._leverage(where, instrument, given),
            margin=_plain(given.margin),
            fee=Decimal(given.fee),
            funding_fee=Decimal(given.funding_fee),
            realized_pnl=Decimal(given.realized_pnl),
            margin_currency=currency,
            assets=Decimal(given.assets),
            available_assets=_plain(given.available_assets),
            liability=Decimal(given.liability),
            interest=Decimal(given.interest),
        )

    def _size(
        self, where: str, instrument: Instrument, given: PositionEntry | OrderEntry, price: Decimal | None
    ) -> Decimal:
        """Contracts from the one size key that is given."""
        keys = [key for key in ("contracts", "base_size", "quote_size") if getattr(given, key) is not None]
        if len(keys) != 1:
            found = " and ".join(keys) if keys else "none of them"
            raise self.wrong(where, f"give exactly one of contracts, base_size, quote_size: found {found}")
        key, amount = keys[0], Decimal(getattr(given, keys[0]))
        in_face = key == ("quote_size" if instrument.inverse else "base_size")
        if key == "contracts":
            return amount
        if in_face:
            numerator, denominator = ONE, instrument.unit
        elif price is None:
            raise self.wrong(f"{where}.{key}", "needs a price to become contracts: give contracts instead")
        elif instrument.inverse:
            numerator, denominator = Decimal(price), instrument.unit
        else:
            numerator, denominator = ONE, instrument.unit * price
        size = scaled(amount, numerator, denominator)
        if size * denominator == amount * numerator:
            return size
        whole = floor_to(size, instrument.lot_size or _FALLBACK_LOT)
        self.assumptions.append(f"{where}.contracts = {plain(whole)}: {key} rounded down to the lot")
        return whole

    def _leverage(self, where: str, instrument: Instrument, given: PositionEntry | OrderEntry) -> Decimal:
        """Leverage as given, else that of the same instrument elsewhere in the file, else the venue's default."""
        if given.leverage is not None:
            return Decimal(given.leverage)
        if instrument.kind is Kind.OPTION or given.margin_mode is MarginMode.CASH:
            return ONE
        entries: list[PositionEntry | OrderEntry] = [*self.entry.positions, *self.entry.orders]
        for each in entries:
            same = each.margin_mode is given.margin_mode and each.leverage is not None
            if same and each.instrument in (instrument.id, instrument.unified):
                return Decimal(each.leverage or ONE)
        default = Decimal(self.rulebook.rules.default_leverage)
        self.assumptions.append(f"{where}.leverage = {plain(default)}: none given, the rulebook's default")
        return default

    def _order(self, index: int, given: OrderEntry) -> Order:
        where = f"orders[{index}]"
        instrument = self._known(f"{where}.instrument", given.instrument)
        if given.margin_mode not in self.rulebook.rules.margin_modes:
            raise self.wrong(f"{where}.margin_mode", f"{self.entry.venue} does not offer {given.margin_mode}")
        kind = given.type or (OrderType.TRIGGER if given.trigger_price is not None else OrderType.LIMIT)
        self._check_order(where, kind, given)
        contracts = self._size(where, instrument, given, given.price)
        if not contracts:
            raise self.wrong(f"{where}.contracts", "an order of size 0 is none")
        if given.filled > contracts:
            raise self.wrong(f"{where}.filled", f"{plain(given.filled)} filled of {plain(contracts)}")
        currency = given.margin_currency
        if currency is not None and currency not in (instrument.base, instrument.quote):
            raise self.wrong(f"{where}.margin_currency", f"expected {instrument.base} or {instrument.quote}")
        return Order(
            instrument=instrument.id,
            side=given.side,
            contracts=contracts,
            price=_plain(given.price),
            state=given.state,
            type=kind,
            time_in_force=given.time_in_force,
            position_side=given.position_side,
            margin_mode=given.margin_mode,
            leverage=self._leverage(where, instrument, given),
            reduce_only=given.reduce_only,
            filled=Decimal(given.filled),
            margin_currency=currency if instrument.kind is Kind.MARGIN else None,
            trigger_price=_plain(given.trigger_price),
            trigger_by=given.trigger_by,
            stop_loss=_stop(given.stop_loss),
            take_profit=_stop(given.take_profit),
            trailing=_trailing(given.trailing),
            id=given.id or f"order-{index + 1}",
        )

    def _check_order(self, where: str, kind: OrderType, given: OrderEntry) -> None:
        if kind in (OrderType.LIMIT, OrderType.POST_ONLY) and given.price is None:
            raise self.wrong(where, f"a {kind} order needs a price")
        if kind is OrderType.MARKET and given.price is not None:
            raise self.wrong(f"{where}.price", "a market order has no price")
        if kind is OrderType.TRIGGER and given.trigger_price is None:
            raise self.wrong(where, "a trigger order needs a trigger_price")
        if given.position_side is not None and self.entry.position_mode is PositionMode.ONE_WAY:
            raise self.wrong(f"{where}.position_side", 'only with position_mode = "hedge"')
        trailing = given.trailing
        if trailing is not None and (trailing.percent is None) == (trailing.distance is None):
            raise self.wrong(f"{where}.trailing", "give exactly one of percent and distance")

    def _check_together(self, account: Account) -> None:
        """Refuse what cannot be true at once."""
        seen: dict[tuple[str, str, str], str] = {}
        for position in account.positions:
            side = position.side.value if account.position_mode is PositionMode.HEDGE else ""
            key = (position.instrument, position.margin_mode.value, side)
            if key in seen:
                raise self.wrong("positions", f"{position.id} and {seen[key]} contradict each other")
            seen[key] = position.id
        leverages: dict[tuple[str, str], Decimal] = {}
        holdings: list[Position | Order] = [*account.positions, *account.orders]
        for each in holdings:
            if each.margin_mode is not MarginMode.CROSS or (isinstance(each, Order) and each.state is OrderState.NEW):
                continue
            side = ""
            if account.position_mode is PositionMode.HEDGE and isinstance(each, Position):
                side = each.side.value
            before = leverages.setdefault((each.instrument, side), each.leverage)
            if before != each.leverage:
                both = f"{plain(before)} and {plain(each.leverage)}"
                raise self.wrong("leverage", f"{each.instrument} has one cross leverage, found {both}")

    def _net_balances(self) -> dict[str, Decimal]:
        """Balances less what is owed: a liability of the account is a negative balance."""
        net = self._amounts("balances", self.entry.balances)
        for currency, owed in self._amounts("liabilities", self.entry.liabilities).items():
            net[currency] = net.get(currency, ZERO) - owed
        return net

    def _amounts(self, field: str, given: dict[str, Any]) -> dict[str, Decimal]:
        for currency in given:
            if not currency or not currency.isascii() or not currency.isalnum():
                raise self.wrong(field, f"{shown(currency)} is not a currency code")
        return {currency: Decimal(amount) for currency, amount in given.items()}

    def _marks(self) -> Marks:
        entry = self.entry
        return Marks(
            mark=self._by_instrument("marks", entry.marks),
            index=_decimals(entry.index),
            fx=_decimals(entry.fx),
            last=self._by_instrument("last", entry.last),
            forward=_decimals(entry.forward),
            funding_rate=self._by_instrument("funding_rate", entry.funding_rate),
            open_interest=self._by_instrument("open_interest", entry.open_interest),
            volatility=_decimals(entry.volatility),
            betas=_decimals(entry.betas),
        )

    def _by_instrument(self, field: str, given: dict[str, Any]) -> dict[str, Decimal]:
        """Prices under the venue's ids, whichever name the file used."""
        prices: dict[str, Decimal] = {}
        for name, price in given.items():
            try:
                key = self.rulebook.instrument(name).id
            except CrossMarginError:
                key = name
            if key in prices:
                raise self.wrong(f"{field}{key_path(name)}", f"a second price of {key}")
            prices[key] = Decimal(price)
        return prices


_EMPTY = Position(instrument="", side=Side.LONG)
_FALLBACK_LOT = Decimal("0.00000001")
_BOOLEANS = {"true": True, "false": False}


def _told(value: object) -> str:
    """A rule's value in the words of the file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return ", ".join(f"{key} {_told(each)}" for key, each in value.items())
    return ", ".join(map(_told, value)) if isinstance(value, (list, tuple)) else one_line(str(value))


def _undressed(value: object) -> object:
    """A plain Decimal or time instead of the field type that checked it."""
    if isinstance(value, Moment):
        return value.plain()
    return Decimal(value) if isinstance(value, Decimal) else value


def _plain(value: Decimal | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _decimals(given: dict[str, Any]) -> dict[str, Decimal]:
    return {key: Decimal(value) for key, value in given.items()}


def _stop(given: StopEntry | None) -> AttachedStop | None:
    if given is None:
        return None
    return AttachedStop(
        trigger_price=Decimal(given.trigger_price), trigger_by=given.trigger_by, price=_plain(given.price)
    )


def _trailing(given: TrailingEntry | None) -> Trailing | None:
    if given is None:
        return None
    return Trailing(percent=_plain(given.percent), distance=_plain(given.distance), on=given.on)
