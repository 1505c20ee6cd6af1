"""Kernels kept on disk are those of the sources: numba looks at a kernel's own file only, not at what it inlines."""

from pathlib import Path

from crossmargin import fleet

SOURCES = Path(fleet.__file__).parent


def pytest_configure() -> None:
    """Forget kernels that are older than the newest source."""
    newest = max(each.stat().st_mtime for each in SOURCES.glob("*.py"))
    for kept in SOURCES.glob("__pycache__/*.nb[ci]"):
        if kept.stat().st_mtime < newest:
            kept.unlink(missing_ok=True)
