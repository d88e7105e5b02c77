"""The client's methods for fair matching: answering auctions, and orders that are hidden at first."""

from __future__ import annotations

from collections.abc import Sequence

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from . import instructions as build
from ._client_base import Writing
from ._commitments import HiddenOrder, committed_order_id
from ._errors import UsageError
from ._generated.types import KindArgs, OrderArgs
from ._orders import NewOrder
from ._outcome import Confirmed
from ._units import Exact, price_to_ticks, size_to_lots


class AuctionWrites(Writing):
    """Methods of auctions and commitments."""

    async def placement(
        self, orders: Sequence[NewOrder | OrderArgs], kind_args: Sequence[KindArgs] = ()
    ) -> tuple[list[OrderArgs], list[KindArgs]]:
        """Orders in the program's units."""
        raise NotImplementedError

    async def fill_auction_instructions(
        self,
        market: int | str,
        taker: tuple[Pubkey, int],
        *,
        price: Exact,
        size_max: Exact,
        maker_user: Pubkey,
        signer: Pubkey,
    ) -> list[Instruction]:
        """Renewal of the rows that the maker's margin reads, where needed, and the answer."""
        listed = await self.market(market)
        step = build.fill_auction(
            signer=signer,
            market_index=listed.index,
            taker_user=taker[0],
            taker_order_id=taker[1],
            maker_user=maker_user,
            price_ticks=price_to_ticks(price, tick_size_atoms=listed.terms.tick_size_atoms),
            size_max_lots=size_to_lots(size_max, lot_size_e9=listed.terms.lot_size_e9, name="size_max"),
            program_id=self.program_id,
        )
        return [*await self.refresh_instructions(maker_user, markets=[listed.index]), step]

    async def fill_auction(
        self,
        market: int | str,
        taker: tuple[Pubkey, int],
        *,
        price: Exact,
        size_max: Exact,
        maker_user: Pubkey,
        signer: Keypair | None = None,
    ) -> Confirmed:
        """Answer an order in its taker phase, (address of its `User`, order id), at its limit or better for it."""
        who, keys = self._who(signer)

        async def steps() -> list[Instruction]:
            return await self.fill_auction_instructions(
                market, taker, price=price, size_max=size_max, maker_user=maker_user, signer=who
            )

        return await self._send_fresh(steps, keys)

    async def hide_order(self, user: Pubkey, order: NewOrder | OrderArgs) -> HiddenOrder:
        """A limit or market order with a fresh salt, for `commit_order` and `reveal_order`; nothing is sent."""
        (args,), parts = await self.placement([order])
        if parts:
            raise UsageError("only limit and market orders can be hidden")
        return HiddenOrder.of(user, args)

    async def commit_order(self, hidden: HiddenOrder, *, signer: Keypair | None = None) -> Confirmed:
        """Take a place in time for an order that nobody sees yet; it is gone unless it is revealed within 60 s."""
        who, keys = self._who(signer)
        step = build.commit_order(signer=who, user=hidden.user, hash=hidden.hash, program_id=self.program_id)
        return await self.send([step], signers=keys)

    async def reveal_order_instructions(self, hidden: HiddenOrder, *, signer: Pubkey) -> list[Instruction]:
        """Renewal of the rows that the margin check reads, where needed, and the reveal. Raises `UsageError`."""
        order_id = committed_order_id(await self.orders(hidden.user), hidden.hash)
        if order_id is None:
            raise UsageError(f"{hidden.user} has no commitment of this order: it was never made, revealed or is gone")
        step = build.reveal_order(
            signer=signer,
            user=hidden.user,
            order_id=order_id,
            order=hidden.order,
            salt=hidden.salt,
            program_id=self.program_id,
        )
        if hidden.order.reduce_only:
            return [step]
        return [*await self.refresh_instructions(hidden.user, markets=[hidden.order.market_index]), step]

    async def reveal_order(self, hidden: HiddenOrder, *, signer: Keypair | None = None) -> Confirmed:
        """Place a hidden order under its commitment's id and place in time."""
        who, keys = self._who(signer)

        async def steps() -> list[Instruction]:
            return await self.reveal_order_instructions(hidden, signer=who)

        return await self._send_fresh(steps, keys)
