"""The client's methods for traders: sub-accounts, money, orders."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from . import instructions as build
from ._client_base import Writing
from ._errors import DuplicateClientOrder, ProgramError, TransactionExpired, TransactionOutcomeUnknown
from ._generated.events import OrdersPlaced
from ._generated.types import CancelArgs, KindArgs, Order, OrderArgs
from ._orders import NewOrder, by_all, is_void, placement, same_terms
from ._outcome import Confirmed
from ._pda import associated_token_address, user_address
from ._units import Exact, bps_from, token_to_atoms, usdc_to_atoms

# A placement whose blockhash expired is sent again this often; the client order ids make that harmless.
PLACE_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What became of `place_orders`: the orders as they are in the account, where they still rest.

    `confirmed` is None when an earlier attempt of the same client order ids had already placed them.
    """

    orders: tuple[Order, ...]
    client_order_ids: tuple[int, ...]
    confirmed: Confirmed | None

    @property
    def order_ids(self) -> tuple[int, ...]:
        """Ids of all that this call placed, also of those that have filled since; with `SendOptions.details` off, or
        when an earlier attempt had placed them, of those that still rest.
        """
        events = () if self.confirmed is None else self.confirmed.events
        placed = [order.order_id for event in events if isinstance(event, OrdersPlaced) for order in event.orders]
        return tuple(placed) or tuple(order.order_id for order in self.orders)


