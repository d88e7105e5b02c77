"""The client's methods for orders that wait, link or follow a schedule: a deadline, and what anyone may do."""

from __future__ import annotations

from collections.abc import Callable

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from . import instructions as build
from ._client_base import Writing
from ._errors import UsageError
from ._generated.types import Order
from ._outcome import Confirmed


class KindWrites(Writing):
    """Methods of order kinds."""

    async def cancel_all_after(self, user: Pubkey, deadline_ms: int, *, signer: Keypair | None = None) -> Confirmed:
        """Set the dead-man's deadline, chain time in unix ms; 0 turns it off. From then on all orders are dead."""
        who, keys = self._who(signer)
        step = build.cancel_all_after(signer=who, user=user, deadline_ms=deadline_ms, program_id=self.program_id)
        return await self.send([step], signers=keys)

    async def expire_orders(self, user: Pubkey) -> Confirmed:
        """Take an account's dead orders out: void, expired, past its deadline, exits and slices without a purpose."""
        return await self.send([build.expire_orders(user=user, program_id=self.program_id)])

    async def open_order(self, user: Pubkey, order_id: int) -> Order:
        """An order of an account, alive or dead. Raises `UsageError`."""
        for order in (await self.orders(user)).orders:
            if order.order_id == order_id and order_id:
                return order
        raise UsageError(f"{user} has no order {order_id}")

    async def trigger_order_instructions(self, user: Pubkey, order_id: int) -> list[Instruction]:
        """Renewal of the rows that the check of a new order reads, where needed, and the trigger."""
        return await self._fresh_step(build.trigger_order, user, order_id)

    async def trigger_order(self, user: Pubkey, order_id: int) -> Confirmed:
        """Make an order live whose time has come or whose trigger is reached; `OrderTriggered.outcome` tells."""

        async def steps() -> list[Instruction]:
            return await self.trigger_order_instructions(user, order_id)

        return await self._send_fresh(steps, [])

    async def execute_slice_instructions(self, user: Pubkey, order_id: int) -> list[Instruction]:
        """Renewal of the rows that the check of a new order reads, where needed, and the slice."""
        return await self._fresh_step(build.execute_slice, user, order_id)

    async def execute_slice(self, user: Pubkey, order_id: int) -> Confirmed:
        """Place the slice of a TWAP that is due; `SliceExecuted.outcome` tells why it was cancelled."""

        async def steps() -> list[Instruction]:
            return await self.execute_slice_instructions(user, order_id)

        return await self._send_fresh(steps, [])

    async def update_trailing(self, user: Pubkey, order_id: int) -> Confirmed:
        """Move a trailing stop's trigger after the price. Raises `TrailingNotMoved` when there is nothing to move."""
        order = await self.open_order(user, order_id)
        step = build.update_trailing(
            market_index=order.market_index, user=user, order_id=order_id, program_id=self.program_id
        )
        return await self.send([step])

    async def _fresh_step(self, builder: Callable[..., Instruction], user: Pubkey, order_id: int) -> list[Instruction]:
        order = await self.open_order(user, order_id)
        step = builder(market_index=order.market_index, user=user, order_id=order_id, program_id=self.program_id)
        return [*await self.refresh_instructions(user, markets=[order.market_index]), step]
