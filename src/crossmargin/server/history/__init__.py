"""What is read back: orders, fills, bills and positions, folded from the journal's records into tables of their own.

The journal is the truth. These tables can be thrown away at any time; the next start folds them again.
"""

from crossmargin.server.history.history import History
from crossmargin.server.history.records import (
    AlgoRecord,
    BillRecord,
    Changes,
    FillRecord,
    OrderRecord,
    PositionRecord,
    PublicTrade,
    Step,
)

__all__ = [
    "AlgoRecord",
    "BillRecord",
    "Changes",
    "FillRecord",
    "History",
    "OrderRecord",
    "PositionRecord",
    "PublicTrade",
    "Step",
]
