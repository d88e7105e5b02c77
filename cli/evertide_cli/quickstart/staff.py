"""The real keepers at work for the run, on one spine, stepped bar by bar: of the market's life and of the way down."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from .chain import local_options
from .prices import CONFIDENCE_BPS, SOL_COLLATERAL_INDEX, SOL_SYMBOL

if TYPE_CHECKING:
    from evertide_keepers import HeldSource, Keeper, StepReport

    from .chain import Chain
    from .market_setup import Cast

# The liquidator's limits on what it holds: once it is full, positions below backstop margin go to the backstop.
LIQUIDATOR_MARKET_ATOMS = 45_000 * 1_000_000
LIQUIDATOR_TOTAL_ATOMS = 120_000 * 1_000_000
UNCOLLECTED_ATOMS = 10**15


def _of_life(roles: Cast) -> dict[str, Any]:
    """Settings of the keepers of everyday life."""
    from evertide import user_address
    from evertide_keepers import (
        CacheSettings,
        FundingSettings,
        JanitorSettings,
        MarkSettings,
        MatcherSettings,
        OracleSettings,
        SettlerSettings,
        TriggerSettings,
    )

    return {
        "oracle": OracleSettings(interval_ms=0, confidence_bps=CONFIDENCE_BPS),
        "cache": CacheSettings(interval_ms=0),
        "funding": FundingSettings(market_interval_ms=600_000, debt_interval_ms=600_000),
        "mark": MarkSettings(refresh_ms=1_000),
        "matcher": MatcherSettings(keeper_user=str(user_address(roles.keeper.pubkey()))),
        "trigger": TriggerSettings(),
        # The exit collects the fees itself, and compares.
        "janitor": JanitorSettings(minimum_fees_atoms=UNCOLLECTED_ATOMS),
        "settler": SettlerSettings(minimum_atoms=1_000_000, interval_ms=60_000, settlements_max=8),
    }


def _of_the_way_down(roles: Cast) -> dict[str, Any]:
    """Settings of the keepers of the way down, who use the liquidator's account."""
    from evertide import user_address
    from evertide_keepers import BankruptcySettings, CollateralSettings, LiquidatorSettings

    liquidator_user = str(user_address(roles.liquidator.pubkey()))
    return {
        "liquidator": LiquidatorSettings(
            liquidator_user=liquidator_user,
            # Rewards go to an account of the key that signs.
            keeper_user=liquidator_user,
            market_notional_max_atoms=LIQUIDATOR_MARKET_ATOMS,
            total_notional_max_atoms=LIQUIDATOR_TOTAL_ATOMS,
        ),
        "collateral": CollateralSettings(liquidator_user=liquidator_user, minimum_discount_bps=5),
        "bankruptcy": BankruptcySettings(liquidator_user=liquidator_user),
    }


class Staff:
    """Keepers by name, and the prices that the oracle keeper publishes. Whatever is written is theirs to see
    at the next step: all of it comes from this process."""

    def __init__(self, keepers: dict[str, Keeper], source: HeldSource) -> None:
        self.keepers = keepers
        self.source = source
        self.confirmed = 0
        self.published_ms = 0
        self.failures: dict[str, int] = {}

    @classmethod
    @asynccontextmanager
    async def hired(cls, chain: Chain, roles: Cast) -> AsyncIterator[Staff]:
        """Two operators: one whose key pays and the oracle's signs prices, and a liquidator with capital of its own."""
        from evertide import EvertideClient
        from evertide_keepers import HeldSource, Spine, build_keepers

        options = local_options()
        source = HeldSource({f"collateral:{SOL_COLLATERAL_INDEX}": SOL_SYMBOL})
        url = chain.net.rpc_url
        async with (
            EvertideClient(url, payer=roles.keeper, signers=[roles.oracle], options=options) as first,
            EvertideClient(url, payer=roles.liquidator, options=options) as second,
        ):
            spines = [Spine(client, told=True, options=options) for client in (first, second)]
            chain.told = [spine.note_written for spine in spines]
            try:
                keepers: dict[str, Keeper] = {}
                for spine, settings in zip(spines, (_of_life(roles), _of_the_way_down(roles)), strict=True):
                    keepers |= build_keepers(spine, tuple(settings), source=source, settings=settings)
                yield cls(keepers, source)
            finally:
                chain.told = []
                for spine in spines:
                    await spine.close()

    async def publish(self, prices: Mapping[str, int]) -> dict[str, int]:
        """New prices by the oracle keeper; none where the chain's clock has not moved since the last."""
        self.source.set(prices, CONFIDENCE_BPS)
        done = await self.step("oracle")
        self.published_ms = self.keepers["oracle"].spine.state.time.unix_ms
        return done

    async def step(self, *names: str) -> dict[str, int]:
        """One step of each keeper in turn; confirmed actions by keeper."""
        return {name: (await self._step(name)).confirmed for name in names}

    async def until_quiet(self, name: str, rounds_max: int) -> int:
        """Steps of one keeper until it finds nothing to do, or twice in a row nothing that works; confirmed actions.

        What failed together is tried one by one in the next step.
        """
        total, idle = 0, 0
        for _ in range(rounds_max):
            report = await self._step(name)
            done = report.confirmed
            total += done
            idle = 0 if done else idle + 1
            if report.planned == 0 or idle == 2:
                break
        return total

    async def _step(self, name: str) -> StepReport:
        """One step of a keeper, counted; who keeps for another operator is told to look at everything anew."""
        spine = self.keepers[name].spine
        report = await self.keepers[name].step()
        if report.planned:
            for other in {keeper.spine for keeper in self.keepers.values()} - {spine}:
                other.feed.lost()
        self._take(report)
        return report

    def _take(self, report: StepReport) -> None:
        """Count a step. Refusals by the program, and by a compute limit when others' transactions came first, are part
        of life; anything else ends the run."""
        from evertide import ComputeExceeded, ProgramError

        for error in report.errors:
            if not isinstance(error, (ProgramError, ComputeExceeded)):
                raise error
            name = f"{report.keeper}: {type(error).__name__}"
            self.failures[name] = self.failures.get(name, 0) + 1
        self.confirmed += report.confirmed
