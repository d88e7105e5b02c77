"""Files with transactions that others are to sign."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

from evertide_cli.errors import UsageProblem

if TYPE_CHECKING:
    from evertide import UnsignedTransaction

FILE_BYTES_MAX = 1 << 20


def read_transaction(file: Path) -> UnsignedTransaction | bytes:
    """An exported file, or the bytes of a transaction in base64. Raises UsageProblem or the SDK's `UsageError`."""
    from evertide import UnsignedTransaction

    try:
        if file.stat().st_size > FILE_BYTES_MAX:
            raise UsageProblem(f"{file} is no exported transaction: {file.stat().st_size} bytes", path=file)
        text = file.read_text().strip()
    except OSError as error:
        raise UsageProblem(f"cannot read {file}: {error.strerror}", path=file) from None
    except UnicodeDecodeError:
        raise UsageProblem(f"{file} is no exported transaction: not text", path=file) from None
    if text.startswith("{"):
        return UnsignedTransaction.from_json(text)
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise UsageProblem(f"{file} is no exported transaction: neither its JSON nor base64", path=file) from None
