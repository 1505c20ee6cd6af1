"""Every notation that some parser takes for a number, in every numeric field, through all three formats."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from crossmargin.errors import InputError
from crossmargin.formats.account_file import Book, read_account

FORMATS = ("toml", "yaml", "json")

# a field of each kind: its path in messages, what the file says around it, and where the figure ends up
Figure = Callable[[Book], Decimal | None]
FIELDS: dict[str, tuple[str, dict[str, str], Figure]] = {
    "any sign": (
        "balances.USDT",
        {
            "toml": "venue = 'textbook'\nbalances = {{ USDT = {} }}",
            "yaml": "venue: textbook\nbalances:\n  USDT: {}",
            "json": '{{"venue": "textbook", "balances": {{"USDT": {}}}}}',
        },
        lambda book: book.account.balances["USDT"],
    ),
    "zero or more": (
        "bot_frozen.USDT",
        {
            "toml": "venue = 'textbook'\nbot_frozen = {{ USDT = {} }}",
            "yaml": "venue: textbook\nbot_frozen:\n  USDT: {}",
            "json": '{{"venue": "textbook", "bot_frozen": {{"USDT": {}}}}}',
        },
        lambda book: book.account.bot_frozen["USDT"],
    ),
    "above zero": (
        'marks."BTC-USDT-SWAP"',
        {
            "toml": "venue = 'textbook'\n[marks]\nBTC-USDT-SWAP = {}",
            "yaml": "venue: textbook\nmarks:\n  BTC-USDT-SWAP: {}",
            "json": '{{"venue": "textbook", "marks": {{"BTC-USDT-SWAP": {}}}}}',
        },
        lambda book: book.marks.mark["BTC-USDT-SWAP"],
    ),
    "above zero, in a list": (
        "orders[0].price",
        {
            "toml": "venue = 'textbook'\n[[orders]]\ninstrument = 'BTC-USDT-SWAP'\nside = 'buy'\n"
            "contracts = '1'\nprice = {}",
            "yaml": "venue: textbook\norders:\n- instrument: BTC-USDT-SWAP\n  side: buy\n  contracts: '1'\n  price: {}",
            "json": '{{"venue": "textbook", "orders": [{{"instrument": "BTC-USDT-SWAP", "side": "buy", '
            '"contracts": "1", "price": {}}}]}}',
        },
        lambda book: book.account.orders[0].price,
    ),
}

REFUSED = [
    *("", " ", "+", "-", ".", "1.", ".5", "+5", "--1", "0x10", "1E+999999", "1e308", "1_000", "1,000"),
    *("NaN", "sNaN", "Infinity", "-Infinity", "nan(7)", "\u0661\u0662\u0663", "\uff11\uff12"),
    *("\u0966.\u096b", "\u00b2", "1\n", "00001", " 1 ", "1 ", "1e", "1e+", "1e100", "e5", "0b1", "1/3", "1%"),
    *("9" * 400, "0." + "1" * 400, "1000000000000000000", "1e18", "1e-29", "0.00000000000000000000000000001"),
    *("=1+1", "@1", "true", "null", "1 000", "1'000", "0,5", "\u22121", "1\u00a0"),
]
ACCEPTED = {
    "0": "0",
    "-0": "0",
    "-0.00": "0",
    "-12.50": "-12.50",
    "1e3": "1000",
    "1E-18": "0.000000000000000001",
    "0.10000000000000000001": "0.10000000000000000001",
    "999999999999999999": "999999999999999999",
    "12345678.90": "12345678.90",
    "0.0000000000000000000000000001": "0.0000000000000000000000000001",
}
BARE = {
    # what a file may write without quotes where a number is due, and still no number of ours
    "json": [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "1E+999999",
        "9" * 400,
        "true",
        "false",
        "[1]",
        '{"a": 1}',
    ],
    "toml": ["nan", "inf", "-inf", "1e400", "9" * 400, "true", "[1]", "{ a = 1 }", "2026-09-01", "1_000.5"],
    "yaml": ["1.5", ".5", "1.", "1_000", "0x10", ".nan", "-.inf", "1:30", "+5", "00001", "yes", "[1]"],
}


def quoted(text: str) -> str:
    """A text in double quotes as all three formats write it, with ASCII escapes."""
    return json.dumps(text)


def refusal(path: Path) -> InputError:
    """The error that reading ends with."""
    with pytest.raises(InputError) as caught:
        read_account(str(path))
    return caught.value


@pytest.mark.parametrize("text", REFUSED)
@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("kind", FIELDS)
def test_no_number_is_refused(tmp_path: Path, kind: str, ending: str, text: str) -> None:
    """One line names the file, the field and the value."""
    field, around, _ = FIELDS[kind]
    path = tmp_path / f"account.{ending}"
    path.write_text(around[ending].format(quoted(text)), encoding="utf-8")
    error = refusal(path)

    assert (error.source, error.field) == (str(path), field)
    assert text.encode("unicode_escape").decode("ascii")[:30] in str(error) or repr(text)[:30] in str(error)
    assert str(error).isprintable()
    assert len(error.problem) < 200


@pytest.mark.parametrize(("text", "value"), ACCEPTED.items())
@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("kind", FIELDS)
def test_a_number_is_read_to_the_last_digit(tmp_path: Path, kind: str, ending: str, text: str, value: str) -> None:
    """Exactly, or refused where its sign is out of the field's bounds."""
    _, around, figure = FIELDS[kind]
    path = tmp_path / f"account.{ending}"
    path.write_text(around[ending].format(quoted(text)), encoding="utf-8")
    exact = Decimal(value)
    if (kind.startswith("above") and exact <= 0) or (kind == "zero or more" and exact < 0):
        assert f"{text} is out of bounds" in str(refusal(path))
        return
    found = figure(read_account(str(path)))

    assert found == exact
    assert found is not None
    assert not found.is_signed() or found < 0


