"""`crossmargin keys`, `market` and `serve` as their owner types them."""

import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.server.outside import Outside

from crossmargin.cli.main import app, main
from crossmargin.errors import InputError
from crossmargin.server.keys import KeyStore


def typed(*words: str) -> Result:
    """Run a verb that is expected to do well."""
    result = CliRunner().invoke(app, list(words), catch_exceptions=False, standalone_mode=False)
    assert result.exception is None
    return result


def test_a_key_is_made_listed_and_revoked(tmp_path: Path) -> None:
    """The secret is printed once and nowhere else; a revoked key is found no more."""
    database = str(tmp_path / "venue.db")
    made = json.loads(
        typed("keys", "create", "ann", "--db", database, "--scope", "read", "--label", "bot", "--json").output
    )
    store = KeyStore(Path(f"{database}.keys"))

    assert made["scopes"] == ["read"]
    found = store.find(made["key"])
    assert found is not None
    assert found[1].decode() == made["secret"]
    listed = typed("keys", "list", "--db", database).output
    assert made["key"] in listed
    assert "bot" in listed
    assert made["secret"] not in listed
    assert "revoked" in typed("keys", "revoke", made["key"], "--db", database).output
    assert KeyStore(Path(f"{database}.keys")).find(made["key"]) is None
    with pytest.raises(InputError, match="no key of that name holds"):
        typed("keys", "revoke", made["key"], "--db", database)


def test_names_of_accounts_are_letters_and_digits(tmp_path: Path) -> None:
    """A name with a dot could be somebody's funding wallet."""
    with pytest.raises(InputError, match="letters and digits, at most 32"):
        typed("keys", "create", "ann.funding", "--db", str(tmp_path / "venue.db"))


def test_money_is_paid_in_once_for_each_reference(outside: Outside) -> None:
    """A deposit with a reference counts once; one to an account without a key is refused."""
    key = outside.account("100")
    where = ("--url", outside.url, "--admin-token", outside.token, "--json")
    for _ in range(2):
        paid = typed("keys", "deposit", key.account, "50", "USDT", *where, "--reference", f"pay.{key.account}")
        assert json.loads(paid.output) == {"account": key.account, "currency": "USDT", "balance": "150"}
    with pytest.raises(InputError, match="has no key"):
        typed("keys", "deposit", "nobody", "50", "USDT", *where)


def test_a_price_is_moved_to_the_nearest_tick(outside: Outside) -> None:
    """Ticks of BTC-USDT-SWAP are 0.1."""
    where = ("--url", outside.url, "--admin-token", outside.token)
    moved = typed("market", "move", "BTC-USDT-SWAP", "90123.456", *where, "--json")

    assert json.loads(moved.output) == {"instrument": "BTC-USDT-SWAP", "price": "90123.5"}
    with pytest.raises(InputError, match="'NOPE' is not listed"):
        typed("market", "move", "NOPE", "1", *where)
    with pytest.raises(InputError, match="the admin token is needed"):
        typed("market", "move", "BTC-USDT-SWAP", "90000", "--url", outside.url, "--admin-token", "x")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (
            ("--book", "examples/day-trader.toml"),
            "--book: examples/day-trader.toml: it is the demo account's: add --demo",
        ),
        (("--host", "0.0.0.0"), "--host: 0.0.0.0 is open to others"),
        (("--tls-cert", "chain.pem"), "--tls-cert and --tls-key go together"),
        (("--market", "nowhere"), "--market"),
    ],
)
def test_what_serve_refuses(words: tuple[str, ...], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, before anything is opened."""
    with pytest.raises(SystemExit) as left:
        main(["serve", "--port", "0", *words])

    assert left.value.code == 1
    said = capsys.readouterr().err
    assert problem in said
    assert said.count("\n") == 1


def test_a_port_that_is_taken_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """With what the system says of it."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(SystemExit) as left:
            main(["serve", "--port", str(port)])

    assert left.value.code == 1
    assert f"--port: {port}: Address already in use" in capsys.readouterr().err
