"""Scenarios: a story in plain lines that the engine plays. The same text runs in tests, from files and in docs.

    rulebook textbook
    deposit  ann 120 USDT
    leverage ann ETH-USDT-SWAP 20
    trade    ann +2 ben ETH-USDT-SWAP @ 1000
    bid      cat 2 ETH-USDT-SWAP @ 945
    mark     ETH-USDT-SWAP 950                 # whatever follows the sign is a remark
    expect   ann flat

docs/engine.md lists the verbs. A line that fails says which line, what was expected and what was found.
"""

from crossmargin.engine.scenario.play import play, play_lines
from crossmargin.engine.scenario.story import Story

__all__ = ["Story", "play", "play_lines"]
