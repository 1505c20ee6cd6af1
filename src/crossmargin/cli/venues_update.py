"""`crossmargin venues NAME --update`: today's tier tables, fetched through ccxt into the user's data folder."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from crossmargin.cli import screen
from crossmargin.errors import CrossMarginError, InputError

__all__ = ["update_tiers"]


def update_tiers(name: str | None, as_json: bool) -> int:
    """Fetch, check and store the tier tables of one venue.

    Raises:
        InputError: no venue named, ccxt absent, no tiers offered, offline, or an answer that is no table: one line,
            and nothing is written.
    """
    from crossmargin.formats.fetched_tiers import tier_file
    from crossmargin.formats.user_folder import user_tier_folder
    from crossmargin.rulebook import load

    if name is None:
        raise InputError("venues --update", "", "say which venue: crossmargin venues okx --update")
    rulebook = load(name)
    if not rulebook.ccxt:
        raise InputError("venues --update", name, "its tiers cannot be fetched: give them in the account file")
    source = f"ccxt {rulebook.ccxt}"
    answers = _fetch(rulebook.ccxt, [each.unified for each in rulebook.instruments.values() if each.unified])
    today = datetime.now(UTC).date()
    text = tier_file(answers, rulebook, today, source)
    folder = user_tier_folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{rulebook.venue}@{today.isoformat()}.toml"
    title = f"# {rulebook.title}: fetched {today.isoformat()} through {source}"
    path.write_text(f"{title}\n\n{text}", "utf-8")
    count = text.count("[[tiers]]")
    if as_json:
        screen.as_json({"venue": rulebook.venue, "tables": count, "from": today.isoformat(), "file": str(path)})
    else:
        screen.say(f"{count} tables of {rulebook.venue}, from {today}: {path}")
    return 0


def _fetch(exchange_name: str, symbols: list[str]) -> Mapping[str, Iterable[Mapping[str, Any]]]:
    try:
        ccxt = import_module("ccxt")
    except ImportError:
        raise InputError("venues --update", "", "needs ccxt: pip install 'crossmargin[live]'") from None
    exchange = getattr(ccxt, exchange_name)()
    try:
        if exchange.has.get("fetchLeverageTiers"):
            found: Mapping[str, Iterable[Mapping[str, Any]]] = exchange.fetch_leverage_tiers(symbols)
            return found
        if exchange.has.get("fetchMarketLeverageTiers"):
            return {symbol: exchange.fetch_market_leverage_tiers(symbol) for symbol in symbols}
    except ccxt.NetworkError as error:
        raise InputError("venues --update", exchange_name, f"cannot be reached ({type(error).__name__})") from None
    except ccxt.AuthenticationError:
        raise InputError("venues --update", exchange_name, "answers this only to users with an API key") from None
    except CrossMarginError:
        raise
    except Exception as error:
        line = " ".join(str(error).split())[:120]
        raise InputError("venues --update", exchange_name, f"{type(error).__name__}: {line}") from None
    raise InputError("venues --update", exchange_name, "ccxt offers no tiers of it")
