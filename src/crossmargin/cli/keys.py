"""crossmargin keys: accounts and API keys of a paper exchange."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crossmargin.cli import screen
from crossmargin.cli.remote import ask
from crossmargin.errors import InputError

if TYPE_CHECKING:
    from crossmargin.server.keys import Key, KeyStore

__all__ = ["command"]

_DATABASE = click.option("--db", required=True, metavar="FILE", help="Journal of the exchange; keys lie beside it.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("keys")
def command() -> None:
    """Accounts and API keys; a running exchange sees a change at once."""


def _store(db: str) -> "KeyStore":
    try:
        from crossmargin.server.keys import KeyStore
    except ImportError as error:
        raise InputError("keys", "", f"{error.name} is missing: pip install 'crossmargin[serve]'") from None
    return KeyStore(Path(f"{db}.keys"))


def _now() -> int:
    return time.time_ns() // 1_000_000


@command.command()
@click.argument("account")
@_DATABASE
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(["read", "trade", "withdraw"]), help="Default: all."
)
@click.option("--label", default="", help="A word to remember it by.")
@_JSON
def create(account: str, db: str, scopes: tuple[str, ...], label: str, as_json: bool) -> None:
    """Make a key for ACCOUNT, and the account if there is none; the secret is shown this once.

    Example: crossmargin keys create ann --db venue.db --scope read --scope trade
    """
    if not account.isascii() or not account.isalnum() or len(account) > 32:  # noqa: PLR2004
        raise InputError("ACCOUNT", account, "letters and digits, at most 32")
    made = _store(db).create(account, scopes=scopes or ("read", "trade", "withdraw"), label=label, now=_now())
    rows = {"account": made.account, "key": made.key, "secret": made.secret, "passphrase": made.passphrase}
    if as_json:
        screen.as_json({**rows, "scopes": list(made.scopes)})
        return
    for name, value in rows.items():
        screen.say(f"{name:<11}{value}")
    screen.say(f"{'scopes':<11}{', '.join(made.scopes)}")
    screen.say("The secret and the passphrase are not shown again.")


@command.command("list")
@_DATABASE
@_JSON
def list_keys(db: str, as_json: bool) -> None:
    """List keys, without their secrets.

    Example: crossmargin keys list --db venue.db
    """
    found = _store(db).keys()
    if as_json:
        screen.as_json([_row(each) for each in found])
        return
    for each in found:
        state = "revoked" if each.revoked is not None else "holds"
        screen.say(f"{each.key}  {each.account:<12}  {state:<8}  {' '.join(each.scopes):<20}  {each.label}".rstrip())


def _row(key: "Key") -> dict[str, object]:
    return {
        "key": key.key,
        "account": key.account,
        "uid": str(key.uid),
        "scopes": list(key.scopes),
        "label": key.label,
        "revoked": key.revoked is not None,
    }


@command.command()
@click.argument("key")
@_DATABASE
def revoke(key: str, db: str) -> None:
    """End a key at once.

    Example: crossmargin keys revoke 1f0c... --db venue.db
    """
    if not _store(db).revoke(key, _now()):
        raise InputError("KEY", key, "no key of that name holds")
    screen.say(f"{key} is revoked")


@command.command()
@click.argument("account")
@click.argument("amount")
@click.argument("currency")
@click.option("--url", required=True, help="Address of the running exchange.")
@click.option("--admin-token", "token", required=True, help="As the exchange printed it when it started.")
@click.option("--reference", default="", help="A name for this payment; it counts once.")
@_JSON
def deposit(account: str, amount: str, currency: str, url: str, token: str, reference: str, as_json: bool) -> None:
    """Pay AMOUNT of CURRENCY in to ACCOUNT's trading balance.

    Example: crossmargin keys deposit ann 10000 USDT --url http://127.0.0.1:8080 --admin-token TOKEN
    """
    given = {"account": account, "amount": amount, "currency": currency}
    if reference:
        given["reference"] = reference
    found = ask(url, token, "deposit", given)
    if as_json:
        screen.as_json(found)
    else:
        screen.say(f"{found['account']} has {found['balance']} {found['currency']}")
