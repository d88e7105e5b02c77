"""Orders signed off chain: the 56 bytes that an owner or a delegate signs, and the Ed25519 program's instruction.

A keeper places them with `place_signed_orders`. The message starts with a hash of the layout's version, the cluster's
genesis hash, the program and the sub-account: it means nothing anywhere else. Its nonce is unix time in ms and also the
order's client order id; the program takes each nonce once, at most 5 s ahead of its clock, and the message only until
`window_s` after it.
"""

from __future__ import annotations

import hashlib
import json
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature

from ._errors import UnitOutOfRange, UsageError
from ._generated import constants
from ._generated.accounts import Market
from ._generated.constants import OrderKind, SelfTradeRule, TimeInForce
from ._orders import NewOrder
from ._pda import PROGRAM_ID, to_address

ED25519_PROGRAM_ID = Pubkey.from_string(constants.ED25519_PROGRAM)

_TAG = constants.SIGNED_ORDER_TAG
_PRICE_BYTES = 5
_FIELDS = struct.Struct(f"<{constants.SIGNED_DOMAIN_BYTES}sqQ{_PRICE_BYTES}s{_PRICE_BYTES}sIHHHHBBBBBB")
_FLAG_ASK = 1
_FLAG_REDUCE_ONLY = 2
_OFFSETS = struct.Struct("<7H")
_THIS_INSTRUCTION = 0xFFFF
_KINDS = (OrderKind.LIMIT, OrderKind.MARKET)


class SignedOrderInvalid(UsageError):
    """A signed order that the program would refuse: the rule is in `rule`."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"signed order refused: {rule}")
        self.rule = rule


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTerms:
    """What is signed, in the program's units: ticks, lots, ms and s.

    `life_s`: the order dies that long after its nonce, 0 never. `window_s`: it can be placed until that long after it,
    1 to 300, for a market order 60 at most.
    """

    nonce_ms: int
    market_index: int
    ask: bool
    size_lots: int
    price_ticks: int
    window_s: int
    life_s: int = 0
    auction_start_ticks: int = 0
    max_slippage_bps: int = 0
    builder_fee_tenth_bps: int = 0
    builder_plus_one: int = 0
    taker_phase_s: int = 0
    kind: int = OrderKind.LIMIT
    time_in_force: int = TimeInForce.GOOD_TILL_CANCELLED
    self_trade: int = SelfTradeRule.CANCEL_NEWEST
    reduce_only: bool = False

    def encode(self, domain: bytes) -> bytes:
        """The message's bytes. Raises `UnitOutOfRange` for a number that does not fit."""
        flags = (_FLAG_ASK if self.ask else 0) | (_FLAG_REDUCE_ONLY if self.reduce_only else 0)
        codes = (self.builder_plus_one, self.taker_phase_s, self.kind, self.time_in_force, self.self_trade, flags)
        shorts = (self.window_s, self.market_index, self.max_slippage_bps, self.builder_fee_tenth_bps)
        for name, value, bits in (
            ("nonce_ms", self.nonce_ms, 63),
            ("size_lots", self.size_lots, 64),
            ("life_s", self.life_s, 32),
            *((name, getattr(self, name), 16) for name in _SHORTS),
            *((name, getattr(self, name), 8) for name in _CODES),
        ):
            _require_bits(name, value, bits)
        price, start = (_price(getattr(self, name), name) for name in ("price_ticks", "auction_start_ticks"))
        return _FIELDS.pack(domain, self.nonce_ms, self.size_lots, price, start, self.life_s, *shorts, *codes)


_SHORTS = ("window_s", "market_index", "max_slippage_bps", "builder_fee_tenth_bps")
_CODES = ("builder_plus_one", "taker_phase_s", "kind", "time_in_force", "self_trade")


def _require_bits(name: str, value: int, bits: int) -> None:
    if value < 0:
        raise UnitOutOfRange(name, value, 0, above=False)
    if value >= 1 << bits:
        raise UnitOutOfRange(name, value, (1 << bits) - 1, above=True)


