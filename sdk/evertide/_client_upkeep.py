"""The client's methods for the exchange's soundness."""

from __future__ import annotations

from solders.keypair import Keypair
from solders.pubkey import Pubkey

from . import instructions as build
from ._client_base import Writing
from ._errors import AccountMismatch
from ._outcome import Confirmed


class UpkeepWrites(Writing):
    """Methods that anyone may call."""

    async def settle_market(self, market: int | str) -> Confirmed:
        """Close every position of a settling market; called again when all are folded, close the market for good."""
        index = (await self.market(market)).index
        return await self.send([build.settle_market(market_index=index, program_id=self.program_id)])

    async def invariants_hold(self, market: int | str, collateral: int = 0) -> bool:
        """Ask by simulation whether the totals of a market, an asset and the insurance fund agree."""
        index = (await self.market(market)).index
        keeper = (await self.exchange()).roles[0]
        step = build.check_invariants(
            keeper=keeper, market_index=index, collateral_index=collateral, program_id=self.program_id
        )
        data = (await self.simulate([step], payer=keeper)).return_data
        # A node cuts zeros off the end of an answer: false may come as nothing at all.
        if data is not None and data not in (b"\0", b"\1"):
            raise AccountMismatch("check_invariants", "return data", data.hex(), "a bool")
        return data == b"\1"

    async def check_invariants(
        self,
        market: int | str,
        collateral: int = 0,
        *,
        keeper_user: Pubkey | None = None,
        keeper: Keypair | None = None,
    ) -> Confirmed:
        """Have the program compare totals: where they differ the market is reduce-only from then on."""
        who, keys = self._who(keeper)
        step = build.check_invariants(
            keeper=who,
            market_index=(await self.market(market)).index,
            collateral_index=collateral,
            keeper_user=keeper_user,
            program_id=self.program_id,
        )
        return await self.send([step], signers=keys)

    async def extend_account(self, account: Pubkey, *, payer: Keypair | None = None) -> Confirmed:
        """Grow an account of an older layout to the present one. Raises the program's error when it is up to date."""
        who, keys = self._who(payer)
        step = build.extend_account(payer=who, account=account, program_id=self.program_id)
        return await self.send([step], signers=keys)
