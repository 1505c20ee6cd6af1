"""What a stress finds of each pool, as a table: `part-00000.stress.parquet` beside the totals."""

from pathlib import Path

import numpy as np
import polars as pl

from crossmargin.errors import InputError
from crossmargin.fleet.pack import Fleet
from crossmargin.fleet.pools import ACCOUNT
from crossmargin.fleet.stress import Stressed
from crossmargin.fleet.stress_prices import currencies

__all__ = ["pool_figures", "pool_name", "write_pool_figures"]


def pool_name(fleet: Fleet, pool: int) -> str:
    """``USDT cross``, the id of an isolated position, or ``account``."""
    at = int(fleet.position[pool])
    if at >= 0:
        return fleet.columns.position(at).id
    return fleet.currencies[int(fleet.currency[pool])] + " cross" if fleet.currency[pool] >= 0 else "account"


def pool_figures(fleet: Fleet, found: Stressed) -> pl.DataFrame:
    """A row for each pool that was stressed.

    Columns: ``account``, ``pool``; ``currency``, that of the margin; ``worst_margin``, equity less requirement in the
    worst scenario; ``liquidated``, in how many scenarios; ``shortfall``, what it lacks summed over them, in USD.
    """
    mine = np.flatnonzero(np.isfinite(found.worst))
    coins = np.array([*fleet.currencies, "USD"])
    code = np.where(fleet.currency == ACCOUNT, len(coins) - 1, currencies(fleet))
    return pl.DataFrame({
        "account": [str(fleet.columns.ids[owner]) for owner in fleet.owner[mine].tolist()],
        "pool": [pool_name(fleet, pool) for pool in mine.tolist()],
        "currency": coins[code[mine]].tolist(),
        "worst_margin": found.worst[mine],
        "liquidated": found.hits[mine],
        "shortfall": found.lost[mine],
    })  # fmt: skip


def write_pool_figures(fleet: Fleet, found: Stressed, folder: Path, part: str) -> None:
    """Write them under the part's own name.

    Raises:
        InputError: the file can't be written.
    """
    file = folder / f"{Path(part).name}.stress.parquet"
    try:
        pool_figures(fleet, found).write_parquet(file, compression="zstd")
    except OSError as error:
        raise InputError(str(file), "", f"can't be written: {error.strerror or error}") from None
