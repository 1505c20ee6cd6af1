"""python -m crossmargin.engine.simulate: run seeds until the time is over, and say what they reached.

`crossmargin.journal.simulate` runs the same with a journal whose process dies now and then.

The one place below the engine that looks at a clock: to know when to stop. No seed's result depends on it.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from crossmargin.engine.simulate.run import Alone, MakeDoor, Report, run_seed
from crossmargin.engine.simulate.shrink import shrunk, story_of_seed
from crossmargin.engine.simulate.watch import BRANCHES

__all__ = ["main"]

_ENOUGH_SEEDS = 100


def main(arguments: list[str] | None = None, door: MakeDoor = Alone, branches: Sequence[str] = ()) -> int:
    """Run the command line; 0 when nothing broke and, from 100 seeds on, every rare branch fired.

    Args:
        arguments: Words of the command line.
        door: Where commands are given in, instead of an engine alone.
        branches: More that has to fire, by the door's own counts.
    """
    asked = _parser().parse_args(arguments)
    end = time.monotonic() + asked.seconds
    counts: Counter[str] = Counter()
    seeds, commands, events, broken = 0, 0, 0, list[Report]()
    while (seeds < asked.seeds) if asked.seeds else (time.monotonic() < end):
        report = run_seed(asked.seed + seeds, asked.commands, door=door)
        seeds, commands, events = seeds + 1, commands + report.commands, events + report.events
        counts.update(report.counts)
        if report.breach:
            broken.append(report)
            _say(f"seed {report.seed}: {report.breach}")
            _keep(report, Path(asked.out))
    for name in (*BRANCHES, *branches):
        _say(f"{counts[name]:>9}  {name}")
    never = [name for name in (*BRANCHES, *branches) if not counts[name]]
    _say(
        f"seeds {asked.seed} to {asked.seed + seeds - 1}: {commands} commands, {events} events, "
        f"{len(broken)} breaches, {len(never)} branches never fired"
    )
    return 1 if broken or (never and seeds >= _ENOUGH_SEEDS) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py sim", description="Run the seeded random venue.")
    parser.add_argument("--seed", type=int, default=1, help="first seed (1)")
    parser.add_argument("--seconds", type=int, default=60, help="start no further seed after so long (60)")
    parser.add_argument("--seeds", type=int, default=0, help="run exactly so many seeds instead")
    parser.add_argument("--commands", type=int, default=1500, help="commands a seed (1500)")
    parser.add_argument("--out", default=".", help="folder for the shrunk scenario of a seed that broke (.)")
    return parser


def _keep(report: Report, folder: Path) -> None:
    """Shrink what broke to a scenario file, and say where it lies."""
    left = shrunk(report.seed, report.given)
    path = folder.joinpath(f"seed-{report.seed}.scenario")
    path.write_text(story_of_seed(report.seed, left, report.breach), encoding="utf-8")
    _say(f"seed {report.seed}: {len(report.given)} commands shrunk to {len(left)}: {path}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
