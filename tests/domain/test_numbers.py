"""The grammar of numbers: what passes is exact and within bounds, what does not is shown."""

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.domain.numbers import RawNumber, Sign, number, shown

plain_numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,28})?", fullmatch=True)


@given(plain_numbers)
def test_what_the_grammar_admits_is_exact(text: str) -> None:
    """Same digits, whatever the decimal context; minus zero is zero."""
    assert number(text) == Decimal(text)
    assert number(RawNumber(text)) == Decimal(text)
    assert not (number(text) == 0 and number(text).is_signed())


@given(st.integers())
def test_integers_are_bounded(value: int) -> None:
    """Eighteen digits, as texts are."""
    if abs(value) < 10**18:
        assert number(value) == value
    else:
        with pytest.raises(ValueError, match="is out of bounds: at most 18 digits before the point"):
            number(value)


@given(st.text(max_size=70))
def test_any_text_is_a_number_within_bounds_or_refused(text: str) -> None:
    """Never NaN or infinity, never an amount that takes a second to write out."""
    try:
        value = number(text)
    except ValueError as error:
        assert str(error).isprintable()  # noqa: PT017 - a refusal is one of two good ends
        return
    assert value.is_finite()
    assert len(format(value, "f")) <= 18 + 28 + 2


@pytest.mark.parametrize(
    ("sign", "good", "bad"),
    [
        (Sign.ANY, ["-1", "0", "1"], []),
        (Sign.NON_NEGATIVE, ["0", "-0", "0.0", "1"], ["-1", "-0.1"]),
        (Sign.POSITIVE, ["1", "0.0000000000000000000000000001"], ["0", "-0", "0.0", "-1"]),
    ],
)
def test_signs(sign: Sign, good: list[str], bad: list[str]) -> None:
    """Zero is no price; it may be a fee, a size, a balance."""
    assert [number(each, sign) for each in good] == [Decimal(each) for each in good]
    for each in bad:
        with pytest.raises(ValueError, match=f"^{each} is out of bounds: expected {sign.value}$"):
            number(each, sign)


@pytest.mark.parametrize("raw", [1.5, float("nan"), True, None, [], {}, Decimal(1), b"1", object()])
def test_only_text_and_integers_are_read(raw: object) -> None:
    """A binary fraction has already lost its digits; a truth value has none."""
    with pytest.raises(ValueError, match="is not a number: write it as text"):
        number(raw)


HUGE = {
    "ten million digits": "9" * 10_000_000,
    "a million digits by exponent": "1E+999999",
    "a big integer": 10**100_000,
    "a long one that is one": "1" + "0" * 1_000_000 + "e-1000000",
}


@pytest.mark.parametrize("raw", HUGE.values(), ids=HUGE)
def test_huge_numbers_are_refused_at_once(raw: str | int) -> None:
    """Nine characters can stand for a minute of arithmetic, a few megabytes for more."""
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"is not a number|is out of bounds"):
        number(raw)

    assert time.perf_counter() - start < 1


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_any_value_is_shown_in_forty_characters(value: object) -> None:
    """On one line that does nothing to a terminal."""
    text = shown(value)

    assert len(text) <= 40
    assert text.isprintable()
