"""ccxt's positions, orders and balance, put together in the account file's shape."""

from decimal import Decimal
from typing import Any

from crossmargin.domain.account import MarginMode, PositionMode, Side
from crossmargin.domain.arithmetic import plain, quotient
from crossmargin.domain.numbers import Sign, number, shown
from crossmargin.errors import InputError
from crossmargin.formats.ccxt_balance import account_mode_in, cash_in
from crossmargin.formats.ccxt_instruments import Listing
from crossmargin.formats.ccxt_orders import is_open, margin_mode_of, order_entry, position_side_of
from crossmargin.formats.ccxt_shape import Saved, SavedPosition, text_in

__all__ = ["Assembly"]

_TOLERANCE = Decimal("1E-9")
_WHOLE_TOLERANCE = Decimal("0.001")


class Assembly:
    """Builds one account; keeps what was assumed, and what the user calls each entry."""

    def __init__(self, saved: Saved, source: str) -> None:
        """Find the rulebook; nothing else is read yet."""
        self.saved = saved
        self.source = source
        self.listing = Listing(saved, source)
        self.notes: list[str] = []
        self.names: dict[str, str] = {}
        self.marks: dict[str, Decimal] = {}
        self.last: dict[str, Decimal] = {}
        self.settled: dict[str, list[tuple[str, Decimal | None]]] = {}

    def account(self) -> dict[str, Any]:
        """The account file's document.

        Raises:
            InputError: a field that is needed and null, not known, or in contradiction with another.
        """
        saved = self.saved
        raw: dict[str, Any] = {"venue": saved.venue, "position_mode": self._position_mode().value}
        raw["positions"], raw["orders"] = self._positions(), self._orders()
        raw["balances"] = self._balances()
        raw |= {"instruments": self.listing.instruments, "marks": self._texts(self.marks)}
        raw["last"] = self._texts(self.last)
        if saved.as_of is not None:
            raw["as_of"] = saved.as_of
        mode, place = account_mode_in(saved.balance)
        if saved.account_mode is not None:
            raw["account_mode"] = saved.account_mode.value
        elif mode:
            raw["account_mode"] = mode
            self.notes.append(f"account_mode = {mode}: {place} is set")
        self.notes += self.listing.notes
        return raw

    def _wrong(self, field: str, problem: str) -> InputError:
        return InputError(self.source, field, problem)

    def _position_mode(self) -> PositionMode:
        open_positions = [each for each in self.saved.positions if not _flat(each)]
        flags = {each.hedged for each in open_positions if each.hedged is not None}
        if len(flags) > 1:
            raise self._wrong("positions", "some are hedged and some are not: an account has one position mode")
        if not flags:
            flags = {bool(each.hedged) for each in self.saved.positions}
            flags |= {position_side_of(each) is not None for each in self.saved.orders}
        return PositionMode.HEDGE if True in flags else PositionMode.ONE_WAY

    # ------------------------------------------------------------ positions

    def _positions(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        for index, each in enumerate(self.saved.positions):
            if not _flat(each):
                self.names[f"positions[{len(entries)}]"] = f"positions[{index}]"
                entries.append(self._position(each, f"positions[{index}]"))
        left_out = len(self.saved.positions) - len(entries)
        if left_out:
            self.notes.append(f"positions: {left_out} of size 0 left out")
        return entries

    def _position(self, each: SavedPosition, where: str) -> dict[str, Any]:
        if each.contracts is None:
            raise self._wrong(f"{where}.contracts", "null: the size of the position is not known")
        if each.side not in tuple(Side):
            raise self._wrong(f"{where}.side", f"{shown(each.side)} is not one of long, short")
        if each.margin_mode not in (MarginMode.CROSS, MarginMode.ISOLATED):
            raise self._wrong(f"{where}.marginMode", f"{shown(each.margin_mode)} is not one of cross, isolated")
        name = self.listing.place(each.symbol, each.contract_size, each.info, where)
        self._mark(each, name, where)
        entry = {"instrument": name, "side": each.side, "margin_mode": each.margin_mode}
        entry["contracts"] = plain(each.contracts)
        price = self._text(f"{where}.entryPrice", each.entry_price, each.info, "avgPx", "entryPrice")
        if price is None:
            raise self._wrong(f"{where}.entryPrice", "null: the position's average open price is not known")
        entry["entry_price"] = plain(price)
        leverage = self._leverage(each, where)
        if leverage is not None:
            entry["leverage"] = plain(leverage)
        settled = self.settled.setdefault(self.listing.settles[each.symbol], [])
        settled.append((f"{where}.unrealizedPnl", each.unrealized_pnl))
        if each.margin_mode == MarginMode.ISOLATED:
            margin = self._isolated_margin(each, where)
            settled.append((f"{where}.margin", margin))
            entry["margin"] = plain(margin)
        return entry

    def _text(self, field: str, unified: Decimal | None, info: dict[str, Any] | None, *keys: str) -> Decimal | None:
        """The venue's own figure where it is there, else ccxt's; both have to say the same."""
        key, text = text_in(info, *keys)
        if not key:
            return unified
        try:
            exact = number(text)
        except ValueError as error:
            raise self._wrong(f"{field.rpartition('.')[0]}.info.{key}", str(error)) from None
        if unified is not None and abs(exact - unified) > abs(exact) * _TOLERANCE:
            raise self._wrong(field, f"{plain(unified)} contradicts {plain(exact)} in info.{key}")
        return exact

    def _mark(self, each: SavedPosition, name: str, where: str) -> None:
        """Note the mark price of a position's instrument."""
        field = f"{where}.markPrice"
        price = self._given_mark(each.symbol, name)
        if price is None:
            price = self._text(field, each.mark_price, each.info, "markPx", "markPrice")
        if price is None:
            price = self._ticker_mark(each.symbol)
        if price is None:
            raise self._wrong(field, f'null: give the mark price beside the answers: "marks": {{"{name}": "..."}}')
        if price <= 0:
            raise self._wrong(field, f"{plain(price)} is out of bounds: expected {Sign.POSITIVE.value}")
        before = self.marks.setdefault(name, price)
        if before != price:
            problem = f"{plain(price)} contradicts {plain(before)} of the same instrument: give one under marks"
            raise self._wrong(field, problem)
        self._note_last(each.symbol, name)

    def _given_mark(self, symbol: str, name: str) -> Decimal | None:
        given = self.saved.marks.get(symbol)
        return self.saved.marks.get(name) if given is None else given

    def _ticker_mark(self, symbol: str) -> Decimal | None:
        ticker = self.saved.tickers.get(symbol)
        return None if ticker is None else ticker.mark_price

    def _note_last(self, symbol: str, name: str) -> None:
        ticker = self.saved.tickers.get(symbol)
        if ticker is not None and ticker.last:
            self.last[name] = ticker.last

    def _leverage(self, each: SavedPosition, where: str) -> Decimal | None:
        """Leverage as ccxt gives it, else position value / initial margin where that is whole."""
        if each.leverage:
            return each.leverage
        value = None if each.notional is None else abs(each.notional)
        margin = self._text(f"{where}.initialMargin", None, each.info, "positionInitialMargin")
        margin = each.initial_margin if margin is None else margin
        if not value or not margin or margin < 0:
            return None
        whole = quotient(value, margin).to_integral_value()
        if whole < 1 or abs(whole * margin - value) > value * _WHOLE_TOLERANCE:
            return None
        self.notes.append(f"{where}.leverage = {plain(whole)}: position value / initial margin; ccxt gives none")
        return whole

    def _isolated_margin(self, each: SavedPosition, where: str) -> Decimal:
        """Margin put into an isolated position, its PnL not counted."""
        margin = self._text(f"{where}.margin", None, each.info, "margin", "isolatedWallet")
        if margin is None or (not margin and each.position_margin):
            margin = each.position_margin
        if margin is None and each.collateral is not None and each.unrealized_pnl is not None:
            margin = each.collateral - each.unrealized_pnl
        if margin is None:
            problem = "null, as collateral is: the margin of an isolated position is not known"
            raise self._wrong(f"{where}.positionMargin", problem)
        return margin

    # ------------------------------------------------------------ orders

    def _orders(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        for index, each in enumerate(self.saved.orders):
            where = f"orders[{index}]"
            if not is_open(each):
                self.notes.append(f"{where}: {shown(each.status)}, left out")
                continue
            self.names[f"orders[{len(entries)}]"] = where
            entry = order_entry(each, where, self.source)
            entry |= {"instrument": self.listing.name(each.symbol), "margin_mode": self._mode(index)}
            side = position_side_of(each)
            if side is not None:
                entry["position_side"] = side.value
            self._order_prices(each.symbol, entry["instrument"])
            entries.append(entry)
        return entries

    def _mode(self, index: int) -> str:
        """Margin mode of an order: as noted on it, else that of the open position, else spot or cross."""
        order = self.saved.orders[index]
        noted = margin_mode_of(order)
        if noted is not None:
            return noted.value
        for each in self.saved.positions:
            if each.symbol == order.symbol and not _flat(each) and each.margin_mode:
                return each.margin_mode
        mode = MarginMode.CROSS if ":" in order.symbol else MarginMode.CASH
        self.notes.append(f"orders[{index}].margin_mode = {mode.value}: the answer names none")
        return mode.value

    def _order_prices(self, symbol: str, name: str) -> None:
        price = self._given_mark(symbol, name)
        price = self._ticker_mark(symbol) if price is None else price
        if price:
            self.marks.setdefault(name, price)
        self._note_last(symbol, name)

    # ------------------------------------------------------------ balances

    def _balances(self) -> dict[str, str]:
        cash = cash_in(self.saved.balance, self.source, self.settled)
        for symbol, settle in self.listing.settles.items():
            if settle not in cash:
                problem = f"no {settle}, in which {symbol} settles: save fetch_balance({{'type': 'swap'}})"
                raise self._wrong("balance", problem)
        held = {currency: found for currency, found in cash.items() if found[0]}
        self.notes += [f"balances.{key} = {plain(amount)}: {place}" for key, (amount, place) in held.items()]
        return {currency: plain(amount) for currency, (amount, _) in held.items()}

    def _texts(self, prices: dict[str, Decimal]) -> dict[str, str]:
        return {name: plain(price) for name, price in prices.items()}


def _flat(each: SavedPosition) -> bool:
    """An empty place that venues list beside the open positions."""
    return not each.contracts and (each.contracts is not None or each.side not in tuple(Side))
