"""Orders that are hidden at first: a hash takes the place in time, and the order is told within 60 s."""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
from dataclasses import dataclass

from solders.pubkey import Pubkey

from ._errors import UsageError
from ._generated import constants
from ._generated.accounts import Orders
from ._generated.constants import OrderKind
from ._generated.types import OrderArgs
from ._pda import to_address

SALT_BYTES = 32
_WORDS = struct.Struct("<4Q")


def order_commitment(user: Pubkey, order: OrderArgs, salt: bytes) -> bytes:
    """The hash that `commit_order` puts into a slot: sha256 of tag, account, the order's bytes and 32 bytes of salt."""
    if len(salt) != SALT_BYTES:
        raise UsageError(f"a salt of {len(salt)} bytes is not one of {SALT_BYTES}")
    return hashlib.sha256(constants.COMMIT_TAG + bytes(user) + order.encode() + salt).digest()


@dataclass(frozen=True, slots=True)
class HiddenOrder:
    """What only its owner knows until it is revealed. Who loses it cannot reveal, and nothing else is lost."""

    user: Pubkey
    order: OrderArgs
    salt: bytes

    @classmethod
    def of(cls, user: Pubkey, order: OrderArgs) -> HiddenOrder:
        """An order with a salt drawn from the system's source of secrets."""
        return cls(user, order, secrets.token_bytes(SALT_BYTES))

    @property
    def hash(self) -> bytes:
        """What is committed."""
        return order_commitment(self.user, self.order, self.salt)

    def to_json(self) -> str:
        """One line of JSON. It is the secret itself: keep it as one until the order is revealed."""
        return json.dumps({"user": str(self.user), "order": self.order.encode().hex(), "salt": self.salt.hex()})

    @classmethod
    def from_json(cls, text: str) -> HiddenOrder:
        """The hidden order of such a line. Raises `UsageError`."""
        try:
            fields = json.loads(text)
            order = OrderArgs.decode(bytes.fromhex(fields["order"]))
            made = cls(to_address(fields["user"]), order, bytes.fromhex(fields["salt"]))
            made.hash  # noqa: B018
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"not the JSON of a hidden order: {error}") from None
        return made


def committed_order_id(orders: Orders, hash: bytes) -> int | None:
    """The id under which a hash is committed in an account; None when it is not there (any more)."""
    for held in orders.orders:
        if held.kind == OrderKind.COMMIT and held.order_id:
            words = (held.price_ticks, held.filled_lots, held.terms[0], held.terms[1])
            if _WORDS.pack(*words) == hash:
                return held.order_id
    return None
