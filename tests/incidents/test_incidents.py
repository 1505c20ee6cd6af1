"""Incidents: what must hold in each of them, and the page that tells their figures.

Run as a program, this file writes the figures of docs/incidents.md again.
"""

import re
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from crossmargin.cli.main import app
from crossmargin.errors import InputError
from crossmargin.incidents import named_incidents, read_incident, run
from crossmargin.incidents.crowd import draw
from crossmargin.incidents.feed import Feed
from crossmargin.incidents.frames import Frame, frames
from crossmargin.incidents.model import Doubt, Fault, share_at
from crossmargin.incidents.report import FIGURES
from crossmargin.incidents.run import Play
from crossmargin.prices.health import Health

D = Decimal
PAGE = Path(__file__).resolve().parents[2] / "docs" / "incidents.md"
COMPARED = (
    "liquidations",
    "wrong_liquidations",
    "adl_usd",
    "haircut_usd",
    "victims_made_worse",
    "orders_on_false_prices",
)


@pytest.mark.parametrize("name", named_incidents())
def test_every_check_of_an_incident_holds(name: str) -> None:
    """A crowd of fifty: the file's own checks, and every invariant on the way."""
    page = run(read_incident(name), accounts=50)
    assert [each for each in page.checks if not each.holds] == []
    assert page.figures["liquidations"] > 0
    assert page.figures["orders_refused"] == 0


def test_the_same_seed_is_the_same_incident() -> None:
    """State hash and figures; another seed draws another crowd."""
    first, again, other = (run(read_incident("jelly"), accounts=30, seed=seed) for seed in (4, 4, 5))
    assert first == again
    assert first.state != other.state


def test_who_believes_the_own_book_liquidates_the_wrong_people() -> None:
    """10 October 2025: with the index as mark nobody is liquidated wrongly, with the own book's price some are."""
    incident = read_incident("october-2025")
    judged, trusting = run(incident, accounts=150), run(incident, accounts=150, trusting=True)
    assert judged.figures["wrong_liquidations"] == 0
    assert trusting.figures["wrong_liquidations"] > 0
    assert not trusting.holds


def test_who_believes_a_floor_lets_people_open_against_it() -> None:
    """May 2022: two orders at 0.107, where the coin is worth a thousandth of it."""
    incident = read_incident("luna")
    assert run(incident, accounts=20).figures["orders_on_false_prices"] == 0
    assert run(incident, accounts=20, trusting=True).figures["orders_on_false_prices"] == 2


def frame(minute: int, price: str, own: str = "") -> Frame:
    """One coin at a minute."""
    return Frame(D(minute), D(1), {"X": D(price)}, {"X": D(own or price)})


def test_a_silent_feed_freezes_and_a_floor_is_suspect() -> None:
    """No source: frozen, the last mark stays; then doubt for an hour. Five minutes at the floor: suspect."""
    faults = (Fault(coin="X", kind="silent", start=2, end=4), Fault(coin="X", kind="floor", value=D("0.5")))  # type: ignore[arg-type]
    feed = Feed(Doubt(jump=D(10), resume=D(60)), faults, trusting=False)  # type: ignore[arg-type]
    said = {minute: feed.say("X", frame(minute, price)) for minute, price in ((0, "2"), (2, "2"), (3, "9"), (4, "2"))}
    assert [each.health for each in said.values()] == [Health.HEALTHY, Health.FROZEN, Health.FROZEN, Health.SUSPECT]
    assert said[3].price == 2
    assert feed.say("X", frame(63, "2")).health is Health.SUSPECT
    assert feed.say("X", frame(64, "2")).health is Health.HEALTHY
    later = [feed.say("X", frame(minute, "0.1")) for minute in (70, 75, 76)]
    assert [each.health for each in later] == [Health.HEALTHY, Health.HEALTHY, Health.SUSPECT]
    assert {each.price for each in later} == {D("0.5")}


def test_the_own_book_moves_the_mark_by_the_distance_at_most() -> None:
    """Own book 0.001, elsewhere 2: the mark is 1.96 at a distance of 2 %, and 0.001 for who trusts it."""
    assert Feed(Doubt(), (), trusting=False).say("X", frame(0, "2", "0.001")).price == D("1.96")
    assert Feed(Doubt(), (), trusting=True).say("X", frame(0, "2", "0.001")).price == D("0.001")


def test_frames_show_the_worst_price_of_a_step() -> None:
    """The low of 10 October, at minute 30.5, lies inside a step and is shown; the path ends at its last level."""
    shown = list(frames(read_incident("october-2025"), 1))
    assert min(each.prices["SUI"] for each in shown) <= D("0.56")
    assert min(each.own["ATOM"] for each in shown) == D("0.001")
    assert [each.minute for each in shown] == sorted({each.minute for each in shown})
    assert shown[-1].minute == 190


def test_shares_lie_on_straight_lines() -> None:
    """Half way between two points, and level after the last."""
    points = ((0, D(1)), (10, D("0.5")))
    assert [share_at(points, D(minute)) for minute in (0, 5, 10, 99)] == [1, D("0.75"), D("0.5"), D("0.5")]  # type: ignore[arg-type]


