"""A transaction on its way: broadcast again until its blockhash expires, its outcome looked up and never guessed."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from solders.pubkey import Pubkey

from ._errors import (
    RpcError,
    RpcRateLimited,
    TransactionError,
    TransactionExpired,
    TransactionOutcomeUnknown,
    TransactionRefused,
    TransportError,
)
from ._events import transaction_events
from ._failure import failure
from ._hints import SignatureHints
from ._outcome import Confirmed, Failed, Outcome, SendOptions
from ._rpc import Blockhash, RpcClient
from ._rpc_call import commitment_rank
from ._time import now_s

# JSON-RPC codes with which a node refuses a transaction for good.
_REFUSED = {-32602, -32003, -32013}
_PREFLIGHT_FAILED = -32002


@dataclass(slots=True)
class Flight:
    """One transaction on its way."""

    wire: bytes
    signature: str
    blockhash: Blockhash
    options: SendOptions
    commitment: str
    compute_limit: int | None
    started: float
    price_micro_lamports: int = 0
    sent: bool = False
    refusal: TransactionError | None = None
    trouble: str = ""
    quiet_until: float = 0.0
    """A node that limits the rate is not asked before; on the loop's clock."""

    @property
    def bid_lamports(self) -> int:
        """The priority fee: price times limit, rounded up as the runtime does."""
        return -(-self.price_micro_lamports * (self.compute_limit or 0) // 1_000_000)


class Confirming:
    """Follows transactions of one program through one node (or a pool of them) to their end."""

    rpc: RpcClient
    program_id: Pubkey
    _hints: SignatureHints

    async def _first_send(self, flight: Flight) -> bool:
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
            self._note(flight, error)
        return False

    async def _broadcast(self, flight: Flight, *, everywhere: bool = False) -> None:
        # A simulation has just passed; preflight only repeats it where the caller gave the limit, or wants another look
        # before the first send. What was sent once may have landed, and would fail on what it did itself.
        again = None if flight.sent else flight.options.preflight_commitment
        skip = flight.options.compute_limit is None and again is None
        await self.rpc.send_transaction(
            flight.wire, skip_preflight=skip, commitment=again or flight.commitment, everywhere=everywhere
        )
        flight.sent = True

    def _refusal(self, error: RpcError, flight: Flight) -> TransactionError | None:
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

    async def _confirm(self, flight: Flight) -> Outcome:
        """Poll until the commitment is reached, the blockhash has expired, or time is up."""
        if flight.refusal is not None and not flight.sent and not await self._is_known(flight):
            return Failed(error=flight.refusal, signature=flight.signature, landed=False)
        hint = await self._hints.watch(flight.signature, flight.commitment)
        options = flight.options
        wait_ms = options.poll_first_ms
        last_sent = last_height = now_s()
        expired_checks = 0
        while True:
            status = await self._status(flight)
            if status is not None and _reached(status, flight.commitment):
                return await self._landed(flight, status)
            now = now_s()
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
            await _wait(hint, max(wait_ms / 1000, flight.quiet_until - now_s()))
            hint.clear()
            wait_ms = min(wait_ms * 2, options.poll_most_ms)

    async def _status(self, flight: Flight) -> dict[str, Any] | None:
        try:
            return (await self.rpc.get_signature_statuses([flight.signature], search_history=True))[0]
        except TransportError as error:
            self._note(flight, error)
            return None

    async def _is_known(self, flight: Flight) -> bool:
        """Whether a transaction that its last look refused is on its way all the same: a pool may have handed it to
        another node before, and what it failed on may be what it did itself."""
        return flight.options.preflight_commitment is not None and await self._status(flight) is not None

    async def _expired_height(self, flight: Flight) -> int | None:
        """The block height when it is above the last valid one and the node knows no such transaction."""
        try:
            level = "confirmed" if flight.commitment == "processed" else flight.commitment
            height = await self.rpc.get_block_height(commitment=level)
            if height <= flight.blockhash.last_valid_block_height:
                return None
            # A node that lags behind the one that told the height knows less: only when none knows it, it did not land.
            status = await self.rpc.get_status_anywhere(flight.signature)
        except TransportError as error:
            self._note(flight, error)
            return None
        return height if status is None else None

    async def _again(self, flight: Flight) -> None:
        """The same bytes once more, to every node: the signature makes it harmless."""
        try:
            await self._broadcast(flight, everywhere=True)
        except TransportError as error:
            self._note(flight, error)

    def _note(self, flight: Flight, error: TransportError) -> None:
        flight.trouble = str(error)
        if isinstance(error, RpcRateLimited) and error.retry_after_ms is not None:
            flight.quiet_until = now_s() + error.retry_after_ms / 1000

    async def _landed(self, flight: Flight, status: dict[str, Any]) -> Outcome:
        """Outcome of a status at the commitment, with logs, events and cost where asked."""
        confirm_ms = round((now_s() - flight.started) * 1000)
        err = status.get("err")
        transaction = await self._details(flight) if flight.options.details or err is not None else None
        meta = (transaction or {}).get("meta") or {}
        logs = tuple(meta.get("logMessages") or ())
        if err is not None:
            error = self._failure(err, logs, flight.signature, flight.compute_limit)
            return Failed(
                error=error,
                signature=flight.signature,
                landed=True,
                slot=int(status["slot"]),
                priority_fee_lamports=flight.bid_lamports,
            )
        return Confirmed(
            signature=flight.signature,
            slot=int(status["slot"]),
            commitment=flight.commitment,
            confirm_ms=confirm_ms,
            compute_units=meta.get("computeUnitsConsumed"),
            fee_lamports=meta.get("fee"),
            logs=logs,
            events=tuple(found.event for found in transaction_events(transaction or {}, self.program_id)),
            return_data=return_data(meta.get("returnData")),
            priority_fee_lamports=flight.bid_lamports,
        )

    async def _details(self, flight: Flight) -> dict[str, Any] | None:
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


def return_data(value: Any) -> bytes | None:
    data = base64.b64decode(value["data"][0]) if value and value.get("data") else b""
    return data or None


async def _wait(hint: asyncio.Event, seconds: float) -> None:
    # Not wait_for: that of Python 3.11 can lose a cancellation that comes with the hint.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await hint.wait()
