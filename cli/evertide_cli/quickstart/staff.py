"""The real keepers at work for the run: oracle, accrual, mark, matcher, settler, on one spine, stepped bar by bar."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from .prices import CONFIDENCE_BPS, SOL_COLLATERAL_INDEX, SOL_SYMBOL

if TYPE_CHECKING:
    from evertide_keepers import HeldSource, Keeper, StepReport

    from .chain import Chain
    from .market_setup import Cast


class Staff:
    """Keepers by name, and the prices that the oracle keeper publishes. They see the chain afresh at every step."""

    def __init__(self, keepers: dict[str, Keeper], source: HeldSource) -> None:
        self.keepers = keepers
        self.source = source
        self.confirmed = 0
        self.failures: dict[str, int] = {}

    @classmethod
    @asynccontextmanager
    async def hired(cls, chain: Chain, roles: Cast) -> AsyncIterator[Staff]:
        """Keepers with a client of their own; the keeper's key pays, the oracle's key signs prices."""
        from evertide import EvertideClient, SendOptions, user_address
        from evertide_keepers import (
            AccrualSettings,
            HeldSource,
            MarkSettings,
            MatcherSettings,
            OracleSettings,
            SettlerSettings,
            Spine,
            build_keepers,
        )

        options = SendOptions(details=False, priority_fee_micro_lamports=0, poll_first_ms=10, poll_most_ms=50)
        settings = {
            "oracle": OracleSettings(interval_ms=0, confidence_bps=CONFIDENCE_BPS),
            "accrual": AccrualSettings(market_interval_ms=0, debt_interval_ms=600_000),
            "mark": MarkSettings(refresh_ms=1_000),
            "matcher": MatcherSettings(keeper_user=str(user_address(roles.keeper.pubkey()))),
            "settler": SettlerSettings(minimum_atoms=1_000_000, interval_ms=60_000, settlements_max=8),
        }
        source = HeldSource({f"collateral:{SOL_COLLATERAL_INDEX}": SOL_SYMBOL})
        client = EvertideClient(chain.net.rpc_url, payer=roles.keeper, signers=[roles.oracle], options=options)
        async with client:
            spine = Spine(client, options=options)
            try:
                yield cls(build_keepers(spine, source=source, settings=settings), source)
            finally:
                await spine.close()

    async def publish(self, prices: Mapping[str, int]) -> dict[str, int]:
        """New prices by the oracle keeper; none where the chain's clock has not moved since the last."""
        self.source.set(prices, CONFIDENCE_BPS)
        return await self.step("oracle")

    async def step(self, *names: str) -> dict[str, int]:
        """One step of each keeper in turn; confirmed actions by keeper."""
        return {name: self._take(await self.keepers[name].step()) for name in names}

    async def until_quiet(self, name: str, rounds_max: int) -> int:
        """Steps of one keeper until it finds nothing to do or nothing that works; confirmed actions."""
        total = 0
        for _ in range(rounds_max):
            done = self._take(await self.keepers[name].step())
            total += done
            if done == 0:
                break
        return total

    def _take(self, report: StepReport) -> int:
        """Count a step. The program's refusals are part of life; anything else ends the run."""
        from evertide import ProgramError

        for error in report.errors:
            if not isinstance(error, ProgramError):
                raise error
            name = f"{report.keeper}: {type(error).__name__}"
            self.failures[name] = self.failures.get(name, 0) + 1
        self.confirmed += report.confirmed
        return report.confirmed
