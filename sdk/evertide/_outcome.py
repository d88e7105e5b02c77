"""What became of a transaction, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ._errors import TransactionError


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOptions:
    """How a transaction is sent.

    `compute_limit` fixes the limit in compute units and skips the simulation; otherwise it is what the simulation
    consumed plus `compute_margin_percent`. `keep_default_limit` sets none where nothing is bid and the runtime's own
    (200,000 units for each instruction of the program) covers it: smaller, for where blockspace is free.
    The priority fee is the 75th percentile of what was paid lately for the same accounts, never above
    `priority_fee_cap_micro_lamports` a unit; `priority_fee_micro_lamports` fixes it.
    `priority_fee_rung` doubles it so often, from `priority_fee_foot_micro_lamports` on: for what expired before.
    `preflight_commitment`: the node simulates again at it, as the last thing before it sends: what another one has done
    since the simulation is told without a fee. None: it does so only where `compute_limit` is given.
    `min_context_slot`: simulated on, and with a blockhash of, a state of that slot or a later one.
    `details` fetches the landed transaction for its logs, fee, compute units and events.
    """

    commitment: str | None = None
    compute_limit: int | None = None
    compute_margin_percent: int = 20
    keep_default_limit: bool = False
    priority_fee_micro_lamports: int | None = None
    priority_fee_cap_micro_lamports: int = 100_000
    priority_fee_rung: int = 0
    priority_fee_foot_micro_lamports: int = 1_000
    preflight_commitment: str | None = None
    min_context_slot: int | None = None
    confirm_timeout_ms: int = 90_000
    poll_first_ms: int = 20
    poll_most_ms: int = 400
    rebroadcast_ms: int = 2_000
    details: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """It landed and succeeded at the commitment asked for. The rest of the fields need `SendOptions.details`."""

    signature: str
    slot: int
    commitment: str
    #: From the first send to the confirmation.
    confirm_ms: int
    compute_units: int | None = None
    fee_lamports: int | None = None
    logs: tuple[str, ...] = field(default=(), repr=False)
    #: Classes of `evertide.events`, in the order in which they happened.
    events: tuple[Any, ...] = field(default=(), repr=False)
    return_data: bytes | None = None
    #: What was bid above the base fee.
    priority_fee_lamports: int = 0

    @property
    def landed(self) -> bool:
        """True: it is on chain."""
        return True

    def unwrap(self) -> Confirmed:
        """Itself."""
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """It did not do its work. `error` says why; `landed` whether it is on chain (its fee paid), None when unknown.

    `slot` is where it landed, `priority_fee_lamports` what was bid above the base fee, where it landed.
    """

    error: TransactionError
    signature: str | None
    landed: bool | None
    slot: int | None = None
    priority_fee_lamports: int = 0

    def unwrap(self) -> Confirmed:
        """Raises `error`."""
        raise self.error


Outcome: TypeAlias = "Confirmed | Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What a transaction would do now. `error` is None when it would succeed."""

    error: TransactionError | None
    compute_units: int
    logs: tuple[str, ...] = field(repr=False)
    return_data: bytes | None
    slot: int | None = None
