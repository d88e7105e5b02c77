"""The way out: everyone cancels, closes against each other, settles, pays its debt, withdraws all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evertide_cli.errors import CliError
from evertide_cli.terms import MARKETS

from . import sights
from .views import MarketSight, OwnSight, Wish
from .way_down import go_down

if TYPE_CHECKING:
    from solders.instruction import Instruction
    from solders.pubkey import Pubkey

    from .chain import Chain
    from .market_setup import Cast
    from .sights import Actor
    from .staff import Staff

CLOSE_ROUNDS_MAX = 8
MATCH_ROUNDS_MAX = 20
MATCH_STEPS_MAX = 4
ROUND_MS = 30_000
EXIT_CLIENT_ID = 1_000_000_000
SETTLE_ROUNDS_MAX = 6
DOWN_ROUNDS_MAX = 4


@dataclass(frozen=True, slots=True)
class Held:
    """One occupied position slot: its user's address, its market, its record."""

    user: Pubkey
    market_index: int
    row: Any

    @property
    def lots(self) -> int:
        """Size as of its last fold."""
        return int(self.row["basis_lots"])

    @property
    def cash(self) -> int:
        """Unsettled cash, quote atoms."""
        return int(self.row["cash_atoms"])


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
        await self.staff.step("cache")

    async def cancel_all(self) -> int:
        """Everyone cancels everything and clears void orders away; returns how many orders were alive."""
        from evertide import by_all, instructions

        own = await sights.own_sights(self.chain, self.cast, self.prices)
        with_orders = [actor for actor, sight in zip(self.cast, own, strict=True) if sight.rows]
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
        """Longs sell to shorts at the index, reduce-only, until nobody holds anything; returns the rounds it took.

        Accounts in liquidation and backstops cannot place orders: keepers close them. What folding left without a
        counterparty closes against its market by a touch.
        """
        await self._touch(self._stale)
        for round_number in range(CLOSE_ROUNDS_MAX):
            await self.refresh(ROUND_MS if round_number else 0)
            await go_down(self.staff, DOWN_ROUNDS_MAX)
            await self._touch(self._stranded)
            if not [item for item in await self._positions() if item.lots]:
                return round_number
            own = await sights.own_sights(self.chain, self.cast, self.prices)
            seen = sights.market_sights(self.prices, self.prices, 0)
            await asyncio.gather(
                *(
                    self._offer(actor, sight, seen, round_number)
                    for actor, sight in zip(self.cast, own, strict=True)
                    if any(sight.positions_lots.values()) and not sight.in_liquidation
                )
            )
            await self._match()
            # What still rests is for backstops, which keepers close against orders.
            await go_down(self.staff, DOWN_ROUNDS_MAX)
            await self.cancel_all()
        names = {actor.user: actor.trader.name for actor in self.cast}
        left = [
            f"{names.get(item.user, item.user)} {item.lots} lots of {MARKETS[item.market_index].symbol}"
            for item in await self._positions()
            if item.lots
        ]
        raise CliError(f"still open after {CLOSE_ROUNDS_MAX} rounds of closing: {', '.join(left)}")

    async def _match(self) -> None:
        """Matching until nothing crosses; prices are renewed in between, for fills want them a few seconds old."""
        for _ in range(MATCH_ROUNDS_MAX):
            await self.staff.publish(self.prices)
            if not await self.staff.until_quiet("matcher", rounds_max=MATCH_STEPS_MAX):
                return

    async def _positions(self) -> list[Held]:
        """Every occupied slot of every account of the program."""
        from evertide import decode_many

        infos = await self.chain.client.accounts_info("User")
        rows = decode_many("User", [info.data for info in infos])
        return [
            Held(info.address, int(item["market_plus_one"]) - 1, item)
            for info, user in zip(infos, rows, strict=True)
            for item in user["positions"]
            if item["market_plus_one"]
        ]

    async def _touch(self, wanted: Callable[[Held, Any], bool]) -> None:
        """Fold every position that is wanted."""
        from evertide import instructions

        markets = await self.chain.client.markets()
        found = [item for item in await self._positions() if item.lots and wanted(item, markets[item.market_index])]
        await asyncio.gather(
            *(
                self.chain.send(
                    self.roles.keeper, instructions.touch_position(market_index=item.market_index, user=item.user)
                )
                for item in found
            )
        )

    @staticmethod
    def _stale(item: Held, market: Any) -> bool:
        """Lots closed by deleveraging are still in its size."""
        side = int(item.lots < 0)
        return bool(item.row["a_snapshot"] != market.a[side] or item.row["epoch"] != market.epoch[side])

    @staticmethod
    def _stranded(item: Held, market: Any) -> bool:
        """Nobody is left on the other side."""
        return bool(market.position_count[int(item.lots > 0)] == 0)

    async def _offer(self, actor: Actor, own: OwnSight, seen: Mapping[str, MarketSight], round_number: int) -> None:
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
        """Losers first, then winners, until no position holds unsettled cash; a loser without quote deposits it.

        Deficits on record are repaid by their markets' fees first.
        """
        await self._collect([market for market in await self.chain.client.markets() if market.deficit_atoms])
        for _ in range(SETTLE_ROUNDS_MAX):
            await self.refresh()
            unsettled = await self._positions()
            if not unsettled:
                return
            losers = [item for item in unsettled if item.cash < 0]
            await self._settle(losers)
            await self._pay_debts()
            await self._settle([item for item in unsettled if item.cash >= 0])
            await self._cover(await self._positions())
        raise CliError(f"{len(await self._positions())} positions are unsettled after {SETTLE_ROUNDS_MAX} rounds")

    async def _settle(self, wanted: Sequence[Held]) -> None:
        """Anyone settles; a profit in a market with an open deficit is paid only when its owner signs."""
        from evertide import instructions

        owners = {actor.user: actor.key for actor in self.cast}
        short = {market.index for market in await self.chain.client.markets() if market.deficit_atoms}
        steps = []
        for item in wanted:
            owner = owners.get(item.user) if item.market_index in short and item.cash > 0 else None
            authority = None if owner is None else owner.pubkey()
            step = instructions.settle_pnl(market_index=item.market_index, user=item.user, authority=authority)
            steps.append(self.chain.send(owner or self.roles.keeper, step))
        await asyncio.gather(*steps)

    async def _pay_debts(self) -> None:
        """Whoever owes quote pays it from the wallet, with the interest up to now."""
        from evertide import decode_many

        found = await self.chain.client.rpc.get_accounts([actor.user for actor in self.cast])
        rows = decode_many("User", [info.data for info in found if info is not None])
        owing = [(actor, -int(user["quote_atoms"])) for actor, user in zip(self.cast, rows, strict=True)]
        await asyncio.gather(*(self._deposit(actor, atoms + 1_000_000) for actor, atoms in owing if atoms > 0))

    async def _cover(self, unsettled: Sequence[Held]) -> None:
        """A loss that neither quote nor debt room could pay is paid from the wallet."""
        actors = {actor.user: actor for actor in self.cast}
        for item in unsettled:
            if item.cash < 0 and item.user in actors:
                await self._deposit(actors[item.user], -item.cash)

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

    async def collect_some_fees(self) -> list[str]:
        """Pay out the fees of the first market that has any, and of each whose backstop made a profit; the others' stay
        uncollected, so that the final check has both. Returns the markets' symbols.
        """
        from evertide import backstop_address

        markets = await self.chain.client.markets()
        backstops = await self.chain.client.rpc.get_accounts([backstop_address(market.index) for market in markets])
        earning = [market for market in markets if market.pending_fees_atoms][:1]
        for market, info in zip(markets, backstops, strict=True):
            if info is not None and _quote_of(info.data) > 0 and market not in earning:
                earning.append(market)
        await self._collect(earning)
        return [MARKETS[market.index].symbol for market in earning]

    async def _collect(self, markets: Sequence[Any]) -> None:
        from evertide import associated_token_address, instructions

        treasury_token = associated_token_address(self.roles.treasury.pubkey(), self.roles.usdc_mint)
        for market in markets:
            step = instructions.collect_fees(market_index=market.index, treasury_token=treasury_token)
            await self.chain.send(self.roles.keeper, step)


def _quote_of(data: bytes) -> int:
    """Quote balance of a `User` account."""
    from evertide import decode_many

    return int(decode_many("User", [data])[0]["quote_atoms"])
