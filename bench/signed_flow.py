"""Signed orders as they come from traders: lines of JSON with their time of arrival, a few of them to be refused."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from enum import Enum

from solders.keypair import Keypair
from solders.pubkey import Pubkey

from evertide import SignedOrder, SignedTerms, TimeInForce, sign_order

from .accounts import NOW_MS

GENESIS_HASH = bytes(range(32))
INDEX_TICKS, REACH_TICKS, LOTS_MAX = 1_000, 20, 10
BAD_EVERY = 100
"""One order in so many is not to be accepted, of each `Fault` in turn."""
POOR = 0
"""The trader who has no money: what he sends fails the margin check."""


class Fault(Enum):
    """What is wrong with an order."""

    SIGNATURE = "signature"
    DOMAIN = "domain"
    WINDOW = "window"
    NONCE = "nonce"
    SIGNER = "signer"
    MARGIN = "margin"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One line of JSON and when it arrives, nanoseconds after the first."""

    at_ns: int
    text: str
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class Trader:
    """An owner with one sub-account."""

    key: Keypair
    authority: Pubkey
    user: Pubkey


def traders(count: int) -> list[Trader]:
    """Owners, the same ones each time."""
    found = []
    for number in range(count):
        key = Keypair.from_seed(number.to_bytes(32, "big"))
        found.append(Trader(key, key.pubkey(), Pubkey.from_bytes((number + 1).to_bytes(32, "big"))))
    return found


class Flow:
    """Draws orders: half of them rest, half of them take and end at once, so that the book keeps its size."""

    def __init__(self, known: list[Trader], per_s: int) -> None:
        self.known, self.per_s = known, per_s
        self.random = random.Random(11)
        self.last: SignedOrder | None = None
        self.bad = 0

    def terms(self, nonce_ms: int) -> SignedTerms:
        """An order at chain time `nonce_ms`."""
        ask, takes = bool(self.random.getrandbits(1)), bool(self.random.getrandbits(1))
        away = self.random.randint(1, REACH_TICKS)
        above = ask != takes
        return SignedTerms(
            nonce_ms=nonce_ms,
            market_index=0,
            ask=ask,
            size_lots=self.random.randint(1, LOTS_MAX),
            price_ticks=INDEX_TICKS + away if above else INDEX_TICKS - away,
            window_s=60,
            time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL if takes else TimeInForce.GOOD_TILL_CANCELLED,
        )

    def arrivals(self, count: int) -> list[Arrival]:
        """So many orders, evenly spaced."""
        return [self._arrival(number) for number in range(count)]

    def _arrival(self, number: int) -> Arrival:
        at_ns = number * 1_000_000_000 // self.per_s
        nonce_ms = NOW_MS + at_ns // 1_000_000
        trader = self.known[1 + number % (len(self.known) - 1)]
        terms = self.terms(nonce_ms)
        if number % BAD_EVERY == BAD_EVERY - 1 and self.last is not None:
            faults = list(Fault)
            fault = faults[self.bad % len(faults)]
            self.bad += 1
            return Arrival(at_ns, self.spoilt(fault, trader, terms).to_json(), fault)
        signed = self.signed(trader, terms)
        self.last = signed
        return Arrival(at_ns, signed.to_json(), None)

    def signed(self, trader: Trader, terms: SignedTerms, genesis_hash: bytes = GENESIS_HASH) -> SignedOrder:
        """An order by its owner."""
        return sign_order(terms, user=trader.user, signer=trader.key, genesis_hash=genesis_hash)

    def spoilt(self, fault: Fault, trader: Trader, terms: SignedTerms) -> SignedOrder:
        """An order that must be refused."""
        if fault is Fault.NONCE:
            assert self.last is not None, "one went before"
            return self.last
        if fault is Fault.DOMAIN:
            return self.signed(trader, terms, bytes(32))
        if fault is Fault.WINDOW:
            return self.signed(trader, replace(terms, nonce_ms=terms.nonce_ms - 61_000))
        if fault is Fault.SIGNER:
            return self.signed(replace(trader, user=self.known[POOR].user), terms)
        if fault is Fault.MARGIN:
            return self.signed(self.known[POOR], replace(terms, time_in_force=TimeInForce.GOOD_TILL_CANCELLED))
        good = self.signed(trader, terms)
        return replace(good, signature=good.signature[:-1] + bytes([good.signature[-1] ^ 1]))
