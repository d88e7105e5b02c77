"""What must never be written down: keys, and the parts of addresses that hold them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote, urlsplit

from solders.keypair import Keypair

SEGMENT_MIN = 12
"""Shorter parts of a path are words like `mainnet`."""


def of_url(url: str) -> list[str]:
    """The secrets that an address may hold: user and password, path, query, its own whole text behind the host."""
    parts = urlsplit(url)
    behind = url.split(parts.netloc, 1)[-1] if parts.netloc else ""
    found = [parts.username, parts.password, parts.path.strip("/"), parts.query, parts.fragment, behind.strip("/")]
    found += [value for _, value in parse_qsl(parts.query)]
    found += [part for part in parts.path.split("/") if len(part) >= SEGMENT_MIN]
    named = [one for one in found if one]
    return [*named, *(unquote(one) for one in named)]


def of_key(key: Keypair) -> list[str]:
    """A secret key in every form in which it is usually written."""
    whole = bytes(key)
    parts = [list(part) for part in (whole, whole[:32])]
    lists = [json.dumps(part, separators=signs) for part in parts for signs in (None, (",", ":"))]
    return [str(key), whole.hex(), whole[:32].hex(), *lists]


def collect(urls: Iterable[str], keys: Iterable[Keypair]) -> list[str]:
    """All of them."""
    return [*(one for url in urls for one in of_url(url)), *(one for key in keys for one in of_key(key))]
