"""From an instruction's generated table, its accounts by name and its arguments to a solders Instruction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from ._errors import UsageError
from ._pda import INSTRUCTIONS_SYSVAR_ID, SYSTEM_PROGRAM_ID, TOKEN_PROGRAM_ID, event_authority_address
from ._wire import Kind, codec


class AccountSlot(NamedTuple):
    """One account of an instruction."""

    name: str
    writable: bool
    signer: bool
    optional: bool


@dataclass(frozen=True, slots=True)
class InstructionLayout:
    """What the IDL says about one instruction."""

    name: str
    summary: str
    discriminator: bytes
    accounts: tuple[AccountSlot, ...]
    args: tuple[tuple[str, Kind], ...]


@cache
def layout(name: str) -> InstructionLayout:
    """The table of one instruction. Raises `UsageError` for a name that the program does not have."""
    from ._generated.instructions import INSTRUCTIONS

    found = INSTRUCTIONS.get(name)
    if found is None:
        raise UsageError(f"the program has no instruction {name!r}")
    return found


def assemble(
    name: str,
    program_id: Pubkey,
    accounts: Mapping[str, Pubkey | None],
    args: Mapping[str, Any] | None = None,
    remaining: Sequence[AccountMeta] = (),
) -> Instruction:
    """Put an instruction together. An optional account that is None becomes the program's id, as Anchor wants it.

    Raises `UsageError` when an account or argument is missing or unknown, `UnitError` when an argument does not fit.
    """
    table = layout(name)
    common = {
        "system_program": SYSTEM_PROGRAM_ID,
        "token_program": TOKEN_PROGRAM_ID,
        "instructions": INSTRUCTIONS_SYSVAR_ID,
        "program": program_id,
        "event_authority": event_authority_address(program_id),
    }
    given = {**common, **accounts}
    metas = [_meta(name, slot, given, program_id) for slot in table.accounts]
    known = {slot.name for slot in table.accounts} | set(common)
    if unknown := set(accounts) - known:
        raise UsageError(f"{name} has no account {', '.join(sorted(unknown))}")
    data = bytearray(table.discriminator)
    values = dict(args or {})
    for arg, kind in table.args:
        if arg not in values:
            raise UsageError(f"{name} needs the argument {arg}")
        codec(kind)[1](values.pop(arg), data, arg)
    if values:
        raise UsageError(f"{name} has no argument {', '.join(sorted(values))}")
    return Instruction(program_id, bytes(data), [*metas, *remaining])


def _meta(name: str, slot: AccountSlot, given: Mapping[str, Pubkey | None], program_id: Pubkey) -> AccountMeta:
    address = given.get(slot.name)
    if address is None:
        if not slot.optional:
            raise UsageError(f"{name} needs the account {slot.name}")
        return AccountMeta(program_id, False, False)
    if not isinstance(address, Pubkey):
        raise UsageError(f"{name}: {slot.name} is {address!r}, a Pubkey is needed")
    return AccountMeta(address, slot.signer, slot.writable)
