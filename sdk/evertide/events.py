"""Every event of the program, as frozen dataclasses."""

from __future__ import annotations

from evertide._generated.events import *  # noqa: F403
from evertide._generated.events import ALL as ALL
