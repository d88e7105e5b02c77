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
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from ._confirming import Confirming, Flight, return_data
from ._errors import RpcBehind, RpcError, SignerMissing, TransactionRefused
from ._hints import Connect, SignatureHints
from ._outcome import Confirmed, Failed, Outcome, SendOptions, Simulation
from ._pda import PROGRAM_ID
from ._rpc import RpcClient
from ._time import now_s
from ._transaction import (
    BUDGET_INSTRUCTION_UNITS,
    COMPUTE_UNITS_MAX,
    budget,
    default_limit,
    message,
    signed_wire,
    unsigned_wire,
    with_budget,
)

_FEES_FRESH_S = 10.0
_SIGNATURES_KEPT = 4096
# A node that is behind is asked again after these pauses: some are so by a slot for one method and not for another.
_BEHIND_PAUSES_S = (0.01, 0.02, 0.04, 0.08, 0.15, 0.2, 0.3)

Answer = TypeVar("Answer")


class Sender(Confirming):
    """Sends for one fee payer through one node or a pool. Safe to use from many tasks of one event loop."""

    def __init__(
        self,
        rpc: RpcClient,
        payer: Keypair | None,
        *,
        ws_url: str | None = None,
        options: SendOptions | None = None,
        program_id: Pubkey = PROGRAM_ID,
        connect: Connect | None = None,
    ) -> None:
        self.rpc = rpc
        self.payer = payer
        self.options = options or SendOptions()
        self.program_id = program_id
        self._hints = SignatureHints(ws_url, timeout_s=rpc.timeout_s, connect=connect)
        self._flights: dict[str, Flight] = {}
        self._used: dict[str, None] = {}
        self._fees: dict[tuple[Pubkey, ...], tuple[float, int]] = {}

    @property
    def in_flight(self) -> tuple[str, ...]:
        """Signatures of what was signed to be sent and has no known end yet."""
        return tuple(self._flights)

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
        min_context_slot: int | None = None,
    ) -> Simulation:
        """Run the transaction on the node without signatures and without effect. Raises a `TransportError`.

        `min_context_slot`: on a state of that slot or a later one.
        """
        limit = budget(COMPUTE_UNITS_MAX, 0)
        zero_hash = "11111111111111111111111111111111"
        compiled = message(payer or self._payer().pubkey(), with_budget(instructions, limit), zero_hash, lookup_tables)
        slot, value = await self._caught_up(
            lambda: self.rpc.simulate(unsigned_wire(compiled), commitment=commitment, min_context_slot=min_context_slot)
        )
        logs = tuple(value.get("logs") or ())
        error = None
        if value.get("err") is not None:
            error = self._failure(value["err"], logs, None, COMPUTE_UNITS_MAX)
        return Simulation(
            error=error,
            compute_units=int(value.get("unitsConsumed") or 0),
            logs=logs,
            return_data=return_data(value.get("returnData")),
            slot=slot,
        )

    async def _caught_up(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """What a node answers once it has reached the slot asked for. Raises `RpcBehind` when it does not."""
        for pause_s in _BEHIND_PAUSES_S:
            try:
                return await ask()
            except RpcBehind:
                await asyncio.sleep(pause_s)
        return await ask()

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
                instructions,
                payer=fee_payer.pubkey(),
                lookup_tables=lookup_tables,
                commitment=chosen.commitment,
                min_context_slot=chosen.min_context_slot,
            )
            if simulation.error is not None:
                return Failed(error=simulation.error, signature=None, landed=False)
            margin = 100 + chosen.compute_margin_percent
            limit = -(-simulation.compute_units * margin // 100) + 2 * BUDGET_INSTRUCTION_UNITS
        price = await self._priority_fee(instructions, chosen)
        keys = [fee_payer, *signers]
        for _ in range(4):
            flight = await self._sign(instructions, keys, lookup_tables, chosen, limit, price)
            self._flights[flight.signature] = flight
            try:
                if not await self._first_send(flight):
                    return await self._confirm(flight)
            finally:
                del self._flights[flight.signature]
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
    ) -> Flight:
        """Sign with a fresh blockhash. Equal work within a slot would give equal bytes: the limit moves on."""
        commitment = options.commitment or self.rpc.commitment
        blockhash = await self._caught_up(
            lambda: self.rpc.get_latest_blockhash(commitment=commitment, min_context_slot=options.min_context_slot)
        )
        default = default_limit(instructions, self.program_id)
        free = options.keep_default_limit and options.compute_limit is None and price == 0
        keeps_default = free and limit <= default
        while True:
            steps = with_budget(instructions, budget(None if keeps_default else limit, price))
            compiled = message(keys[0].pubkey(), steps, blockhash.blockhash, lookup_tables)
            wire, signature = signed_wire(compiled, keys)
            if signature not in self._used:
                break
            if not keeps_default:
                limit = limit + 1 if limit < COMPUTE_UNITS_MAX else limit - _SIGNATURES_KEPT
            keeps_default = False
        self._used[signature] = None
        while len(self._used) > _SIGNATURES_KEPT:
            del self._used[next(iter(self._used))]
        limit = default if keeps_default else limit
        return Flight(wire, signature, blockhash, options, commitment, limit, now_s(), price)

    async def _priority_fee(self, instructions: Sequence[Instruction], options: SendOptions) -> int:
        """Micro-lamports a unit, under the cap; each rung of the ladder doubles it."""
        cap = options.priority_fee_cap_micro_lamports
        if options.priority_fee_micro_lamports is not None:
            return min(options.priority_fee_micro_lamports, cap)
        if cap <= 0:
            return 0
        written = dict.fromkeys(meta.pubkey for ix in instructions for meta in ix.accounts if meta.is_writable)
        key = tuple(written)
        known = self._fees.get(key)
        if known is not None and now_s() - known[0] < _FEES_FRESH_S:
            return _on_ladder(known[1], options)
        try:
            paid = sorted(await self.rpc.get_recent_priority_fees(key))
        except RpcError:
            # Not every node serves this method; no fee is a valid bid.
            paid = []
        fee = paid[len(paid) * 3 // 4] if paid else 0
        if len(self._fees) > 1024:
            self._fees.clear()
        self._fees[key] = (now_s(), fee)
        return _on_ladder(fee, options)


def _on_ladder(fee: int, options: SendOptions) -> int:
    """The fee at the rung that the options name: doubled for each, from the ladder's foot on, under the cap."""
    foot = max(fee, options.priority_fee_foot_micro_lamports) if options.priority_fee_rung else fee
    return min(foot << options.priority_fee_rung, options.priority_fee_cap_micro_lamports)
