"""The client's methods for orders signed off chain: signing, placing as anybody, using a nonce up."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from . import instructions as build
from ._client_base import Writing
from ._errors import AccountMismatch, SignerMissing
from ._orders import NewOrder
from ._outcome import Confirmed
from ._signed import SignedOrder, SignedTerms, ed25519_instruction, sign_order, signed_terms, verify_order


class SignedWrites(Writing):
    """Methods of signed orders."""

    async def genesis_hash(self) -> bytes:
        """The cluster's genesis hash, 32 bytes, on which the node and the exchange agree. Raises `AccountMismatch`."""
        found, stated = await self.rpc.get_genesis_hash(), (await self.exchange()).genesis_hash
        if found != stated:
            raise AccountMismatch("Exchange", "genesis hash", stated.hex(), found.hex())
        return found

    async def sign_order(
        self,
        user: Pubkey,
        order: NewOrder | SignedTerms,
        *,
        window_s: int = 60,
        nonce_ms: int | None = None,
        signer: Keypair | None = None,
    ) -> SignedOrder:
        """Sign an order for anybody to place within `window_s` seconds; nothing is sent.

        `SignedTerms` are signed as they are: a market order, which needs a worst price, is `signed_terms` of a limit
        order with another kind. The nonce of a `NewOrder` is chain time in ms with its last three digits drawn, so that
        orders of one second differ.
        """
        key = signer or getattr(self, "payer", None)
        if not isinstance(key, Keypair):
            raise SignerMissing("signer")
        terms = order
        if isinstance(terms, NewOrder):
            nonce = await self.chain_time_ms() + secrets.randbelow(1_000) if nonce_ms is None else nonce_ms
            terms = signed_terms(terms, await self.market(terms.market), window_s=window_s, nonce_ms=nonce)
        return sign_order(
            terms, user=user, signer=key, genesis_hash=await self.genesis_hash(), program_id=self.program_id
        )

    async def verify_order(self, signed: SignedOrder) -> SignedTerms:
        """Check a signed order against this cluster and its clock, and say what it is. Raises `SignedOrderInvalid`."""
        return verify_order(
            signed,
            genesis_hash=await self.genesis_hash(),
            program_id=self.program_id,
            now_ms=await self.chain_time_ms(),
        )

    async def place_signed_orders_instructions(
        self, orders: Sequence[SignedOrder], *, keeper: Pubkey | None = None
    ) -> list[Instruction]:
        """Renewal of the rows that the margin checks read, the Ed25519 program's instruction, and the placement."""
        renewals: list[Instruction] = []
        for user in dict.fromkeys(order.user for order in orders):
            own = [order.terms for order in orders if order.user == user]
            if any(not terms.reduce_only for terms in own):
                renewals += await self.refresh_instructions(user, markets=[terms.market_index for terms in own])
        # Two users may need the same row: one renewal will do, and a second would not be newer.
        fresh = list({(bytes(step.data[:8]), str(step.accounts)): step for step in renewals}.values())
        step = build.place_signed_orders(
            keeper=keeper or self.address(),
            orders=orders,
            instruction_index=len(fresh),
            program_id=self.program_id,
        )
        return [*fresh, ed25519_instruction(orders), step]

    async def place_signed_orders(self, orders: Sequence[SignedOrder], *, keeper: Keypair | None = None) -> Confirmed:
        """Place 1 to 4 orders that their owners signed; anyone may."""
        who, keys = self._who(keeper)

        async def steps() -> list[Instruction]:
            return await self.place_signed_orders_instructions(orders, keeper=who)

        return await self._send_fresh(steps, keys)

    async def cancel_nonce(self, user: Pubkey, nonce_ms: int, *, signer: Keypair | None = None) -> Confirmed:
        """Use a nonce up, so that the order signed with it can never be placed."""
        who, keys = self._who(signer)
        step = build.cancel_nonce(signer=who, user=user, nonce_ms=nonce_ms, program_id=self.program_id)
        return await self.send([step], signers=keys)
