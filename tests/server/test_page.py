"""The page: what it shows is what the venue says, it works under a strict policy, and nothing of a user's is markup."""

import re
from decimal import Decimal
from html.parser import HTMLParser
from importlib import resources
from itertools import product
from typing import Any

import pytest
from msgspec import structs
from tests.server.inside import SWAP, Inside, payment

from crossmargin.domain import command as c
from crossmargin.domain.account import OrderSide
from crossmargin.errors import InputError
from crossmargin.server.application import application
from crossmargin.server.keys import NewKey
from crossmargin.server.page.gauge import TICKS, place
from crossmargin.server.page.view import Shown

STATIC = resources.files("crossmargin.server.page").joinpath("static")


class Page(HTMLParser):
    """A page taken apart.

    Attributes:
        tags: Each start tag with its attributes, in order.
        cells: Texts of table cells, those that name columns apart.
        text: All text.
    """

    def __init__(self, html: str) -> None:
        """Parse it."""
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.cells: list[str] = []
        self.text = ""
        self._open = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        self._open = tag == "td" or given.get("scope") == "row"
        if self._open:
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        """Cells end."""
        self._open = False

    def handle_data(self, data: str) -> None:
        """Collect text."""
        self.text += data
        if self._open:
            self.cells[-1] += data

    def all(self, tag: str) -> list[dict[str, str]]:
        """Attributes of every element of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]


def shown(inside: Inside, account: str = "ann", **given: str) -> NewKey:
    """Show an account, which has a key, on the page."""
    key = inside.account(account)
    facts = {"market": "generated:7", "account": account, "key": key.key, **given}
    inside.app = application(inside.exchange, driven=False, shown=Shown(**facts))
    return key


def page(inside: Inside) -> Page:
    """The page as it is now."""
    return Page(inside.send("GET", "/").raw.decode())


def content(inside: Inside) -> Any:  # noqa: ANN401 - JSON of any shape
    """What the script asks for."""
    return inside.send("GET", "/api/page").body


# ---------------------------------------------------------------- what it shows


def test_figures_are_those_of_the_venue(fresh: Inside) -> None:
    """Ratio, equity, position, mark, liquidation price and an open order of the account."""
    key = shown(fresh)
    fresh.post(key, "account/set-leverage", {"instId": SWAP, "lever": "10", "mgnMode": "cross"})
    fresh.place(key, ordType="market", sz="50")
    fresh.place(key, clOrdId="mine1")

    found = content(fresh)

    assessment = fresh.exchange.venue.assessment("ann")
    (position,) = found["tables"]["positions"]
    assert [cell[0] for cell in position[:4]] == [SWAP, "long", "cross 10x", "50"]
    assert Decimal(position[5][2]) == fresh.mark()
    risk = fresh.send("GET", "/api/risk/assess", key).body["positions"][0]
    assert position[7][2] == risk["liquidation_price"]
    assert position[9][0].endswith("% below")
    assert Decimal(found["gauge"]["exact"]) == assessment.currencies["USDT"].margin_ratio
    assert Decimal(found["tables"]["currencies"][0][1][2]) == assessment.currencies["USDT"].equity
    assert found["tables"]["orders"][0][7][0] == "mine1"
    assert [row[1][0] for row in found["tables"]["events"]] == ["fill", "deposit"]


def test_page_and_script_show_the_same(fresh: Inside) -> None:
    """Every cell of the JSON stands in the page, in order."""
    key = shown(fresh)
    fresh.place(key, ordType="market", sz="1")
    fresh.place(key)

    found, tables = page(fresh), content(fresh)["tables"]

    order = [attributes["data-table"] for attributes in found.all("table")]
    assert sorted(order) == sorted(tables)
    assert found.cells == [cell[0] for name in order for row in tables[name] for cell in row]


def test_a_liquidation_is_shown_and_its_end_above_its_start(fresh: Inside) -> None:
    """Nine times the money, and a fall by half: the newest event is told first."""
    key = shown(fresh)
    fresh.post(key, "account/set-leverage", {"instId": SWAP, "lever": "10", "mgnMode": "cross"})
    fresh.place(key, ordType="market", sz="90")
    venue, market = fresh.exchange.venue, fresh.exchange.market
    venue.run(market.move(SWAP, fresh.mark() // 2, venue.now(), venue.state))

    found = content(fresh)

    kinds = [row[1][0] for row in found["tables"]["events"]]
    assert kinds.index("liquidation ended") < kinds.index("liquidation started") < kinds.index("deposit")
    assert found["tables"]["positions"] == []
    assert found["gauge"]["status"] == "none"


def test_what_happened_at_one_instant_stands_in_its_order(fresh: Inside) -> None:
    """Money, a fill, money, a fill, while the clock stands still: each above what came before it."""
    key = shown(fresh)
    fresh.place(key, ordType="market", sz="1")
    fresh.exchange.venue.run([payment("ann", "77", fresh.clock())])
    fresh.place(key, ordType="market", sz="2")

    rows = [(row[1][0], row[2][0]) for row in content(fresh)["tables"]["events"]]

    assert [kind for kind, _ in rows] == ["fill", "deposit", "fill", "deposit"]
    assert [words.split()[1] for _, words in rows] == ["2", "USDT,", "1", "USDT,"]


def test_content_is_made_once_for_each_state(fresh: Inside) -> None:
    """However many look: the next record makes it anew."""
    key = shown(fresh)
    first, again = content(fresh), content(fresh)
    fresh.place(key)

    assert first == again
    assert content(fresh)["tables"]["orders"] != first["tables"]["orders"]


def test_a_venue_that_stopped_says_so(fresh: Inside) -> None:
    """The page stays, and its state is told."""
    shown(fresh)
    fresh.exchange.venue.stop(RuntimeError("disk"))

    assert content(fresh)["texts"]["health"].startswith("stopped")


def test_without_a_demo_account_the_market_stands_alone(fresh: Inside) -> None:
    """No account of anybody's is shown, and the page says how to make one."""
    fresh.account("ann")
    found = page(fresh)

    assert "crossmargin keys create" in found.text
    assert [attributes["data-table"] for attributes in found.all("table")] == ["instruments"]
    assert "gauge" not in content(fresh)
    assert "ann" not in {*found.cells}