def _price(value: int, name: str) -> bytes:
    _require_bits(name, value, 8 * _PRICE_BYTES)
    return value.to_bytes(_PRICE_BYTES, "little")


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """A message with its signature, for the sub-account `user`."""

    user: Pubkey
    signer: Pubkey
    message: bytes
    signature: bytes

    @property
    def terms(self) -> SignedTerms:
        """What the message says. Raises `SignedOrderInvalid` when it says nothing."""
        if len(self.message) != constants.SIGNED_ORDER_BYTES:
            raise SignedOrderInvalid(f"{len(self.message)} bytes instead of {constants.SIGNED_ORDER_BYTES}")
        _, nonce_ms, size_lots, price, start, life_s, *rest = _FIELDS.unpack(self.message)
        shorts, codes, flags = rest[:4], rest[4:9], rest[9]
        if flags & ~(_FLAG_ASK | _FLAG_REDUCE_ONLY):
            raise SignedOrderInvalid(f"flags {flags} hold a bit that means nothing")
        return SignedTerms(
            nonce_ms=nonce_ms,
            size_lots=size_lots,
            price_ticks=int.from_bytes(price, "little"),
            auction_start_ticks=int.from_bytes(start, "little"),
            life_s=life_s,
            ask=bool(flags & _FLAG_ASK),
            reduce_only=bool(flags & _FLAG_REDUCE_ONLY),
            **dict(zip(_SHORTS, shorts, strict=True)),
            **dict(zip(_CODES, codes, strict=True)),
        )

    def to_json(self) -> str:
        """One line of JSON: addresses in base58, bytes in hexadecimal."""
        texts = {"user": str(self.user), "signer": str(self.signer)}
        return json.dumps({**texts, "message": self.message.hex(), "signature": self.signature.hex()})

    @classmethod
    def from_json(cls, text: str) -> SignedOrder:
        """The order of such a line; its signature is not looked at. Raises `SignedOrderInvalid`."""
        try:
            fields = json.loads(text)
            message, signature = (bytes.fromhex(fields[name]) for name in ("message", "signature"))
            user, signer = (to_address(fields[name]) for name in ("user", "signer"))
        except (ValueError, KeyError, TypeError) as error:
            raise SignedOrderInvalid(f"not the JSON of a signed order: {error}") from None
        return cls(user, signer, message, signature)


def signed_order_domain(user: Pubkey, genesis_hash: bytes, program_id: Pubkey = PROGRAM_ID) -> bytes:
    """First 12 bytes of every message for an account: of sha256(tag and version, genesis hash, program, user)."""
    if len(genesis_hash) != 32:
        raise UsageError(f"a genesis hash of {len(genesis_hash)} bytes is not one of 32")
    parts = _TAG + genesis_hash + bytes(program_id) + bytes(user)
    return hashlib.sha256(parts).digest()[: constants.SIGNED_DOMAIN_BYTES]


def signed_terms(order: NewOrder, market: Market, *, window_s: int = 60, nonce_ms: int | None = None) -> SignedTerms:
    """The terms of an order for people. `nonce_ms` None: now by this machine's clock.

    An order's `expiry_ms` becomes whole seconds from the nonce, rounded down. Raises `SignedOrderInvalid` for what a
    message cannot say, `UnitError` off the tick or the lot.
    """
    nonce = time.time_ns() // 1_000_000 if nonce_ms is None else nonce_ms
    args = order.to_args(market)
    if args.kind not in _KINDS:
        raise SignedOrderInvalid("only limit and market orders can be signed off chain")
    if args.kind == OrderKind.MARKET and args.price_ticks == 0:
        raise SignedOrderInvalid("a market order must name its worst price")
    life_s = 0 if args.expiry_ms == 0 else (args.expiry_ms - nonce) // 1_000
    if args.expiry_ms != 0 and life_s <= 0:
        raise SignedOrderInvalid("its expiry lies before its nonce")
    return SignedTerms(
        nonce_ms=nonce,
        market_index=args.market_index,
        ask=args.ask,
        size_lots=args.size_lots,
        price_ticks=args.price_ticks,
        window_s=window_s,
        life_s=life_s,
        auction_start_ticks=args.auction_start_ticks,
        max_slippage_bps=args.max_slippage_bps,
        builder_fee_tenth_bps=args.builder_fee_tenth_bps,
        builder_plus_one=args.builder_plus_one,
        taker_phase_s=args.taker_phase_s,
        kind=args.kind,
        time_in_force=args.time_in_force,
        self_trade=args.self_trade,
        reduce_only=args.reduce_only,
    )