def test_the_crowd_is_what_the_file_says() -> None:
    """Of 400 accounts 70 % are long, 20 % hedged with another coin; leverage and value within their bounds."""
    incident = read_incident("may-2021")
    play = Play(incident, 1, 1, trusting=False)
    play.show(next(frames(incident, 1)))
    legs = draw(incident.crowds[0], 400, "s", play.engine.state)
    firsts = list({leg.account: leg for leg in reversed(legs)}.values())
    assert 0.6 < sum(leg.contracts > 0 for leg in firsts) / len(firsts) < 0.8
    assert 0.13 < (len(legs) - len(firsts)) / len(firsts) < 0.27
    assert all(1 <= leg.leverage <= 50 and leg.value <= 100_000 for leg in legs)
    hedged = {leg.account for leg in legs if leg not in firsts}
    assert all(
        sum(leg.contracts.copy_sign(1) != leg.contracts for leg in legs if leg.account == each) == 1 for each in hedged
    )


def test_the_command_line_plays_an_incident(tmp_path: Path) -> None:
    """`scenario incidents` lists, `scenario incident` prints the page or JSON; status 1 when a check fails."""
    listed = CliRunner().invoke(app, ["scenario", "incidents"]).output
    assert [line.split()[0] for line in listed.splitlines()] == list(named_incidents())
    told = CliRunner().invoke(app, ["scenario", "incident", "popcat", "--accounts", "20"])
    assert told.exit_code == 0
    assert told.output.splitlines()[1].startswith("20 accounts, seed 1, ")
    given = CliRunner().invoke(app, ["scenario", "incident", "popcat", "--accounts", "20", "--json"])
    assert list(msgspec.json.decode(given.output)["figures"]) == list(FIGURES)
    source = Path(__file__).resolve().parents[2] / "src/crossmargin/incidents/named/popcat.toml"
    strict = source.read_text("utf-8").replace('at_most = "5000000"', 'at_most = "0"')
    (tmp_path / "strict.toml").write_text(strict, encoding="utf-8")
    assert CliRunner().invoke(app, ["scenario", "incident", str(tmp_path / "strict.toml")]).exit_code == 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("steps = [[0, 1]]", "steps = [[1, 1]]"), "steps: the first pair is"),
        (("[market]", "[markets]"), "markets"),
        (("path = { start", 'path = "nowhere" # { start'), "is not a known path"),
        (("attackers = [", "attackers = 7 #"), "attackers"),
    ],
)
def test_a_wrong_file_says_where(tmp_path: Path, change: tuple[str, str], problem: str) -> None:
    """File, key and what is wrong, in one line."""
    source = Path(__file__).resolve().parents[2] / "src/crossmargin/incidents/named/popcat.toml"
    path = tmp_path / "mine.toml"
    path.write_text(source.read_text("utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(InputError, match=problem):
        read_incident(str(path))
    with pytest.raises(InputError, match=r"'nothing' is none of okex-2018, black-thursday, .*, and no \.toml file"):
        read_incident("nothing")


@pytest.mark.slow
def test_pumping_pays_next_to_nothing_under_any_seed() -> None:
    """S3a: 420 million on paper; in twenty crowds the attackers keep less than a thousandth of it."""
    found = [
        run(read_incident("mango"), accounts=60, seed=seed).figures["attackers_profit_usd"] for seed in range(1, 21)
    ]
    assert max(found) < 420_000


@pytest.mark.slow
def test_the_backstop_loses_what_it_has_at_most() -> None:
    """S5b and S5c under ten seeds: a fund's loss never exceeds what was paid in."""
    for name in ("jelly", "popcat"):
        for seed in range(1, 11):
            figures = run(read_incident(name), accounts=60, seed=seed).figures
            assert figures["insurance_used_usd"] <= figures["fund_usd"], (name, seed)


# ---------------------------------------------------------------- the page


def section(name: str) -> str:
    """An incident as the page tells it: its own words, in a block."""
    page = run(read_incident(name))
    return f"## `{name}`\n\n```text\n" + "\n".join(line.rstrip() for line in page.lines()) + "\n```\n"


def compared() -> str:
    """The table of judged and trusting runs."""
    rows = [
        "| Figure | " + " | ".join(f"`{name}` | trusting" for name in ("luna", "october-2025")) + " |",
        "|---|---|---|---|---|",
    ]
    pages = [
        run(read_incident(name), trusting=trusting).figures
        for name in ("luna", "october-2025")
        for trusting in (False, True)
    ]
    rows += [
        f"| {FIGURES[each].lstrip('. ')} | " + " | ".join(f"{page[each]:,.0f}" for page in pages) + " |"
        for each in COMPARED
    ]
    return "\n".join(rows)


def test_the_page_names_every_incident() -> None:
    """In the order in which they happened."""
    assert re.findall(r"^## `(.*)`$", PAGE.read_text("utf-8"), re.MULTILINE) == list(named_incidents())


@pytest.mark.slow
@pytest.mark.parametrize("name", named_incidents())
def test_the_page_shows_what_a_run_shows(name: str) -> None:
    """To the letter."""
    assert section(name) in PAGE.read_text("utf-8")


@pytest.mark.slow
def test_the_page_compares_what_runs_show() -> None:
    """To the letter."""
    assert compared() in PAGE.read_text("utf-8")


if __name__ == "__main__":
    text = PAGE.read_text("utf-8")
    head = re.split(r"^## `", text, maxsplit=1, flags=re.MULTILINE)[0].rstrip() + "\n"
    head = re.sub(r"COMPARED|\| Figure \|.*?\n\n", lambda _: compared() + "\n\n", head, count=1, flags=re.DOTALL)
    head = re.sub(r"\n{3,}", "\n\n", head)
    PAGE.write_text(head + "\n" + "\n".join(section(name) for name in named_incidents()), encoding="utf-8")
