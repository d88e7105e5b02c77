"""Keys of local test networks, derived from their published names. They guard nothing: never fund them elsewhere."""

from __future__ import annotations

from hashlib import sha256

from solders.keypair import Keypair

_PROGRAM_KEY_NAME = b"evertide local test program key, guards nothing"


def program_keypair() -> Keypair:
    """LOCAL TEST KEY of the program's address; the program declares the address as its own."""
    return Keypair.from_seed(sha256(_PROGRAM_KEY_NAME).digest())


def local_keypair(name: str) -> Keypair:
    """LOCAL TEST KEY of a role or trader, the same in every run: `local_keypair("trader 3")`."""
    return Keypair.from_seed(sha256(b"evertide local test key, guards nothing: " + name.encode()).digest())