def sign_order(
    terms: SignedTerms, *, user: Pubkey, signer: Keypair, genesis_hash: bytes, program_id: Pubkey = PROGRAM_ID
) -> SignedOrder:
    """Sign an order for the sub-account `user`, as its owner or its delegate. Raises `SignedOrderInvalid`."""
    _require_terms(terms)
    message = terms.encode(signed_order_domain(user, genesis_hash, program_id))
    return SignedOrder(user, signer.pubkey(), message, bytes(signer.sign_message(message)))


def verify_order(
    signed: SignedOrder, *, genesis_hash: bytes, program_id: Pubkey = PROGRAM_ID, now_ms: int | None = None
) -> SignedTerms:
    """Check all that can be checked without the chain, and say what was signed. Raises `SignedOrderInvalid`.

    `now_ms`: also that it could be placed at that chain time. Whether the signer may trade for the user, and whether
    the nonce is unused, only the accounts tell.
    """
    terms = signed.terms
    if signed.message[: constants.SIGNED_DOMAIN_BYTES] != signed_order_domain(signed.user, genesis_hash, program_id):
        raise SignedOrderInvalid("it was signed for another cluster, program, account or version")
    if len(signed.signature) != 64 or not Signature(signed.signature).verify(signed.signer, signed.message):
        raise SignedOrderInvalid(f"the signature is not one of {signed.signer}")
    _require_terms(terms)
    if now_ms is not None and terms.nonce_ms > now_ms + constants.NONCE_AHEAD_MAX_MS:
        raise SignedOrderInvalid(f"nonce {terms.nonce_ms} lies more than 5 s ahead of {now_ms}")
    if now_ms is not None and now_ms >= terms.nonce_ms + terms.window_s * 1_000:
        raise SignedOrderInvalid(f"{now_ms} is not before {terms.nonce_ms + terms.window_s * 1_000}, its last moment")
    return terms


def _require_terms(terms: SignedTerms) -> None:
    if terms.kind not in _KINDS:
        raise SignedOrderInvalid(f"kind {terms.kind} is neither a limit nor a market order")
    market = terms.kind == OrderKind.MARKET
    most_s = constants.SIGNED_MARKET_WINDOW_MAX_S if market else constants.SIGNED_WINDOW_MAX_S
    if not 1 <= terms.window_s <= most_s:
        raise SignedOrderInvalid(f"a window of {terms.window_s} s is not within 1 to {most_s} s")
    if terms.price_ticks == 0:
        raise SignedOrderInvalid("it names no price")


def ed25519_instruction(orders: Sequence[SignedOrder]) -> Instruction:
    """The instruction that makes the runtime verify these signatures: put it ahead of `place_signed_orders`."""
    if not 1 <= len(orders) <= constants.SIGNED_ORDERS_MAX:
        raise UsageError(f"{len(orders)} signed orders: a transaction places 1 to {constants.SIGNED_ORDERS_MAX}")
    data = bytearray((len(orders), 0))
    at = len(data) + _OFFSETS.size * len(orders)
    body = bytearray()
    for order in orders:
        key, signature, message, size = at, at + 32, at + 96, len(order.message)
        here = _THIS_INSTRUCTION
        data += _OFFSETS.pack(signature, here, key, here, message, size, here)
        body += bytes(order.signer) + order.signature + order.message
        at = message + size
    return Instruction(ED25519_PROGRAM_ID, bytes(data + body), [])
