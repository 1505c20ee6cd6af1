"""The tables of docs/exchange.md, made from the routes and codes themselves; run this file to write them anew."""

import re
from pathlib import Path

from crossmargin.server.okx.answers import CODES
from crossmargin.server.okx.routes import ROUTES
from crossmargin.server.ws.channels import CHANNELS, Channel

PAGE = Path(__file__).parents[2] / "docs" / "exchange.md"
_NEEDS = {"": "nothing", "read": "read", "trade": "trade", "withdraw": "withdraw"}


def endpoints() -> list[str]:
    """A row for each route."""
    return [f"| {each.method} | `{each.path}` | {_NEEDS[each.scope]} | {_told(each.summary)} |" for each in ROUTES]


def _told(summary: str) -> str:
    """What follows the path in an endpoint's docstring; nothing where the path says it all."""
    rest = summary.partition("``: ")[2] or summary.partition(": ")[2]
    return (rest[:1].upper() + rest[1:]).rstrip(".").replace("``", "`")


def refusals() -> list[str]:
    """A row for each reason."""
    return [f"| `{reason.value}` | `{code}` |" for reason, code in CODES.items()]


def channels() -> list[str]:
    """A row for each channel."""
    subjects = {"instId": "`instId`", "pair": "`instId` (a pair)", "instType": "`instType`", "": ""}
    return [
        f"| `{each.name}` | {each.path} | {_asked(each)} | {subjects[each.subject]} | {each.about} |"
        for each in CHANNELS
    ]


def _asked(channel: Channel) -> str:
    return "login" if channel.private else "nothing"


def with_tables(text: str) -> str:
    """The page with every table as it should be."""
    for heading, rows in (("| Method | Path | Needs | Does |\n|---|---|---|---|\n", endpoints()),
                          ("| Channel | Path | Needs | About | Tells |\n|---|---|---|---|---|\n", channels()),
                          ("| Reason | Code |\n|---|---|\n", refusals())):  # fmt: skip
        before, _, after = text.partition(heading)
        rest = re.sub(r"\A(?:\|.*\n)*", "", after)
        text = before + heading + "".join(f"{row}\n" for row in rows) + rest
    return text


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
