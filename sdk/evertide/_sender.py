"""Sends a transaction and finds out what became of it. The outcome is looked up, never guessed.

1. Simulate with the greatest compute limit: a failure there is the answer, and nothing was sent.
2. Sign with a fresh blockhash and a limit of what was consumed plus a margin; preflight (where it is used) runs at the
   commitment of the blockhash, since real nodes do not know a younger one.
3. Send raw JSON, and the same bytes again until the last valid block height; the signature makes that idempotent.
4. Poll the status; a WebSocket notification only wakes the poll early.
5. Above the last valid block height, with the whole history asked twice: expired, it did not land. Unreachable all
   the while: `TransactionOutcomeUnknown`.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from ._errors import (
    RpcError,
    SignerMissing,
    TransactionError,
    TransactionExpired,
    TransactionOutcomeUnknown,
    TransactionRefused,
    TransportError,
)
from ._events import transaction_events
from ._failure import failure
from ._hints import SignatureHints
from ._outcome import Confirmed, Failed, Outcome, SendOptions, Simulation
from ._pda import PROGRAM_ID
from ._rpc import Blockhash, RpcClient, commitment_rank
from ._transaction import (
    BUDGET_INSTRUCTION_UNITS,
    COMPUTE_UNITS_MAX,
    budget,
    message,
    signed_wire,
    unsigned_wire,
    with_budget,
)

# JSON-RPC codes with which a node refuses a transaction for good.
_REFUSED = {-32602, -32003, -32013}
_PREFLIGHT_FAILED = -32002
_FEES_FRESH_S = 10.0
_SIGNATURES_KEPT = 4096


@dataclass(slots=True)
class _Flight:
    """One transaction on its way."""

    wire: bytes
    signature: str
    blockhash: Blockhash
    options: SendOptions
    commitment: str
    compute_limit: int | None
    started: float
    sent: bool = False
    refusal: TransactionError | None = None
    trouble: str = ""


class Sender:
    """Sends for one fee payer through one node. Safe to use from many tasks of one event loop."""

    def __init__(
        self,
        rpc: RpcClient,
        payer: Keypair | None,
        *,
        ws_url: str | None = None,
        options: SendOptions | None = None,
        program_id: Pubkey = PROGRAM_ID,
    ) -> None:
        self.rpc = rpc
        self.payer = payer
        self.options = options or SendOptions()
        self.program_id = program_id
        self._hints = SignatureHints(ws_url, timeout_s=rpc.timeout_s)
        self._used: dict[str, None] = {}
        self._fees: dict[tuple[Pubkey, ...], tuple[float, int]] = {}

    async def close(self) -> None:
        """Close the WebSocket; the RPC client belongs to its maker."""
        await self._hints.close()

    async def simulate(
        self,
        instructions: Sequence[Instruction],
        *,
        payer: Pubkey | None = None,
        lookup_tables: Sequence[AddressLookupTableAccount] = (),
        commitment: str | None = None,
    ) -> Simulation:
        """Run the transaction on the node without signatures and without effect. Raises a `TransportError`."""
        limit = budget(COMPUTE_UNITS_MAX, 0)
        zero_hash = "11111111111111111111111111111111"
        compiled = message(payer or self._payer().pubkey(), with_budget(instructions, limit), zero_hash, lookup_tables)
        value = await self.rpc.simulate(unsigned_wire(compiled), commitment=commitment)
        logs = tuple(value.get("logs") or ())
        error = None
        if value.get("err") is not None:
            error = self._failure(value["err"], logs, None, COMPUTE_UNITS_MAX)
        return Simulation(
            error=error,
            compute_units=int(value.get("unitsConsumed") or 0),
            logs=logs,
            return_data=_return_data(value.get("returnData")),
        )

    async def execute(self, instructions: Sequence[Instruction], **more: Any) -> Confirmed:
        """As `send`, but raises the error of an outcome that is not `Confirmed`."""
        return (await self.send(instructions, **more)).unwrap()

    async def send(
        self,
        instructions: Sequence[Instruction],
        *,
        signers: Sequence[Keypair] = (),
        lookup_tables: Sequence[AddressLookupTableAccount] = (),
        options: SendOptions | None = None,
        payer: Keypair | None = None,
    ) -> Outcome:
        """Simulate, sign, send and confirm.

        Raises `UsageError` for a transaction that cannot be built and `TransportError` when the node fails before
        anything was sent; from then on every end is an `Outcome`.
        """
        chosen = options or self.options
        fee_payer = payer or self._payer()
        limit = chosen.compute_limit
        if limit is None:
            simulation = await self.simulate(
                instructions, payer=fee_payer.pubkey(), lookup_tables=lookup_tables, commitment=chosen.commitment
            )
            if simulation.error is not None:
                return Failed(error=simulation.error, signature=None, landed=False)
            margin = 100 + chosen.compute_margin_percent
            limit = -(-simulation.compute_units * margin // 100) + 2 * BUDGET_INSTRUCTION_UNITS
        price = await self._priority_fee(instructions, chosen)
        keys = [fee_payer, *signers]
        for _ in range(4):
            flight = await self._sign(instructions, keys, lookup_tables, chosen, limit, price)
            if not await self._first_send(flight):
                return await self._confirm(flight)
            # The very same bytes came from elsewhere within this slot: other bytes for other work.
            self._used[flight.signature] = None
        reason = "the same transaction is already on its way from elsewhere"
        return Failed(
            error=TransactionRefused(reason, signature=flight.signature), signature=flight.signature, landed=False
        )

    def _payer(self) -> Keypair:
        if self.payer is None:
            raise SignerMissing("fee payer")
        return self.payer

    async def _sign(
        self,
        instructions: Sequence[Instruction],
        keys: Sequence[Keypair],
        lookup_tables: Sequence[AddressLookupTableAccount],
        options: SendOptions,
        limit: int,
        price: int,
    ) -> _Flight:
        """Sign with a fresh blockhash. Equal work within a slot would give equal bytes: the limit moves on."""
        commitment = options.commitment or self.rpc.commitment
        blockhash = await self.rpc.get_latest_blockhash(commitment=commitment)
        while True:
            steps = with_budget(instructions, budget(limit, price))
            compiled = message(keys[0].pubkey(), steps, blockhash.blockhash, lookup_tables)
            wire, signature = signed_wire(compiled, keys)
            if signature not in self._used:
                break
            limit = limit + 1 if limit < COMPUTE_UNITS_MAX else limit - _SIGNATURES_KEPT
        self._used[signature] = None
        while len(self._used) > _SIGNATURES_KEPT:
            del self._used[next(iter(self._used))]
        return _Flight(wire, signature, blockhash, options, commitment, limit, time.monotonic())

    async def _priority_fee(self, instructions: Sequence[Instruction], options: SendOptions) -> int:
        """Micro-lamports a unit, under the cap."""
        cap = options.priority_fee_cap_micro_lamports
        if options.priority_fee_micro_lamports is not None:
            return min(options.priority_fee_micro_lamports, cap)
        if cap <= 0:
            return 0
        written = dict.fromkeys(meta.pubkey for ix in instructions for meta in ix.accounts if meta.is_writable)
        key = tuple(written)
        known = self._fees.get(key)
        if known is not None and time.monotonic() - known[0] < _FEES_FRESH_S:
            return known[1]
        try:
            paid = sorted(await self.rpc.get_recent_priority_fees(key))
        except RpcError:
            # Not every node serves this method; no fee is a valid bid.
            paid = []
        fee = min(paid[len(paid) * 3 // 4], cap) if paid else 0
        if len(self._fees) > 1024:
            self._fees.clear()
        self._fees[key] = (time.monotonic(), fee)
        return fee

    async def _first_send(self, flight: _Flight) -> bool:
        """Send once. True: the node already has these very bytes from elsewhere."""
        try:
            await self._broadcast(flight)
        except RpcError as error:
            if _is_duplicate(error):
                return True
            flight.refusal = self._refusal(error, flight)
            flight.trouble = str(error)
        except TransportError as error:
            # It may have arrived all the same: the status tells.
            flight.sent = True
            flight.trouble = str(error)
        return False

    async def _broadcast(self, flight: _Flight) -> None:
        # A simulation has just passed; preflight only repeats it where the caller gave the limit.
        skip = flight.options.compute_limit is None
        await self.rpc.send_transaction(flight.wire, skip_preflight=skip, commitment=flight.commitment)
        flight.sent = True

    def _refusal(self, error: RpcError, flight: _Flight) -> TransactionError | None:
        """The final error behind a JSON-RPC error; None when trying again may help."""
        data = error.data if isinstance(error.data, dict) else {}
        if data.get("err") is not None:
            if data["err"] == "BlockhashNotFound":
                return None
            return self._failure(data["err"], data.get("logs") or (), flight.signature, flight.compute_limit)
        if error.code in _REFUSED or error.code == _PREFLIGHT_FAILED:
            return TransactionRefused(error.message, signature=flight.signature)
        return None

    def _failure(self, err: Any, logs: Sequence[str], signature: str | None, limit: int | None) -> TransactionError:
        return failure(err, logs, program_id=str(self.program_id), signature=signature, compute_limit=limit)

    async def _confirm(self, flight: _Flight) -> Outcome:
        """Poll until the commitment is reached, the blockhash has expired, or time is up."""
        if flight.refusal is not None and not flight.sent:
            return Failed(error=flight.refusal, signature=flight.signature, landed=False)
        hint = await self._hints.watch(flight.signature, flight.commitment)
        options = flight.options
        wait_ms = options.poll_first_ms
        last_sent = last_height = time.monotonic()
        expired_checks = 0
        while True:
            status = await self._status(flight)
            if status is not None and _reached(status, flight.commitment):
                return await self._landed(flight, status)
            now = time.monotonic()
            if (now - flight.started) * 1000 > options.confirm_timeout_ms:
                detail = f"no answer for {options.confirm_timeout_ms} ms; last trouble: {flight.trouble or 'none'}"
                error = TransactionOutcomeUnknown(flight.signature, detail)
                return Failed(error=error, signature=flight.signature, landed=None)
            if status is None and (now - last_height) * 1000 >= min(options.rebroadcast_ms, 1000):
                last_height = now
                height = await self._expired_height(flight)
                if height is not None:
                    expired_checks += 1
                    if expired_checks > 1:
                        error_expired = TransactionExpired(
                            flight.signature, flight.blockhash.last_valid_block_height, height
                        )
                        return Failed(error=error_expired, signature=flight.signature, landed=False)
                    # The second look comes soon, and after the height was read.
                    last_height = now - 1
                    wait_ms = options.poll_first_ms
            if status is None and (now - last_sent) * 1000 >= options.rebroadcast_ms and not expired_checks:
                last_sent = now
                await self._again(flight)
            await _wait(hint, wait_ms / 1000)
            hint.clear()
            wait_ms = min(wait_ms * 2, options.poll_most_ms)

    async def _status(self, flight: _Flight) -> dict[str, Any] | None:
        try:
            return (await self.rpc.get_signature_statuses([flight.signature], search_history=True))[0]
        except TransportError as error:
            flight.trouble = str(error)
            return None

    async def _expired_height(self, flight: _Flight) -> int | None:
        """The block height when it is above the last valid one and the node knows no such transaction."""
        try:
            level = "confirmed" if flight.commitment == "processed" else flight.commitment
            height = await self.rpc.get_block_height(commitment=level)
            if height <= flight.blockhash.last_valid_block_height:
                return None
            status = (await self.rpc.get_signature_statuses([flight.signature], search_history=True))[0]
        except TransportError as error:
            flight.trouble = str(error)
            return None
        return height if status is None else None

    async def _again(self, flight: _Flight) -> None:
        """The same bytes once more: the signature makes it harmless."""
        try:
            await self._broadcast(flight)
        except TransportError as error:
            flight.trouble = str(error)

    async def _landed(self, flight: _Flight, status: dict[str, Any]) -> Outcome:
        """Outcome of a status at the commitment, with logs, events and cost where asked."""
        confirm_ms = round((time.monotonic() - flight.started) * 1000)
        err = status.get("err")
        transaction = await self._details(flight) if flight.options.details or err is not None else None
        meta = (transaction or {}).get("meta") or {}
        logs = tuple(meta.get("logMessages") or ())
        if err is not None:
            error = self._failure(err, logs, flight.signature, flight.compute_limit)
            return Failed(error=error, signature=flight.signature, landed=True)
        return Confirmed(
            signature=flight.signature,
            slot=int(status["slot"]),
            commitment=flight.commitment,
            confirm_ms=confirm_ms,
            compute_units=meta.get("computeUnitsConsumed"),
            fee_lamports=meta.get("fee"),
            logs=logs,
            events=tuple(found.event for found in transaction_events(transaction or {}, self.program_id)),
            return_data=_return_data(meta.get("returnData")),
        )

    async def _details(self, flight: _Flight) -> dict[str, Any] | None:
        """The landed transaction; a node may serve it a little later than its status."""
        for pause_s in (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6):
            try:
                found = await self.rpc.get_transaction(flight.signature, commitment=flight.commitment)
            except TransportError as error:
                flight.trouble = str(error)
                found = None
            if found is not None:
                return found
            await asyncio.sleep(pause_s)
        return None


def _is_duplicate(error: RpcError) -> bool:
    data = error.data if isinstance(error.data, dict) else {}
    return data.get("err") == "AlreadyProcessed" or "already been processed" in error.message


def _reached(status: dict[str, Any], commitment: str) -> bool:
    level = status.get("confirmationStatus")
    if level is None:
        # Old nodes give confirmations only; None of them means rooted.
        level = "finalized" if status.get("confirmations") is None else "processed"
    return commitment_rank(str(level)) >= commitment_rank(commitment)


def _return_data(value: Any) -> bytes | None:
    data = base64.b64decode(value["data"][0]) if value and value.get("data") else b""
    return data or None


async def _wait(hint: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(hint.wait(), seconds)
    except TimeoutError:
        return
