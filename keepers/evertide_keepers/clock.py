"""The chain's clock. Nothing that a keeper decides looks at any other."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import WrongChain

if TYPE_CHECKING:
    from evertide import RpcClient

CLOCK_ADDRESS = "SysvarC1ock11111111111111111111111111111111"
# slot u64, epoch_start i64, epoch u64, leader_schedule_epoch u64, unix_timestamp i64
_CLOCK = struct.Struct("<QqQQq")


@dataclass(frozen=True, slots=True, order=True)
class ChainTime:
    """Slot and unix time in milliseconds (whole seconds) of one reading of the clock."""

    slot: int
    unix_ms: int


def parse_clock(data: bytes) -> ChainTime:
    """The clock sysvar's bytes. Raises `WrongChain` when they are too short."""
    if len(data) < _CLOCK.size:
        raise WrongChain("length of the clock sysvar", len(data), _CLOCK.size)
    slot, _, _, _, unix_s = _CLOCK.unpack_from(data)
    return ChainTime(slot, unix_s * 1000)


async def read_clock(rpc: RpcClient, min_context_slot: int = 0) -> tuple[ChainTime, int]:
    """The clock at the client's commitment, and the slot of the answer, that or later. Raises a `TransportError`."""
    from solders.pubkey import Pubkey

    info = await rpc.get_account(Pubkey.from_string(CLOCK_ADDRESS), min_context_slot=min_context_slot or None)
    if info is None:
        raise WrongChain("clock sysvar", "no account", CLOCK_ADDRESS)
    return parse_clock(info.data), info.slot