@pytest.mark.parametrize(("ratio", "x"), [("0.5", 0), ("-3", 0), ("100", 1000), ("5000", 1000)])
def test_the_scale_ends_at_both_ends(ratio: str, x: int) -> None:
    """50 % is the left end, 10,000 % the right one."""
    assert place(Decimal(ratio)) == x


def test_the_scale_is_logarithmic() -> None:
    """ln(100 % / 50 %) / ln(10,000 % / 50 %) = 0.6931 / 5.2983 = 0.1308; 300 %: 1.7918 / 5.2983 = 0.3381."""
    assert TICKS[:2] == ((130, "100 %"), (338, "300 %"))


# ---------------------------------------------------------------- how it is made


def test_structure(fresh: Inside) -> None:
    """Landmarks, one first heading, names of tables and columns, a header in each row, a named meter."""
    key = shown(fresh)
    fresh.place(key, ordType="market", sz="1")
    found = page(fresh)

    assert [len(found.all(tag)) for tag in ("header", "main", "footer", "h1")] == [1, 1, 1, 1]
    assert found.all("html")[0]["lang"] == "en"
    assert len(found.all("caption")) == len(found.all("table")) == 5
    assert {attributes.get("scope") for attributes in found.all("th")} == {"col", "row"}
    rows = sum(1 for attributes in found.all("th") if attributes["scope"] == "row")
    assert rows == sum(len(each) for each in content(fresh)["tables"].values())
    (meter,) = [attributes for _, attributes in found.tags if attributes.get("role") == "meter"]
    assert meter["aria-label"] == "Margin ratio"
    assert meter["aria-valuetext"].endswith("%")
    named = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(named) == len(set(named))
    pointed = [attributes["aria-labelledby"] for _, attributes in found.tags if "aria-labelledby" in attributes]
    assert set(pointed) <= set(named)


