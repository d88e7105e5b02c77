"""Parameters under the timelock: which there are, what a proposed value means, where a change stands."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from solders.pubkey import Pubkey

from ._errors import NotExact, UnitOutOfRange, UsageError
from ._generated.accounts import Exchange, ParamChange
from ._generated.constants import ChangeClass, ChangeStatus, MarketStatus
from ._generated.parameters import PARAMETERS, Parameter
from ._generated.types import CollateralTerms, MarketTerms
from ._pda import PROGRAM_ID, collateral_address, exchange_address, market_address, to_address
from .instructions._changes import EXCHANGE, ChangeTarget

_KEY_BYTES = 32


class UnknownParameter(UsageError):
    """No parameter of that name; `target` is exchange, market or collateral."""

    def __init__(self, name: str, target: str) -> None:
        near = [entry.name for entry in PARAMETERS if entry.target == target and name.split(".")[0] in entry.name]
        hint = f": did you mean {', '.join(near[:4])}?" if near else ""
        super().__init__(f"{target} has no parameter {name!r}{hint}")
        self.name = name
        self.target = target


def parameter(name: str, target: str) -> Parameter:
    """The parameter of a name, as `band_bps` of a `market`. Raises `UnknownParameter`."""
    for entry in PARAMETERS:
        if entry.target == target and entry.name == name:
            return entry
    raise UnknownParameter(name, target)


def parameter_of(number: int) -> Parameter:
    """The parameter of a number, as changes and events tell it. Raises `UsageError`."""
    for entry in PARAMETERS:
        if entry.number == number:
            return entry
    raise UsageError(f"no parameter has the number {number}")


def proposed_value(entry: Parameter, text: str | int | bytes | Pubkey) -> tuple[int, bytes]:
    """A value as the instruction takes it: (number, 32 bytes), one of which is zero.

    A parameter of 32 bytes takes an address or 64 hexadecimal digits; a status its name; all others a whole number in
    the unit that the parameter's name ends with. Raises `UnitError` outside the parameter's bounds.
    """
    if entry.kind == "key":
        return 0, _key(entry, text)
    if isinstance(text, str) and entry.name == "status" and entry.target == "market":
        names = {status.name.lower().replace("_", "-"): int(status) for status in MarketStatus}
        if text in names:
            return names[text], bytes(_KEY_BYTES)
    if isinstance(text, bool) or not isinstance(text, int | str):
        raise NotExact(entry.name, text, "a whole number")
    try:
        number = int(text)
    except ValueError:
        raise NotExact(entry.name, text, "a whole number") from None
    if number < entry.minimum:
        raise UnitOutOfRange(entry.name, number, entry.minimum, above=False)
    if number > entry.maximum:
        raise UnitOutOfRange(entry.name, number, entry.maximum, above=True)
    return number, bytes(_KEY_BYTES)


def _key(entry: Parameter, text: str | int | bytes | Pubkey) -> bytes:
    if isinstance(text, bytes):
        found = text
    elif isinstance(text, Pubkey):
        found = bytes(text)
    elif isinstance(text, str) and len(text) == 2 * _KEY_BYTES and all(digit in "0123456789abcdef" for digit in text):
        found = bytes.fromhex(text)
    elif isinstance(text, str):
        found = bytes(to_address(text))
    else:
        raise UsageError(f"{entry.name} takes 32 bytes: an address or 64 hexadecimal digits, found {text!r}")
    if len(found) != _KEY_BYTES:
        raise UsageError(f"{entry.name} takes 32 bytes, found {len(found)}")
    return found


def listing_key(terms: MarketTerms | CollateralTerms, mint: Pubkey | None = None) -> bytes:
    """The key of the change that allows a listing after opening: sha256 of the terms, of an asset with its mint ahead.

    Raises `UsageError` for an asset without a mint, and for a market with one.
    """
    if isinstance(terms, CollateralTerms) != (mint is not None):
        raise UsageError("a listing of an asset names its mint, one of a market none")
    ahead = b"" if mint is None else bytes(mint)
    return hashlib.sha256(ahead + terms.encode()).digest()


def change_key(change: ParamChange) -> bytes:
    """The 32 bytes that a change proposes for a field of that kind, or the key of the listing that it allows."""
    return b"".join(word.to_bytes(8, "little") for word in change.words)


def target_of(change: ParamChange, exchange: Exchange, program_id: Pubkey = PROGRAM_ID) -> ChangeTarget:
    """Whose parameter a change moves, from the address in it. Raises `UsageError` for an unknown one."""
    if change.target == exchange_address(program_id):
        return EXCHANGE
    for index in range(exchange.market_count):
        if change.target == market_address(index, program_id):
            return ChangeTarget(market_index=index)
    for index in range(exchange.collateral_count):
        if change.target == collateral_address(index, program_id):
            return ChangeTarget(collateral_index=index)
    raise UsageError(f"change {change.number} is for {change.target}, which is none of the exchange's accounts")


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A change in words."""

    change: ParamChange
    parameter: Parameter
    target: ChangeTarget
    effect: ChangeClass
    status: ChangeStatus
    #: It waits, its time has come and is not over, and nothing made it void.
    executable: bool
    #: Proposed before opening, or not executed in its 7 days: it never will be.
    lapsed: bool


def change_view(change: ParamChange, exchange: Exchange, *, now_ms: int, program_id: Pubkey = PROGRAM_ID) -> ChangeView:
    """Where a change stands at a chain time."""
    status = ChangeStatus(change.status)
    pending = status == ChangeStatus.PENDING
    voided = change.number < exchange.first_change
    return ChangeView(
        change=change,
        parameter=parameter_of(change.field),
        target=target_of(change, exchange, program_id),
        effect=ChangeClass(change.class_),
        status=status,
        executable=pending and not voided and change.earliest_ms <= now_ms < change.expiry_ms,
        lapsed=pending and (voided or now_ms >= change.expiry_ms),
    )
