"""The client's methods for builders and referrers."""

from __future__ import annotations

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from . import instructions as build
from ._client_base import Writing
from ._errors import UsageError
from ._generated.accounts import Market
from ._outcome import Confirmed
from ._rewards import BuilderView, UnknownBuilder, builder_views


class RewardWrites(Writing):
    """Methods of builders and referrers."""

    async def builders(self) -> list[BuilderView]:
        """Every builder that is registered or still to be paid, with what each market owes it."""
        return builder_views(await self.exchange(), await self.markets())

    async def pay_builder_instructions(self, entry: int, *, authority: Pubkey | None = None) -> list[Instruction]:
        """A payment for every market that owes the builder of an entry, or must say that it owes a retired one nothing.

        Raises `UnknownBuilder` when the entry holds none.
        """
        exchange, markets = await self.exchange(), await self.markets()
        view = next((found for found in builder_views(exchange, markets) if found.entry == entry), None)
        if view is None:
            raise UnknownBuilder(entry, len(exchange.builders))
        due = sorted({*view.owed_atoms, *view.unpaid_markets})
        # Unsigned, the markets that cannot pay yet are left for later; where none can, the program says why.
        ready = [index for index in due if index not in view.owed_atoms or _can_pay(markets[index])]
        return [
            build.pay_builder(
                market_index=index,
                entry=entry,
                recipient=view.user,
                authority=authority,
                program_id=self.program_id,
            )
            for index in (due if authority is not None else ready or due[:1])
        ]

    async def pay_builder(self, entry: int, *, authority: Keypair | None = None) -> list[Confirmed]:
        """Pay a builder in every market that owes it, one transaction each; `RewardPaid` tells how much. Anyone.

        `authority`, the owner of the builder's account, takes the backed part where a market has a recorded deficit.
        """
        owner = None if authority is None else authority.pubkey()
        return await self._pay(await self.pay_builder_instructions(entry, authority=owner), authority)

    async def pay_referrer_instructions(self, user: Pubkey, *, authority: Pubkey | None = None) -> list[Instruction]:
        """Payments that together pay what `user` owes its referrer, out of markets that can pay now.

        Raises `UsageError` when the account has no referrer.
        """
        referrer = (await self.user(user)).referrer
        if referrer == Pubkey.default():
            raise UsageError(f"{user} has no referrer")
        owed = (await self.orders(user)).referral_owed_atoms
        holding = [market for market in await self.markets() if market.referral_owed_atoms] if owed else []
        ready = [market for market in holding if authority is not None or _can_pay(market)]
        steps = []
        # Where no market can pay yet, the program says why.
        for market in ready or holding[:1]:
            if owed <= 0:
                break
            owed -= market.referral_owed_atoms if authority is not None else _payable_atoms(market)
            steps.append(
                build.pay_referrer(
                    market_index=market.index,
                    user=user,
                    recipient=referrer,
                    authority=authority,
                    program_id=self.program_id,
                )
            )
        return steps

    async def pay_referrer(self, user: Pubkey, *, authority: Keypair | None = None) -> list[Confirmed]:
        """Pay the referrer of `user` what it is owed, one transaction for each market that pays. Anyone.

        `authority`, the owner of the referrer's account or of `user`, has the backed part taken where a market has a
        recorded deficit.
        """
        owner = None if authority is None else authority.pubkey()
        return await self._pay(await self.pay_referrer_instructions(user, authority=owner), authority)

    async def _pay(self, steps: list[Instruction], authority: Keypair | None) -> list[Confirmed]:
        signers = [] if authority is None else [authority]
        return [await self.send([step], signers=signers) for step in steps]


def _can_pay(market: Market) -> bool:
    """Whether a market pays rewards now without anybody giving anything up."""
    return market.pool_atoms > 0 and market.deficit_atoms == 0


def _payable_atoms(market: Market) -> int:
    return min(market.referral_owed_atoms, market.pool_atoms) if _can_pay(market) else 0
