"""Which path answers what: one row an endpoint. The table of the documentation is made from it."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from crossmargin.server.okx import account, algo, asset, leverage, market, public, statement, trade

__all__ = ["ROUTES", "Route", "find"]


class Route(Struct, frozen=True):
    """One endpoint.

    Attributes:
        method, path: As they are asked for; the path without ``/api/v5/``.
        handler: What answers.
        scope: What a key must be allowed: ``read``, ``trade`` or ``withdraw``; empty: no key is asked for.
        budget: Which budget of calls it draws on: ``read``, ``order`` or ``cancel``.
    """

    method: str
    path: str
    handler: Callable[[Any], Any]
    scope: str = ""
    budget: str = "read"

    @property
    def summary(self) -> str:
        """What it does, for people."""
        return (self.handler.__doc__ or "").strip().splitlines()[0]


def _public(path: str, handler: Callable[[Any], Any]) -> Route:
    return Route("GET", path, handler)


def _read(path: str, handler: Callable[[Any], Any]) -> Route:
    return Route("GET", path, handler, "read")


def _trade(path: str, handler: Callable[[Any], Any], budget: str = "order") -> Route:
    return Route("POST", path, handler, "trade", budget)


ROUTES: tuple[Route, ...] = (
    _public("public/time", public.system_time),
    _public("public/instruments", public.instruments),
    _public("public/position-tiers", public.position_tiers),
    _public("public/mark-price", public.mark_price),
    _public("public/funding-rate", public.funding_rate),
    _public("public/funding-rate-history", public.funding_history),
    _public("public/open-interest", public.open_interest),
    _public("public/price-limit", public.price_limit),
    _public("system/status", public.status),
    _public("market/ticker", market.ticker),
    _public("market/tickers", market.tickers),
    _public("market/books", market.books),
    _public("market/books-full", market.books),
    _public("market/candles", market.candles),
    _public("market/history-candles", market.candles),
    _public("market/mark-price-candles", market.mark_candles),
    _public("market/history-mark-price-candles", market.mark_candles),
    _public("market/index-candles", market.index_candles),
    _public("market/history-index-candles", market.index_candles),
    _public("market/index-tickers", market.index_tickers),
    _public("market/trades", market.trades),
    _read("account/config", account.config),
    _read("account/instruments", public.instruments),
    _read("account/balance", account.balance),
    _read("account/positions", account.positions),
    _read("account/positions-history", account.positions_history),
    _read("account/account-position-risk", account.position_risk),
    _read("account/leverage-info", leverage.leverage_info),
    _read("account/max-size", leverage.max_size),
    _read("account/max-avail-size", leverage.max_avail_size),
    _read("account/max-withdrawal", leverage.max_withdrawal),
    _read("account/trade-fee", leverage.trade_fee),
    _read("account/bills", statement.bills),
    _read("account/bills-archive", statement.bills),
    _read("account/interest-accrued", statement.interest_accrued),
    _read("account/interest-rate", statement.interest_rate),
    _trade("account/set-leverage", leverage.set_leverage),
    _trade("account/set-position-mode", account.set_position_mode),
    _trade("account/set-account-level", account.set_account_level),
    _trade("account/position/margin-balance", leverage.add_margin),
    _read("asset/currencies", asset.currencies),
    _read("asset/balances", asset.balances),
    _read("asset/bills", asset.asset_bills),
    _read("asset/transfer-state", asset.transfer_state),
    Route("POST", "asset/transfer", asset.transfer, "withdraw", "order"),
    _read("trade/order", trade.order),
    _read("trade/orders-pending", trade.orders_pending),
    _read("trade/orders-history", trade.orders_history),
    _read("trade/orders-history-archive", trade.orders_history),
    _read("trade/fills", trade.fills),
    _read("trade/fills-history", trade.fills),
    _read("trade/order-algo", algo.algo_order),
    _read("trade/orders-algo-pending", algo.algos_pending),
    _read("trade/orders-algo-history", algo.algo_history),
    _trade("trade/order", trade.place),
    _trade("trade/batch-orders", trade.place_many),
    _trade("trade/amend-order", trade.amend),
    _trade("trade/amend-batch-orders", trade.amend_many),
    _trade("trade/cancel-order", trade.cancel, "cancel"),
    _trade("trade/cancel-batch-orders", trade.cancel_many, "cancel"),
    _trade("trade/close-position", trade.close_position, "cancel"),
    _trade("trade/cancel-all-after", trade.cancel_all_after, "cancel"),
    _trade("trade/order-algo", algo.place_algo),
    _trade("trade/amend-algos", algo.amend_algo),
    _trade("trade/cancel-algos", algo.cancel_algos, "cancel"),
)

_BY_PATH = {(route.method, route.path): route for route in ROUTES}


def find(method: str, path: str) -> Route | None:
    """The endpoint of a path."""
    return _BY_PATH.get((method, path))
