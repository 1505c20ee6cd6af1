"""Which file prices which instrument: INSTRUMENT=FILE, a folder, or a file whose name or rows say it."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from crossmargin.errors import InputError, MissingDataError
from crossmargin.market.candles import Candles, read_candles
from crossmargin.market.funding import Settlement, read_funding
from crossmargin.market.rows import ENDINGS, Window
from crossmargin.rulebook.model import Rulebook

__all__ = ["candles_from", "funding_from", "instrument_of"]

Series = TypeVar("Series")

_FREQTRADE = re.compile(r"([A-Z0-9]+)_([A-Z0-9]+)_([A-Z0-9]+)-.*")


def candles_from(
    arguments: Sequence[str],
    wanted: Sequence[str],
    rulebook: Rulebook,
    window: Window,
    *,
    option: str = "--candles",
) -> dict[str, Candles]:
    """Candles of every wanted instrument, from what the user gave.

    Args:
        arguments: INSTRUMENT=FILE, FILE or FOLDER, each as often as needed.
        wanted: Instrument ids that need candles.
        rulebook: Knows the instruments.
        window: Bars wanted.
        option: The option that the arguments came with, for messages; in a folder --mark takes the files with
            "mark" in their name, --candles those without.

    Raises:
        InputError: a file that can't be read, or two for one instrument.
        MissingDataError: an instrument without a file.
    """

    def belongs(name: str) -> bool:
        return ("mark" in name) == (option == "--mark") and "funding" not in name

    return _collect(arguments, wanted, rulebook, option, belongs, lambda path: read_candles(path, window))


def funding_from(
    arguments: Sequence[str], wanted: Sequence[str], rulebook: Rulebook
) -> dict[str, tuple[Settlement, ...]]:
    """Recorded funding of every wanted instrument, as `candles_from`; from a folder its "funding" files."""
    return _collect(arguments, wanted, rulebook, "--funding", lambda name: "funding" in name, read_funding)


def instrument_of(path: str, rulebook: Rulebook) -> str | None:
    """The instrument that a file name tells: ``BTCUSDT_1h.csv.gz``, ``BTC_USDT_USDT-1h-futures.feather``."""
    stem = Path(path).name
    for ending in ENDINGS:
        stem = stem.removesuffix(ending)
    freqtrade = _FREQTRADE.fullmatch(stem)
    names = ["{}/{}:{}".format(*freqtrade.groups())] if freqtrade else []
    names += [stem, *stem.split("_"), stem.split("-")[0]]
    return next((found for name in names if (found := _known(name, rulebook))), None)


def _known(name: str, rulebook: Rulebook) -> str | None:
    try:
        return rulebook.instrument(name).id
    except MissingDataError:
        return None


def _collect(
    arguments: Sequence[str], wanted: Sequence[str], rulebook: Rulebook,
    option: str, belongs: Callable[[str], bool], read: Callable[[str], Mapping[str, Series]],
) -> dict[str, Series]:  # fmt: skip
    found: dict[str, Series] = {}
    came_from: dict[str, str] = {}
    for name, path in _pairs(arguments, rulebook, option, belongs):
        if name is not None and name not in wanted:
            continue
        for instrument, series in _named(name, path, read(path), rulebook, option).items():
            if instrument not in wanted:
                continue
            if instrument in found:
                raise InputError(option, instrument, f"both {came_from[instrument]} and {path} hold it: give one")
            found[instrument], came_from[instrument] = series, path
    for instrument in wanted:
        if instrument not in found:
            raise MissingDataError(f"{option}: nothing for {instrument}: give {option} {instrument}=FILE")
    return found


def _pairs(
    arguments: Sequence[str], rulebook: Rulebook, option: str, belongs: Callable[[str], bool]
) -> Iterable[tuple[str | None, str]]:
    """Every file with the instrument that its argument or name tells, None where its rows have to."""
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if equals and not Path(argument).exists():
            instrument = _known(name, rulebook)
            if instrument is None:
                raise InputError(option, name, f"instrument not known to {rulebook.venue}")
            yield instrument, path
        elif Path(argument).is_dir():
            files = sorted(each.as_posix() for each in Path(argument).iterdir() if each.name.endswith(ENDINGS))
            named = [(instrument_of(each, rulebook), each) for each in files if belongs(Path(each).name.lower())]
            yield from ((instrument, each) for instrument, each in named if instrument is not None)
        else:
            yield instrument_of(argument, rulebook), argument


def _named(
    name: str | None, path: str, by_symbol: Mapping[str, Series], rulebook: Rulebook, option: str
) -> dict[str, Series]:
    """Series by instrument id: the name given, or each row's symbol."""
    if set(by_symbol) == {""}:
        if name is None:
            raise InputError(option, path, f"which instrument is it? write {option} INSTRUMENT={path}")
        return {name: by_symbol[""]}
    symbols = {known: each for symbol, each in by_symbol.items() if (known := _known(symbol, rulebook))}
    return symbols if name is None else {each: series for each, series in symbols.items() if each == name}
