"""The page says what the server does."""

from tests.server.exchange_page import PAGE, with_tables

from crossmargin.domain.refusal import RejectReason
from crossmargin.server.okx.answers import CODES


def test_the_page_has_every_endpoint_and_every_code() -> None:
    """Its tables are those made from the routes and from the codes."""
    text = PAGE.read_text(encoding="utf-8")

    assert with_tables(text) == text


def test_every_refusal_has_a_code() -> None:
    """No reason of the engine leaves a client without an answer."""
    assert set(CODES) == set(RejectReason)
