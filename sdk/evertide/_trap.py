"""Makes Pubkey picklable. Imported wherever Pubkey enters the SDK.

solders 0.25 to 0.27 dropped pickling; `dataclasses.asdict`, deep copies, multiprocessing and anchorpy's encoder
all need it, and fail with `TypeError: cannot pickle 'solders.pubkey.Pubkey'` without this.
"""

from __future__ import annotations

import copyreg
from typing import Any

from solders.pubkey import Pubkey


def _reduce(address: Pubkey) -> tuple[Any, ...]:
    return Pubkey.from_bytes, (bytes(address),)


copyreg.pickle(Pubkey, _reduce)
