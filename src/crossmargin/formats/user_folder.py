"""Where a user's own data lie: the folder of tier tables fetched by `crossmargin venues --update`."""

from pathlib import Path

import platformdirs

__all__ = ["user_tier_folder"]


def user_tier_folder() -> Path:
    """The folder, by the platform's convention; it exists only once something was fetched."""
    return Path(platformdirs.user_data_dir("crossmargin")) / "tiers"