@pytest.mark.parametrize(("ending", "token"), [(ending, each) for ending, all in BARE.items() for each in all])
@pytest.mark.parametrize("kind", FIELDS)
def test_bare_tokens_that_are_no_numbers(tmp_path: Path, kind: str, ending: str, token: str) -> None:
    """Refused by the field that they stand in."""
    field, around, _ = FIELDS[kind]
    path = tmp_path / f"account.{ending}"
    path.write_text(around[ending].format(token), encoding="utf-8")
    error = refusal(path)

    assert (error.source, error.field) == (str(path), field)
    assert str(error).isprintable()


@pytest.mark.parametrize(
    ("ending", "token", "value"),
    [
        ("json", "0.10000000000000000001", "0.10000000000000000001"),
        ("json", "1e3", "1000"),
        ("json", "123456789012345678", "123456789012345678"),
        ("toml", "0.10000000000000000001", "0.10000000000000000001"),
        ("toml", "1_000", "1000"),
        ("yaml", "123456789012345678", "123456789012345678"),
        ("yaml", "1e3", "1000"),
        ("yaml", "'0.10000000000000000001'", "0.10000000000000000001"),
    ],
)
def test_bare_numbers_are_read_as_written(tmp_path: Path, ending: str, token: str, value: str) -> None:
    """No binary fraction stands between the file and the figure."""
    _, around, figure = FIELDS["any sign"]
    path = tmp_path / f"account.{ending}"
    path.write_text(around[ending].format(token), encoding="utf-8")

    assert figure(read_account(str(path))) == Decimal(value)


def test_null_is_no_amount(tmp_path: Path) -> None:
    """A balance of null is not a balance of zero."""
    path = tmp_path / "account.json"
    path.write_text('{"venue": "textbook", "balances": {"USDT": null}}', encoding="utf-8")

    assert str(refusal(path)).startswith(f"{path}: balances.USDT: null is not a number")
