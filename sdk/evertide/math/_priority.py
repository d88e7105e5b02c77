"""Order priority: better price, then earlier slot, then the lower hash; anyone can replay it."""

from __future__ import annotations

from dataclasses import dataclass

from evertide._generated.math_constants import HASH_MULTIPLIER_1, HASH_MULTIPLIER_2, HASH_SEED, SIDE_BID
from evertide.math._errors import OutOfRangeError
from evertide.math._units import SIDE, TICKS, U64

_MASK = 2**64 - 1


def _mix(value: int) -> int:
    value = ((value ^ (value >> 30)) * HASH_MULTIPLIER_1) & _MASK
    value = ((value ^ (value >> 27)) * HASH_MULTIPLIER_2) & _MASK
    return value ^ (value >> 31)


def order_hash(placed_slot: int, orders_key: bytes, order_id: int) -> int:
    """`h = seed; for w in (placed_slot, four little-endian words of the key, order_id): h = mix(h ^ w)`, u64.

    `mix` is two rounds of xor-shift and multiplication modulo 2^64; `orders_key` is the address of the
    `Orders` account, 32 bytes.

    Raises:
        OutOfRangeError: slot or id is not a u64, or the key has not 32 bytes.
    """
    U64.check(placed_slot, "placed_slot")
    U64.check(order_id, "order_id")
    if len(orders_key) != 32:
        raise OutOfRangeError("a key has 32 bytes", length=len(orders_key), expected=32)
    words = [int.from_bytes(orders_key[start : start + 8], "little") for start in range(0, 32, 8)]
    hash_value = HASH_SEED
    for word in (placed_slot, *words, order_id):
        hash_value = _mix(hash_value ^ word)
    return hash_value


@dataclass(frozen=True, slots=True)
class OrderRank:
    """What priority depends on: price in ticks, slot of placing, `order_hash`."""

    price_ticks: int
    placed_slot: int
    hash: int

    def __post_init__(self) -> None:
        TICKS.check(self.price_ticks, "price_ticks")
        U64.check(self.placed_slot, "placed_slot")
        U64.check(self.hash, "hash")

    def key(self, side: int) -> tuple[int, int, int]:
        """Sort key among the orders of one side (0 bid, 1 ask): the smallest goes first."""
        sign = -1 if SIDE.check(side, "side") == SIDE_BID else 1
        return sign * self.price_ticks, self.placed_slot, self.hash


def compare_orders(side: int, left: OrderRank, right: OrderRank) -> int:
    """-1 when `left` goes first among the orders of `side`, 1 when `right` does, 0 when they tie."""
    left_key, right_key = left.key(side), right.key(side)
    return (left_key > right_key) - (left_key < right_key)
