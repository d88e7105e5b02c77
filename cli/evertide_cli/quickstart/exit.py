"""The way out: everyone cancels, closes against each other, settles, pays its debt, withdraws all."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evertide_cli.errors import CliError
from evertide_cli.terms import MARKETS

from . import sights
from .views import Wish

if TYPE_CHECKING:
    from solders.instruction import Instruction

    from .chain import Chain
    from .market_setup import Cast
    from .sights import Actor
    from .staff import Staff

CLOSE_ROUNDS_MAX = 8
MATCH_ROUNDS_MAX = 40
ROUND_MS = 30_000
EXIT_CLIENT_ID = 1_000_000_000
SETTLE_ROUNDS_MAX = 4


@dataclass(slots=True)
class Exit:
    """The end of the run for everybody."""

    chain: Chain
    staff: Staff
    roles: Cast
    cast: Sequence[Actor]
    prices: Mapping[str, int]

    async def refresh(self, ahead_ms: int = 0) -> None:
        """Fresh prices and rows: closing and withdrawing value accounts by them."""
        if ahead_ms:
            await self.chain.travel_to(await self.chain.now_ms() + ahead_ms)
        await self.staff.publish(self.prices)
        await self.staff.step("accrual")

    async def cancel_all(self) -> int:
        """Everyone cancels everything; returns how many orders that were."""
        from evertide import by_all, instructions

        own = await sights.own_sights(self.chain, self.cast)
        with_orders = [actor for actor, sight in zip(self.cast, own, strict=True) if sight.orders]
        await asyncio.gather(
            *(
                self.chain.send(
                    actor.key,
                    instructions.cancel_orders(signer=actor.key.pubkey(), user=actor.user, selector=by_all()),
                )
                for actor in with_orders
            )
        )
        return sum(len(sight.orders) for sight in own)

    async def close_all(self) -> int:
        """Longs sell to shorts at the index, reduce-only, until nobody holds anything; returns the rounds it took."""
        for round_number in range(CLOSE_ROUNDS_MAX):
            await self.refresh(ROUND_MS if round_number else 0)
            own = await sights.own_sights(self.chain, self.cast)
            if not any(any(sight.positions_lots.values()) for sight in own):
                return round_number
            seen = sights.market_sights(self.prices, self.prices, 0)
            await asyncio.gather(
                *(
                    self._offer(actor, sight, seen, round_number)
                    for actor, sight in zip(self.cast, own, strict=True)
                    if any(sight.positions_lots.values())
                )
            )
            await self.staff.until_quiet("matcher", rounds_max=MATCH_ROUNDS_MAX)
            await self.cancel_all()
        raise CliError(f"positions are still open after {CLOSE_ROUNDS_MAX} rounds of closing")

    async def _offer(
        self, actor: Actor, own: sights.OwnSight, seen: Mapping[str, sights.MarketSight], round_number: int
    ) -> None:
        """Reduce-only limits at the index for everything held; these rest at once."""
        from evertide import instructions

        orders = []
        for number, sight in enumerate(seen.values()):
            held = own.positions_lots.get(sight.market_index, 0)
            if held:
                wish = Wish(sight.market_index, held > 0, abs(held), sight.index_ticks(), reduce_only=True)
                orders.append(sights.order_args(wish, EXIT_CLIENT_ID + round_number * 10 + number))
        step = instructions.place_orders(signer=actor.key.pubkey(), user=actor.user, orders=orders)
        await self.chain.send(actor.key, step)

    async def settle_all(self) -> None:
        """Losers first, then winners, until no position holds unsettled cash; a loser without quote deposits it."""
        for _ in range(SETTLE_ROUNDS_MAX):
            await self.refresh()
            unsettled = await self._unsettled()
            if not unsettled:
                return
            losers = [item for item in unsettled if item[2] < 0]
            await self._settle(losers)
            await self._pay_debts()
            await self._settle([item for item in unsettled if item[2] >= 0])
            await self._cover(await self._unsettled())
        raise CliError(f"{len(await self._unsettled())} positions are unsettled after {SETTLE_ROUNDS_MAX} rounds")

    async def _unsettled(self) -> list[tuple[Actor, int, int]]:
        """(actor, market, unsettled cash) of every occupied slot."""
        from evertide import decode_many

        found = await self.chain.client.rpc.get_accounts([actor.user for actor in self.cast])
        rows = decode_many("User", [info.data for info in found if info is not None])
        return [
            (actor, int(item["market_plus_one"]) - 1, int(item["cash_atoms"]))
            for actor, user in zip(self.cast, rows, strict=True)
            for item in user["positions"]
            if item["market_plus_one"]
        ]

    async def _settle(self, wanted: Sequence[tuple[Actor, int, int]]) -> None:
        from evertide import instructions

        await asyncio.gather(
            *(
                self.chain.send(self.roles.keeper, instructions.settle_pnl(market_index=market_index, user=actor.user))
                for actor, market_index, _ in wanted
            )
        )

    async def _pay_debts(self) -> None:
        """Whoever owes quote pays it from the wallet, with the interest up to now."""
        from evertide import decode_many

        found = await self.chain.client.rpc.get_accounts([actor.user for actor in self.cast])
        rows = decode_many("User", [info.data for info in found if info is not None])
        owing = [(actor, -int(user["quote_atoms"])) for actor, user in zip(self.cast, rows, strict=True)]
        await asyncio.gather(*(self._deposit(actor, atoms + 1_000_000) for actor, atoms in owing if atoms > 0))

    async def _cover(self, unsettled: Sequence[tuple[Actor, int, int]]) -> None:
        """A loss that neither quote nor debt room could pay is paid from the wallet."""
        for actor, _, cash in unsettled:
            if cash < 0:
                await self._deposit(actor, -cash)

    async def _deposit(self, actor: Actor, atoms: int) -> None:
        from evertide import associated_token_address, instructions

        owner, mint = actor.key.pubkey(), self.roles.usdc_mint
        step = instructions.deposit(
            authority=owner,
            user=actor.user,
            collateral_index=0,
            mint=mint,
            source_token=associated_token_address(owner, mint),
            amount_atoms=atoms,
        )
        await self.chain.send(actor.key, step)

    async def withdraw_all(self) -> int:
        """Everybody takes everything; returns the number of withdrawals."""
        from evertide import decode_many

        await self.refresh()
        found = await self.chain.client.rpc.get_accounts([actor.user for actor in self.cast])
        rows = decode_many("User", [info.data for info in found if info is not None])
        steps = []
        for actor, user in zip(self.cast, rows, strict=True):
            wanted = [(0, int(user["quote_atoms"]))]
            wanted += [(int(slot["collateral_index"]), int(slot["amount_atoms"])) for slot in user["collaterals"]]
            made = [self._withdrawal(actor, index, atoms) for index, atoms in wanted if atoms > 0]
            if made:
                steps.append((actor, made))
        await asyncio.gather(*(self.chain.send(actor.key, *made) for actor, made in steps))
        return sum(len(made) for _, made in steps)

    def _withdrawal(self, actor: Actor, index: int, atoms: int) -> Instruction:
        from evertide import associated_token_address, instructions

        owner = actor.key.pubkey()
        mint = self.roles.usdc_mint if index == 0 else self.roles.sol_mint
        return instructions.withdraw(
            authority=owner,
            user=actor.user,
            collateral_index=index,
            mint=mint,
            destination_token=associated_token_address(owner, mint),
            amount_atoms=atoms,
        )

    async def close_accounts(self) -> int:
        """Close every empty trading account; the rent returns. Returns how many."""
        from evertide import instructions

        await asyncio.gather(
            *(self.chain.send(actor.key, instructions.close_user(authority=actor.key.pubkey())) for actor in self.cast)
        )
        return len(self.cast)

    async def collect_some_fees(self) -> str | None:
        """Pay out the fees of the first market that has any; the others' stay uncollected, so that the final check has
        both. Returns the market's symbol, None where nobody traded.
        """
        from evertide import associated_token_address, instructions

        earning = [market.index for market in await self.chain.client.markets() if market.pending_fees_atoms]
        if not earning:
            return None
        treasury_token = associated_token_address(self.roles.treasury.pubkey(), self.roles.usdc_mint)
        await self.chain.send(
            self.roles.keeper, instructions.collect_fees(market_index=earning[0], treasury_token=treasury_token)
        )
        return MARKETS[earning[0]].symbol
