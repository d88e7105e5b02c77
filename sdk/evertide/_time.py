"""The one clock of waiting: the event loop's, so that a loop whose time is made up runs everything here."""

from __future__ import annotations

import asyncio


def now_s() -> float:
    """Seconds of the running event loop's clock: monotonic, of no particular origin."""
    return asyncio.get_running_loop().time()
