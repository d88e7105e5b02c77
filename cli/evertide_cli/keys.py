"""Solana keypair files: 64 numbers of a byte each, as `solana-keygen` writes them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import KeypairProblem

if TYPE_CHECKING:
    from solders.keypair import Keypair

KEYPAIR_BYTES = 64
FILE_BYTES_MAX = 4096


def read_keypair(path: str | Path) -> Keypair:
    """The keypair in a file. Raises KeypairProblem naming the file and the rule; never prints what is in the file."""
    place = Path(path).expanduser()
    try:
        if place.stat().st_size > FILE_BYTES_MAX:
            raise KeypairProblem(
                f"{place} is not a keypair file: {place.stat().st_size} bytes, at most {FILE_BYTES_MAX}", path=place
            )
        content = place.read_text()
    except FileNotFoundError:
        raise KeypairProblem(f"keypair file {place} does not exist", path=place) from None
    except UnicodeDecodeError:
        raise KeypairProblem(f"{place} is not a keypair file: not text", path=place) from None
    except OSError as error:
        raise KeypairProblem(f"cannot read keypair file {place}: {error.strerror}", path=place) from None
    return parse_keypair(content, str(place))


def parse_keypair(content: str, source: str) -> Keypair:
    """The keypair in a text. Raises KeypairProblem."""
    from solders.keypair import Keypair

    try:
        numbers = json.loads(content)
    except (json.JSONDecodeError, RecursionError):
        raise KeypairProblem(f"{source} is not a keypair file: not a JSON list of {KEYPAIR_BYTES} numbers") from None
    if not isinstance(numbers, list):
        raise KeypairProblem(f"{source} is not a keypair file: not a JSON list of {KEYPAIR_BYTES} numbers")
    if len(numbers) != KEYPAIR_BYTES:
        raise KeypairProblem(f"{source} is not a keypair file: {len(numbers)} numbers, must be {KEYPAIR_BYTES}")
    if not all(isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= 255 for number in numbers):
        raise KeypairProblem(f"{source} is not a keypair file: every number must be 0 to 255")
    secret = bytes(numbers)
    keypair = Keypair.from_seed(secret[:32])
    if bytes(keypair.pubkey()) != secret[32:]:
        raise KeypairProblem(f"{source} is not a keypair file: the public half does not belong to the secret half")
    return keypair


def write_keypair(path: Path, keypair: Keypair) -> None:
    """Write a keypair file that only its owner may read; refuses to overwrite."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeypairProblem(f"keypair file {path} exists already and is never overwritten", path=path) from None
    with os.fdopen(handle, "w") as stream:
        json.dump(list(bytes(keypair)), stream)