def test_it_keeps_to_the_policy(fresh: Inside) -> None:
    """No script or style within the page, no handler, nothing from elsewhere; the header says the same."""
    shown(fresh)
    answer = fresh.send("GET", "/")
    found = Page(answer.raw.decode())

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert [attributes["src"] for attributes in found.all("script")] == ["/static/page.js"]
    assert found.all("style") == []
    for _, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("href", "src", "action"):
            assert re.match(r"/(?!/)", attributes.get(name, "/"))


def test_files_ask_for_nothing_from_elsewhere(fresh: Inside) -> None:
    """Served with their types, without addresses, without turning text into markup or code."""
    for name, kind in (("page.js", "text/javascript"), ("page.css", "text/css"), ("icon.svg", "image/svg+xml")):
        answer = fresh.send("GET", f"/static/{name}")
        assert answer.headers["content-type"].startswith(kind)
        text = answer.raw.decode().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|//[a-z]+\.|url\(|@import|innerHTML|insertAdjacent|document\.write|eval\(", text)
    assert fresh.send("GET", "/static/../page.html").status == 404
    assert fresh.send("GET", "/static/view.py").status == 404


def test_no_secret_stands_in_it(fresh: Inside) -> None:
    """The key may be shown, its secret and passphrase and the admin token never."""
    key = shown(fresh)
    for path in ("/", "/api/page"):
        text = fresh.send("GET", path).raw.decode()
        for secret in (key.secret, key.passphrase, fresh.exchange.admin_token):
            assert secret not in text
    assert key.key in page(fresh).text


EVIL = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</td></table><iframe src=javascript:alert(1)>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;",
    "</code></pre><a href=//evil.example>",
]


@pytest.mark.parametrize("evil", EVIL)
def test_what_users_write_is_text(fresh: Inside, evil: str) -> None:
    """The engine takes no such client id; were one kept nevertheless, it would be escaped, as all that is shown."""
    key = shown(fresh)
    fresh.place(key, clOrdId="plain1")
    plain = page(fresh)
    mine = fresh.exchange.venue.history.live["ann"]
    order = c.PlaceOrder(
        account="ann", instrument=SWAP, side=OrderSide.BUY, contracts=Decimal(1), client_id=evil, time=fresh.clock()
    )
    with pytest.raises(InputError):
        fresh.exchange.venue.run([order])
    mine.update({number: structs.replace(record, client_id=evil) for number, record in mine.items()})
    fresh.app = application(fresh.exchange, driven=False, shown=Shown(market=evil, account="ann", key=evil))

    found = page(fresh)

    assert found.text.count(evil) == 3
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in plain.tags]
    assert [[*given] for _, given in found.tags] == [[*given] for _, given in plain.tags]
    assert content(fresh)["tables"]["orders"][0][7][0] == evil


# ---------------------------------------------------------------- whether it can be read


def colours(block: str) -> dict[str, str]:
    """Custom properties of a block of the style sheet."""
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(scheme: str) -> None:
    """Every colour of text has a contrast of at least 4.5 on both grounds (WCAG 2.2, 1.4.3)."""
    light, dark = STATIC.joinpath("page.css").read_text("utf-8").split("@media (prefers-color-scheme: dark)")
    found = colours(light if scheme == "light" else dark)
    inks = ("ink", "quiet", "link", "safe", "warning", "liquidation")
    for ink, ground in product(inks, ("paper", "raised")):
        bright, dim = sorted((luminance(found[ink]), luminance(found[ground])), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= 4.5, (ink, ground)