class TraderWrites(Writing):
    """Methods of a trader."""

    async def create_user(
        self, sub_id: int = 0, *, referrer: Pubkey | None = None, authority: Keypair | None = None
    ) -> Confirmed:
        """Create a sub-account of the authority (default: the payer), with the account that referred it, for good."""
        owner, keys = self._who(authority)
        step = build.create_user(authority=owner, sub_id=sub_id, referrer=referrer, program_id=self.program_id)
        return await self.send([step], signers=keys)

    async def close_user(self, sub_id: int = 0, *, authority: Keypair | None = None) -> Confirmed:
        """Close an empty sub-account."""
        owner, keys = self._who(authority)
        step = build.close_user(authority=owner, sub_id=sub_id, program_id=self.program_id)
        return await self.send([step], signers=keys)

    async def set_limits(
        self,
        user: Pubkey,
        *,
        leverage_max: Exact | None = None,
        notional_cap: Exact | None = None,
        market: int | str | None = None,
        authority: Keypair | None = None,
    ) -> Confirmed:
        """Limit oneself: greatest leverage over all markets (or in `market`) and greatest total notional in USDC.

        None means no limit of that kind.
        """
        owner, keys = self._who(authority)
        ratio_bps = 0 if leverage_max is None else bps_from(leverage_max)
        whole = market is None
        step = build.set_limits(
            authority=owner,
            user=user,
            user_ratio_bps=ratio_bps if whole else 0,
            notional_cap_atoms=0 if notional_cap is None else usdc_to_atoms(notional_cap, "notional_cap"),
            market_index=build.WHOLE_ACCOUNT if market is None else (await self.market(market)).index,
            market_ratio_bps=0 if whole else ratio_bps,
            program_id=self.program_id,
        )
        return await self.send([step], signers=keys)

    async def deposit(
        self,
        amount: Exact,
        *,
        user: Pubkey | None = None,
        collateral: int | Pubkey = 0,
        source_token: Pubkey | None = None,
        authority: Keypair | None = None,
    ) -> Confirmed:
        """Deposit whole tokens into a sub-account (default: one's own first) from one's associated token account."""
        owner, keys = self._who(authority)
        asset = await self.collateral(collateral)
        step = build.deposit(
            authority=owner,
            user=user or user_address(owner, 0, self.program_id),
            collateral_index=asset.index,
            mint=asset.mint,
            source_token=source_token or associated_token_address(owner, asset.mint),
            amount_atoms=token_to_atoms(amount, asset.decimals),
            program_id=self.program_id,
        )
        return await self.send([step], signers=keys)

    async def withdraw(
        self,
        amount: Exact,
        *,
        user: Pubkey | None = None,
        collateral: int | Pubkey = 0,
        destination_token: Pubkey | None = None,
        authority: Keypair | None = None,
    ) -> Confirmed:
        """Withdraw whole tokens from one's own sub-account, with every price row it reads renewed where needed."""
        owner, keys = self._who(authority)
        asset = await self.collateral(collateral)
        source = user or user_address(owner, 0, self.program_id)
        step = build.withdraw(
            authority=owner,
            user=source,
            collateral_index=asset.index,
            mint=asset.mint,
            destination_token=destination_token or associated_token_address(owner, asset.mint),
            amount_atoms=token_to_atoms(amount, asset.decimals),
            program_id=self.program_id,
        )

        async def steps() -> list[Instruction]:
            return [*await self.refresh_instructions(source, withdrawal=True), step]

        return await self._send_fresh(steps, keys)

    async def placement(
        self, orders: Sequence[NewOrder | OrderArgs], kind_args: Sequence[KindArgs] = ()
    ) -> tuple[list[OrderArgs], list[KindArgs]]:
        """Orders in the program's units and what only some kinds have; each market is read once. See `placement`."""
        markets = {name: await self.market(name) for name in {o.market for o in orders if isinstance(o, NewOrder)}}
        return placement(orders, markets, kind_args)

    async def place_orders_instructions(
        self,
        user: Pubkey,
        orders: Sequence[NewOrder | OrderArgs],
        *,
        kind_args: Sequence[KindArgs] = (),
        signer: Pubkey | None = None,
    ) -> list[Instruction]:
        """Renewal of the rows that the margin check reads, where needed, and the placement."""
        args, parts = await self.placement(orders, kind_args)
        step = build.place_orders(
            signer=signer or self.address(), user=user, orders=args, kind_args=parts, program_id=self.program_id
        )
        if all(order.reduce_only for order in args):
            return [step]
        markets = {order.market_index for order in args if not order.reduce_only}
        return [*await self.refresh_instructions(user, markets=markets), step]

    async def place_orders(
        self,
        user: Pubkey,
        orders: Sequence[NewOrder | OrderArgs],
        *,
        kind_args: Sequence[KindArgs] = (),
        signer: Keypair | None = None,
    ) -> Placed:
        """Place 1 to 8 orders, once: the client order ids make a repetition harmless.

        An expired transaction is sent again. When the program says that an id is in use, or the outcome is unknown,
        the account is read: the same orders resting there mean success, other terms raise `DuplicateClientOrder`.
        """
        who, keys = self._who(signer)
        args, parts = await self.placement(orders, kind_args)
        ids = tuple(order.client_order_id for order in args)

        async def steps() -> list[Instruction]:
            return await self.place_orders_instructions(user, args, kind_args=parts, signer=who)

        for attempt in range(PLACE_ATTEMPTS):
            try:
                confirmed = await self._send_fresh(steps, keys)
            except TransactionExpired:
                if attempt + 1 == PLACE_ATTEMPTS or 0 in ids:
                    raise
            except (ProgramError, TransactionOutcomeUnknown) as error:
                if isinstance(error, ProgramError) and error.name != "ClientOrderIdInUse":
                    raise
                found = await self._resting(user, args)
                if found is None:
                    raise
                return Placed(orders=found, client_order_ids=ids, confirmed=None)
            else:
                resting = await self._of_ids(user, ids)
                return Placed(orders=tuple(resting.values()), client_order_ids=ids, confirmed=confirmed)
        raise AssertionError("every path above returns or raises")

    async def _of_ids(self, user: Pubkey, ids: Sequence[int]) -> dict[int, Order]:
        wanted = {client_id for client_id in ids if client_id}
        account, owner, now_ms = await asyncio.gather(self.orders(user), self.user(user), self.chain_time_ms())
        epoch, deadline_ms = owner.orders_epoch, account.cancel_all_after_ms
        # What was voided keeps its slot for a while, and its id may be used again.
        return {
            order.client_order_id: order
            for order in account.orders
            if order.order_id
            and order.client_order_id in wanted
            and not is_void(order, orders_epoch=epoch, cancel_all_after_ms=deadline_ms, now_ms=now_ms)
        }

    async def _resting(self, user: Pubkey, args: Sequence[OrderArgs]) -> tuple[Order, ...] | None:
        """The open orders that are exactly what was asked; None unless all are there."""
        found = await self._of_ids(user, [order.client_order_id for order in args])
        for order in args:
            held = found.get(order.client_order_id)
            if held is not None and not same_terms(held, order):
                raise DuplicateClientOrder(order.client_order_id, held.order_id)
        if any(order.client_order_id not in found for order in args):
            return None
        return tuple(found[order.client_order_id] for order in args)

    async def cancel_orders(
        self, user: Pubkey, selector: CancelArgs | None = None, *, signer: Keypair | None = None
    ) -> Confirmed:
        """Cancel by `by_order_ids`, `by_client_order_ids`, `by_market`, `by_side` or `by_all` (default)."""
        who, keys = self._who(signer)
        chosen = by_all() if selector is None else selector
        step = build.cancel_orders(signer=who, user=user, selector=chosen, program_id=self.program_id)
        return await self.send([step], signers=keys)

    async def modify_order(
        self,
        user: Pubkey,
        order_id: int,
        replacement: NewOrder | OrderArgs,
        *,
        kind_args: Sequence[KindArgs] = (),
        signer: Keypair | None = None,
    ) -> Confirmed:
        """Cancel and replace in one; priority stays when only the size shrinks.

        A replacement without a client order id keeps the old order's.
        """
        who, keys = self._who(signer)
        if isinstance(replacement, NewOrder) and replacement.client_order_id is None:
            held = {order.order_id: order.client_order_id for order in (await self.orders(user)).orders}
            replacement = replace(replacement, client_order_id=held.get(order_id, 0))
        (args,), parts = await self.placement([replacement], kind_args)
        step = build.modify_order(
            signer=who,
            user=user,
            order_id=order_id,
            replacement=args,
            kind_args=parts,
            program_id=self.program_id,
        )

        async def steps() -> list[Instruction]:
            fresh = [] if args.reduce_only else await self.refresh_instructions(user, markets=[args.market_index])
            return [*fresh, step]

        return await self._send_fresh(steps, keys)
