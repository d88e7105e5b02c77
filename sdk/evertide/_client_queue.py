"""The client's methods for the queue of withdrawals and for stakes in the insurance fund."""

from __future__ import annotations

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from . import instructions as build
from ._client_base import Writing
from ._errors import AccountNotFound
from ._generated import constants
from ._generated.accounts import Insurance, InsuranceStake
from ._outcome import Confirmed
from ._pda import associated_token_address, stake_address, user_address
from ._units import Exact, token_to_atoms, usdc_to_atoms


class QueueWrites(Writing):
    """Methods of the queue of withdrawals and of stakes in the insurance fund."""

    async def request_withdraw(
        self,
        amount: Exact,
        *,
        user: Pubkey | None = None,
        collateral: int | Pubkey = 0,
        authority: Keypair | None = None,
    ) -> Confirmed:
        """Queue a withdrawal of whole tokens that the asset's floor holds back: paid in order as the floor allows."""
        owner, keys = self._who(authority)
        source = user or user_address(owner, 0, self.program_id)

        async def steps() -> list[Instruction]:
            return await self.request_withdraw_instructions(amount, user=source, collateral=collateral, authority=owner)

        return await self._send_fresh(steps, keys)

    async def request_withdraw_instructions(
        self, amount: Exact, *, user: Pubkey, collateral: int | Pubkey = 0, authority: Pubkey
    ) -> list[Instruction]:
        """Renewal of the rows that the account's margin reads, where needed, and the request."""
        asset = await self.collateral(collateral)
        step = build.request_withdraw(
            authority=authority,
            user=user,
            collateral_index=asset.index,
            amount_atoms=token_to_atoms(amount, asset.decimals),
            program_id=self.program_id,
        )
        return [*await self.refresh_instructions(user, withdrawal=True), step]

    async def claim_withdraw(self, user: Pubkey, *, destination_token: Pubkey | None = None) -> Confirmed:
        """Pay a sub-account's request, when it is the first of its queue, to its owner's token account. Anyone."""
        return await self.send([await self.claim_withdraw_instruction(user, destination_token=destination_token)])

    async def claim_withdraw_instruction(self, user: Pubkey, *, destination_token: Pubkey | None = None) -> Instruction:
        """The payment of a sub-account's request; the token account defaults to its owner's associated one."""
        account = await self.user(user)
        asset = await self.collateral(account.withdraw_index)
        return build.claim_withdraw(
            user=user,
            collateral_index=asset.index,
            mint=asset.mint,
            destination_token=destination_token or associated_token_address(account.authority, asset.mint),
            program_id=self.program_id,
        )

    async def first_in_queue(self, collateral: int | Pubkey = 0) -> Pubkey | None:
        """The sub-account whose request is paid first; None when nobody waits. Reads every `User` account."""
        asset = await self.collateral(collateral)
        if asset.queue_head == asset.queue_tail:
            return None
        addresses, users = await self.fetch_arrays("User")
        waits = (users["withdraw_atoms"] > 0) & (users["withdraw_index"] == asset.index)
        first = waits & (users["withdraw_ticket"] == asset.queue_head)
        return next((address for address, found in zip(addresses, first, strict=True) if found), None)

    async def stake(self, authority: Pubkey) -> InsuranceStake | None:
        """An authority's stake in the insurance fund; None when it has none."""
        try:
            return await self._fetch(InsuranceStake, stake_address(authority, self.program_id))
        except AccountNotFound:
            return None

    async def stake_insurance(
        self, amount: Exact, *, source_token: Pubkey | None = None, authority: Keypair | None = None
    ) -> Confirmed:
        """Put USDC into the insurance fund for shares of it."""
        owner, keys = self._who(authority)
        token = source_token or associated_token_address(owner, (await self.exchange()).quote_mint)
        step = build.stake_insurance(
            authority=owner, source_token=token, amount_atoms=usdc_to_atoms(amount), program_id=self.program_id
        )
        return await self.send([step], signers=keys)

    async def request_unstake(self, shares: int, *, authority: Keypair | None = None) -> Confirmed:
        """Ask shares out, in the place of an earlier request; 0 takes it back. Due after 13 days, for 3 days."""
        owner, keys = self._who(authority)
        step = build.request_unstake(authority=owner, shares=shares, program_id=self.program_id)
        return await self.send([step], signers=keys)

    async def claim_unstake(
        self, *, destination_token: Pubkey | None = None, authority: Keypair | None = None
    ) -> Confirmed:
        """Take a due request out, as far as open bankruptcies leave it."""
        owner, keys = self._who(authority)
        token = destination_token or associated_token_address(owner, (await self.exchange()).quote_mint)
        step = build.claim_unstake(authority=owner, destination_token=token, program_id=self.program_id)
        return await self.send([step], signers=keys)


def stake_worth(insurance: Insurance, shares: int) -> int:
    """What shares of the fund are worth now, quote atoms, rounded down as the program does."""
    value = max(0, insurance.balance_atoms - insurance.tranche_atoms)
    everybody = insurance.shares + insurance.protocol_shares + constants.VIRTUAL_SHARES
    return min(value, shares * (value + constants.VIRTUAL_ATOMS) // everybody)
