"""Every error of the SDK, and one class per error of the program. The tree is drawn in `evertide._errors`."""

from __future__ import annotations

from evertide._errors import *  # noqa: F403
from evertide._generated.errors import *  # noqa: F403
from evertide._generated.errors import BY_CODE as BY_CODE
