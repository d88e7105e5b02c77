"""The client's methods for the holders of roles after opening."""

from __future__ import annotations

from solders.keypair import Keypair
from solders.pubkey import Pubkey

from . import instructions as build
from ._client_base import Writing
from ._generated.constants import Gate, MarketStatus, Role
from ._outcome import Confirmed


class RoleWrites(Writing):
    """Methods of root, risk, guardian and treasury; `signer` defaults to the payer."""

    async def set_market_status(
        self, market: int | str, status: MarketStatus = MarketStatus.REDUCE_ONLY, *, signer: Keypair | None = None
    ) -> Confirmed:
        """Make a market reduce-only at once; every other status waits in a change."""
        who, keys = self._who(signer)
        index = (await self.market(market)).index
        step = build.set_market_status(signer=who, market_index=index, status=status, program_id=self.program_id)
        return await self.send([step], signers=keys)

    async def gate_disable(self, gate: Gate, *, signer: Keypair | None = None) -> Confirmed:
        """Close a gate at once."""
        who, keys = self._who(signer)
        return await self.send([build.gate_disable(signer=who, gate=gate, program_id=self.program_id)], signers=keys)

    async def gate_enable(self, gate: Gate, *, signer: Keypair | None = None) -> Confirmed:
        """Ask for a gate to open in 72 h; from then on, within 7 days, open it."""
        who, keys = self._who(signer)
        return await self.send([build.gate_enable(signer=who, gate=gate, program_id=self.program_id)], signers=keys)

    async def pause(self, *, signer: Keypair | None = None) -> Confirmed:
        """Stop new risk for 30 min; it never stops cancels, deposits, reductions, liquidations or keepers."""
        who, keys = self._who(signer)
        return await self.send([build.pause(signer=who, program_id=self.program_id)], signers=keys)

    async def lift_pause(self, *, signer: Keypair | None = None) -> Confirmed:
        """End a pause: the guardian before its end, anyone after it."""
        who, keys = self._who(signer)
        return await self.send([build.lift_pause(signer=who, program_id=self.program_id)], signers=keys)

    async def name_successor(self, role: Role, successor: Pubkey | None, *, signer: Keypair | None = None) -> Confirmed:
        """Name who may claim a role in 72 h; None withdraws whom."""
        who, keys = self._who(signer)
        step = build.name_successor(signer=who, role=role, successor=successor, program_id=self.program_id)
        return await self.send([step], signers=keys)

    async def claim_role(self, role: Role, *, signer: Keypair | None = None) -> Confirmed:
        """Take a role as its named successor, after the 72 h."""
        who, keys = self._who(signer)
        return await self.send([build.claim_role(signer=who, role=role, program_id=self.program_id)], signers=keys)
