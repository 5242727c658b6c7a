"""The user's own folders: what platformdirs would say, on Linux mostly without loading it at every start."""

import os
import sys
from typing import Literal

_HOMES = {"config": ("XDG_CONFIG_HOME", ".config"), "state": ("XDG_STATE_HOME", ".local/state")}


def user_folder(kind: Literal["config", "state"]) -> str:
    """Return the folder for lgrun's configuration or state, whether or not it is there."""
    if sys.platform.startswith("linux"):
        variable, usual = _HOMES[kind]
        named, home = os.environ.get(variable, ""), os.environ.get("HOME", "")
        if named.startswith("/") and named == named.strip():
            return os.path.join(named, "lgrun")
        if not named.strip() and home.startswith("/"):
            return os.path.join(os.path.expanduser("~"), usual, "lgrun")
    # Anything else is read in another way by each of its versions.
    import platformdirs

    return platformdirs.user_config_dir("lgrun") if kind == "config" else platformdirs.user_state_dir("lgrun")
