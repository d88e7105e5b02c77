"""What only a local validator can do: give SOL, make test mints, write oracle accounts, move time.

No account of the program is ever written this way: `set_account` refuses the program as owner, old or new.
"""

from __future__ import annotations

import base64
import struct
import time
from collections.abc import Callable
from typing import Any

from solders.pubkey import Pubkey

from evertide._localnet.keys import program_keypair
from evertide._localnet.rpc import LocalnetError, RpcClient

TOKEN_PROGRAM = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
_SYSTEM_PROGRAM = Pubkey.default()
_MINT_LAMPORTS = 1_461_600
_LAMPORTS_PER_BYTE = 6_960
_ACCOUNT_OVERHEAD_BYTES = 128
_CLOCK_SYSVAR = "SysvarC1ock11111111111111111111111111111111"
_CLOCK_WAIT_S = 5.0
_CLOCK_PAUSE_S = 0.01
_EPOCH_REST_SLOTS = 4


class ForbiddenCheatError(LocalnetError):
    """A cheat would have touched an account of the program under test."""


def rent_lamports(size_bytes: int) -> int:
    """Lamports that exempt an account of this size from rent."""
    return (size_bytes + _ACCOUNT_OVERHEAD_BYTES) * _LAMPORTS_PER_BYTE


class Cheatcodes:
    """Cheats over RPC, on the connection pool of one client."""

    def __init__(self, rpc: RpcClient, *, slot_ms: int, protected_program: Pubkey | None = None) -> None:
        self.rpc = rpc
        self.slot_ms = slot_ms
        self._protected = str(protected_program or program_keypair().pubkey())

    def fund(self, address: Pubkey, lamports: int) -> None:
        """Give an address this many lamports in all."""
        self._refuse_program_account(address, None)
        self._write(address, {"lamports": lamports})

    def set_account(self, address: Pubkey, data: bytes, owner: Pubkey, lamports: int | None = None) -> None:
        """Write an account whole (an oracle's bytes, say). Raises ForbiddenCheatError for an account of the program."""
        self._refuse_program_account(address, owner)
        amount = rent_lamports(len(data)) if lamports is None else lamports
        self._write(address, {"lamports": amount, "data": data.hex(), "owner": str(owner), "executable": False})

    def create_mint(self, address: Pubkey, *, decimals: int, authority: Pubkey) -> None:
        """An empty test mint at a fixed address; tokens are then minted by ordinary transactions of the authority."""
        data = struct.pack("<I32sQBBI32s", 1, bytes(authority), 0, decimals, 1, 0, bytes(32))
        self.set_account(address, data, TOKEN_PROGRAM, _MINT_LAMPORTS)

    def travel_to(self, unix_ms: int) -> None:
        """Move chain time forward to `unix_ms`; the past is refused. Slots move too, so sign afterwards.

        The clock's slot never falls: Surfpool miscounts a travel over the end of an epoch, so that each end is waited
        for, and in every epoch but the first it writes the slot's number inside its epoch until it makes the next one.
        """
        while self._ends_epoch_before(unix_ms):
            self._pass_epoch_end()
            if self.chain_time_s() * 1_000 >= unix_ms:
                return
        slot_before, _ = self.clock()
        self.rpc.call("surfnet_timeTravel", [{"absoluteTimestamp": unix_ms}])
        self._wait(lambda: self.clock()[0] >= slot_before, f"the clock's slot to be {slot_before} or more again")

    def _ends_epoch_before(self, unix_ms: int) -> bool:
        """Whether the epoch ends on the way there."""
        ahead_slots = (unix_ms - self.chain_time_s() * 1_000) // self.slot_ms
        epoch = self.rpc.call("getEpochInfo", [])
        return int(epoch["slotIndex"]) + ahead_slots >= int(epoch["slotsInEpoch"]) - _EPOCH_REST_SLOTS

    def _pass_epoch_end(self) -> None:
        """Travel to the last slots of the epoch and wait there for the next one."""
        epoch = self.rpc.call("getEpochInfo", [])
        rest_slots = int(epoch["slotsInEpoch"]) - _EPOCH_REST_SLOTS - int(epoch["slotIndex"])
        if rest_slots > 0:
            self.rpc.call("surfnet_timeTravel", [{"absoluteSlot": int(epoch["absoluteSlot"]) + rest_slots}])
        number = int(epoch["epoch"])
        self._wait(lambda: int(self.rpc.call("getEpochInfo", [])["epoch"]) > number, f"the end of epoch {number}")

    def _wait(self, reached: Callable[[], bool], what: str) -> None:
        """Until the validator's own slots have brought it about. Raises LocalnetError when they do not."""
        deadline = time.monotonic() + _CLOCK_WAIT_S
        while not reached():
            if time.monotonic() > deadline:
                raise LocalnetError(f"waited {_CLOCK_WAIT_S:.0f} s for {what}; the clock stands at {self.clock()}")
            time.sleep(_CLOCK_PAUSE_S)

    def pause_clock(self) -> None:
        """Stop making slots."""
        self.rpc.call("surfnet_pauseClock")

    def resume_clock(self) -> None:
        """Make slots again."""
        self.rpc.call("surfnet_resumeClock")

    def chain_time_s(self) -> int:
        """Unix seconds by the clock sysvar, which is what the program sees."""
        return self.clock()[1]

    def clock(self) -> tuple[int, int]:
        """Slot and unix seconds of the clock sysvar."""
        found = self.rpc.call("getAccountInfo", [_CLOCK_SYSVAR, {"encoding": "base64", "commitment": "processed"}])
        data = base64.b64decode(found["value"]["data"][0])
        return int.from_bytes(data[:8], "little"), int(struct.unpack_from("<q", data, 32)[0])

    def _write(self, address: Pubkey, fields: dict[str, Any]) -> None:
        self.rpc.call("surfnet_setAccount", [str(address), fields])

    def _refuse_program_account(self, address: Pubkey, owner: Pubkey | None) -> None:
        if str(owner) == self._protected:
            raise ForbiddenCheatError(f"refused to write {address} as an account of the program {owner}")
        slice_none = {"encoding": "base64", "dataSlice": {"offset": 0, "length": 0}, "commitment": "processed"}
        present = self.rpc.call("getAccountInfo", [str(address), slice_none])["value"]
        if present is not None and present["owner"] == self._protected:
            raise ForbiddenCheatError(f"refused to overwrite {address}, an account of the program {self._protected}")
