"""Packages that only some features need: missing, they are one line that says what to install."""

import importlib.util

from unstuck.errors import ExtraError


def need(extra: str, *modules: str) -> None:
    """`ExtraError` unless all these modules of an extra are installed."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise ExtraError(f"{', '.join(missing)} must be installed for this. Type: pip install 'unstuck[{extra}]'")
