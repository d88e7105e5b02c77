"""The client's methods for changes under the timelock."""

from __future__ import annotations

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from . import instructions as build
from ._changes import (
    ChangeView,
    change_key,
    change_view,
    listing_key,
    parameter,
    parameter_of,
    proposed_value,
    target_of,
)
from ._client_base import Writing
from ._errors import UsageError
from ._generated.accounts import ParamChange
from ._generated.constants import ChangeStatus
from ._generated.types import CollateralTerms, MarketTerms
from ._outcome import Confirmed
from ._pda import change_address
from .instructions import ChangeTarget

_DEBT_INTEREST = "debt_interest_bps"


class ChangeWrites(Writing):
    """Methods of the timelock."""

    async def change(self, number: int) -> ParamChange:
        """A change by its number."""
        return await self._fetch(ParamChange, change_address(number, self.program_id))

    async def changes(self) -> list[ChangeView]:
        """Every change there ever was, by number, and where each stands now."""
        exchange, now_ms = await self.exchange(), await self.chain_time_ms()
        found: list[ParamChange] = await self.fetch_all("ParamChange")
        ordered = sorted(found, key=lambda change: change.number)
        return [change_view(change, exchange, now_ms=now_ms, program_id=self.program_id) for change in ordered]

    async def change_target(self, *, market: int | str | None = None, collateral: int | None = None) -> ChangeTarget:
        """Whose parameter is meant: a market's, an asset's, or with neither the exchange's."""
        index = None if market is None else (await self.market(market)).index
        return ChangeTarget(market_index=index, collateral_index=collateral)

    async def propose_change_instructions(
        self, name: str, value: str | int | bytes | Pubkey, *, target: ChangeTarget, signer: Pubkey
    ) -> list[Instruction]:
        """An accrual where the parameter moves funding, and the proposal under the exchange's next number."""
        kind = "market" if target.market_index is not None else "collateral"
        entry = parameter(name, kind if target != build.EXCHANGE else "exchange")
        number, key = proposed_value(entry, value)
        step = build.propose_change(
            signer=signer,
            number=(await self.exchange()).next_change,
            field=entry.number,
            value=number,
            key=key,
            target=target,
            program_id=self.program_id,
        )
        return [*self._accruals(target), step]

    async def propose_change(
        self,
        name: str,
        value: str | int | bytes | Pubkey,
        *,
        market: int | str | None = None,
        collateral: int | None = None,
        signer: Keypair | None = None,
    ) -> Confirmed:
        """Propose another value of a parameter: `ChangeProposed` tells whether it took effect or waits until when."""
        who, keys = self._who(signer)
        target = await self.change_target(market=market, collateral=collateral)
        return await self.send(
            await self.propose_change_instructions(name, value, target=target, signer=who), signers=keys
        )

    async def cancel_change(self, number: int, *, signer: Keypair | None = None) -> Confirmed:
        """Cancel a change that waits, or stop a ramp: the guardian, or its proposer."""
        who, keys = self._who(signer)
        step = build.cancel_change(signer=who, number=number, program_id=self.program_id)
        return await self.send([step], signers=keys)

    async def execute_change_instructions(self, number: int, *, signer: Pubkey) -> list[Instruction]:
        """What must be accrued for it, and the execution."""
        change, exchange = await self.change(number), await self.exchange()
        target = target_of(change, exchange, self.program_id)
        debt = parameter_of(change.field).name == _DEBT_INTEREST
        step = build.execute_change(signer=signer, number=number, target=target, quote=debt, program_id=self.program_id)
        accruals = [build.accrue_debt(program_id=self.program_id)] if debt else self._accruals(target)
        return [*accruals, step]

    async def execute_change(self, number: int, *, signer: Keypair | None = None) -> Confirmed:
        """Let a due change take effect, or begin its ramp. Anyone."""
        who, keys = self._who(signer)
        return await self.send(await self.execute_change_instructions(number, signer=who), signers=keys)

    async def apply_ramp_instructions(self, number: int) -> list[Instruction]:
        """What must be accrued for it, and the step along the ramp."""
        change, exchange = await self.change(number), await self.exchange()
        target = target_of(change, exchange, self.program_id)
        return [
            *self._accruals(target),
            build.apply_ramp(number=number, target=target, program_id=self.program_id),
        ]

    async def apply_ramp(self, number: int) -> Confirmed:
        """Move a parameter along its ramp to where it is now. Anyone."""
        return await self.send(await self.apply_ramp_instructions(number))

    async def advance_season(self, *, market: int | str | None = None, collateral: int | None = None) -> Confirmed:
        """Take a market or an asset that was listed after opening one step further, once a day. Anyone."""
        target = await self.change_target(market=market, collateral=collateral)
        return await self.send([build.advance_season(target=target, program_id=self.program_id)])

    async def listing_change(self, terms: MarketTerms | CollateralTerms, mint: Pubkey | None = None) -> int:
        """Number of the due or waiting change that allows this listing. Raises `UsageError` when there is none."""
        key = listing_key(terms, mint)
        for view in await self.changes():
            open_ = view.status == ChangeStatus.PENDING and not view.lapsed
            if open_ and view.parameter.name.startswith("list_") and change_key(view.change) == key:
                return view.change.number
        raise UsageError("no change that waits allows this listing: propose it with just these terms first")

    def _accruals(self, target: ChangeTarget) -> list[Instruction]:
        """Funding up to now, charged at the terms of before."""
        if target.market_index is None:
            return []
        return [build.accrue_market(market_index=target.market_index, program_id=self.program_id)]
