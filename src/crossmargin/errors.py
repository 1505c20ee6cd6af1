"""Every exception that crossmargin raises on purpose.

    CrossMarginError                 anything below; the CLI prints it as one line and exits with 1
    |-- InputError                   a file or request that is malformed: names source, field and problem
    |-- RulebookError                a rulebook file that says something impossible: file, key, problem
    |-- MissingDataError             a price, rate, tier or instrument that the calculation needs and nobody gave
    |-- UnsupportedError             a rule that we have no source for, under the venue and mode asked for
    |-- JournalError                 a journal that is damaged, of another form, or held by another writer
    `-- PrecisionError               numbers so long that a figure would need more than 60 digits

A refusal by a venue's rules (an order without margin, a withdrawal too large) is never an exception: it is a
value, `crossmargin.domain.refusal.Refusal`.
"""


class CrossMarginError(Exception):
    """The common ancestor: catch this to catch everything that is not a bug."""


class InputError(CrossMarginError):
    """Input that cannot be read: wrong shape, wrong number, contradiction.

    Attributes:
        source: File name, or what stands for it ("--changes", "request").
        field: Path inside the source, for example ``positions[0].entry_price``.
        problem: What is wrong, with the offending value and what would be right.
    """

    def __init__(self, source: str, field: str, problem: str) -> None:
        """Join the three parts into the one line that a user reads."""
        super().__init__(": ".join(part for part in (source, field, problem) if part))
        self.source, self.field, self.problem = source, field, problem


class RulebookError(CrossMarginError):
    """A rulebook file says something impossible."""

    def __init__(self, file: str, key: str, problem: str) -> None:
        """Join file, key and problem into one line."""
        super().__init__(f"{file}: {key}: {problem}")
        self.file, self.key, self.problem = file, key, problem


class MissingDataError(CrossMarginError):
    """A mark, index, rate, tier or instrument that the figure needs was not given."""


class UnsupportedError(CrossMarginError):
    """The rulebook has no sourced rule for what was asked."""


class PrecisionError(CrossMarginError):
    """Exact arithmetic would need more digits than the 60 that we keep."""


class JournalError(CrossMarginError):
    """A journal that cannot be trusted or opened: nothing is served from it.

    Attributes:
        place: File, and where known the record.
        problem: What is wrong.
    """

    def __init__(self, place: str, problem: str) -> None:
        """Join place and problem into one line."""
        super().__init__(f"{place}: {problem}")
        self.place, self.problem = place, problem
