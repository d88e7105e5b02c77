"""The client's methods of the way down: liquidators, the backstop, bankruptcies."""

from __future__ import annotations

from collections.abc import Sequence

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from . import instructions as build
from ._client_base import Writing
from ._outcome import Confirmed
from ._pda import user_address
from ._units import Exact, size_to_lots, token_to_atoms

OrderRef = tuple[Pubkey, int]


class LiquidationWrites(Writing):
    """Methods of liquidators, and those by which anyone keeps accounts on their way down going."""

    async def liquidate_orders(self, user: Pubkey) -> Confirmed:
        """Act on the orders of an account below cancel margin: begins a liquidation below maintenance, or ends one."""
        return await self.send([build.liquidate_orders(user=user, program_id=self.program_id)])

    async def liquidate_position_instructions(
        self,
        market: int | str,
        user: Pubkey,
        *,
        liquidator: Pubkey | None = None,
        size_max: Exact | None = None,
        authority: Pubkey | None = None,
    ) -> list[Instruction]:
        """Renewal of the rows that the liquidator's margin check reads, where needed, and the liquidation."""
        signer = authority or self.address()
        taker = liquidator or user_address(signer, 0, self.program_id)
        index, size_max_lots = await self._lots(market, size_max)
        step = build.liquidate_position(
            authority=signer,
            liquidator=taker,
            market_index=index,
            user=user,
            size_max_lots=size_max_lots,
            program_id=self.program_id,
        )
        return [*await self.refresh_instructions(taker, markets=[index]), step]

    async def liquidate_position(
        self,
        market: int | str,
        user: Pubkey,
        *,
        liquidator: Pubkey | None = None,
        size_max: Exact | None = None,
        authority: Keypair | None = None,
    ) -> Confirmed:
        """Take over a position of an account in liquidation, at mark and for a fee.

        At most `size_max` base units (None: all that is open). `liquidator` is the `User` that takes over, by default
        the authority's first; it must stand at initial margin afterwards.
        """
        signer, keys = self._who(authority)

        async def steps() -> list[Instruction]:
            return await self.liquidate_position_instructions(
                market, user, liquidator=liquidator, size_max=size_max, authority=signer
            )

        return await self._send_fresh(steps, keys)

    async def liquidate_with_orders(
        self,
        market: int | str,
        user: Pubkey,
        makers: Sequence[OrderRef],
        *,
        size_max: Exact | None = None,
        keeper_user: Pubkey | None = None,
        keeper: Keypair | None = None,
    ) -> Confirmed:
        """Close a position of an account in liquidation against resting orders, best first; each maker is (address
        of the `User`, order id). `keeper_user` earns the keeper's share of the fee.
        """
        who, keys = self._who(keeper)
        index, size_max_lots = await self._lots(market, size_max)
        step = build.liquidate_with_orders(
            keeper=who,
            market_index=index,
            user=user,
            makers=makers,
            size_max_lots=size_max_lots,
            keeper_user=keeper_user,
            program_id=self.program_id,
        )
        return await self.send([step], signers=keys)

    async def liquidate_collateral_instructions(
        self,
        collateral: int | Pubkey,
        user: Pubkey,
        *,
        liquidator: Pubkey | None = None,
        amount_max: Exact | None = None,
        authority: Pubkey | None = None,
    ) -> list[Instruction]:
        """The purchase; for a user that is not in liquidation with the renewal of the price it needs in front."""
        signer = authority or self.address()
        asset = await self.collateral(collateral)
        step = build.liquidate_collateral(
            authority=signer,
            liquidator=liquidator or user_address(signer, 0, self.program_id),
            user=user,
            collateral_index=asset.index,
            amount_max_atoms=build.NO_LIMIT if amount_max is None else token_to_atoms(amount_max, asset.decimals),
            program_id=self.program_id,
        )
        # In liquidation any price will do: a dead feed is no shield.
        if (await self.user(user)).liquidation_start_ms != 0:
            return [step]
        return [*await self.refresh_instructions(collaterals=[asset.index]), step]

    async def liquidate_collateral(
        self,
        collateral: int | Pubkey,
        user: Pubkey,
        *,
        liquidator: Pubkey | None = None,
        amount_max: Exact | None = None,
        authority: Keypair | None = None,
    ) -> Confirmed:
        """Buy collateral, at most `amount_max` tokens, of an account in liquidation or of one with an old debt.

        `liquidator` is the `User` that pays quote and receives the tokens, by default the authority's first.
        """
        signer, keys = self._who(authority)

        async def steps() -> list[Instruction]:
            return await self.liquidate_collateral_instructions(
                collateral, user, liquidator=liquidator, amount_max=amount_max, authority=signer
            )

        return await self._send_fresh(steps, keys)

    async def liquidate_to_backstop(
        self, market: int | str, user: Pubkey, *, backstop: Pubkey | None = None
    ) -> Confirmed:
        """Move a position below backstop margin to its market's backstop, and deleverage what does not fit there."""
        index = (await self.market(market)).index
        step = build.liquidate_to_backstop(market_index=index, user=user, backstop=backstop, program_id=self.program_id)
        return await self.send([step])

    async def resolve_bankruptcy(self, market: int | str, user: Pubkey) -> Confirmed:
        """Let a market bear its share of the deficit of an account below zero. One market for each call."""
        index = (await self.market(market)).index
        return await self.send([build.resolve_bankruptcy(market_index=index, user=user, program_id=self.program_id)])

    async def _lots(self, market: int | str, size_max: Exact | None) -> tuple[int, int]:
        """A market's index, and the most lots that `size_max` base units are."""
        listed = await self.market(market)
        if size_max is None:
            return listed.index, build.NO_LIMIT
        return listed.index, size_to_lots(size_max, lot_size_e9=listed.terms.lot_size_e9)
