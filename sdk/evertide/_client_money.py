"""The client's methods for balances: delegates, transfers between sub-accounts, bounds on a position."""

from __future__ import annotations

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from . import instructions as build
from ._client_base import Writing
from ._outcome import Confirmed, Simulation
from ._permissions import Permission
from ._units import Exact, size_to_lots, to_decimal, token_to_atoms

_LOTS_LEAST, _LOTS_MOST = -(2**63), 2**63 - 1


class MoneyWrites(Writing):
    """Methods of balances."""

    async def set_delegate(
        self,
        user: Pubkey,
        delegate: Pubkey | None,
        permissions: Permission = Permission.PLACE | Permission.CANCEL,
        *,
        expiry_ms: int = 0,
        authority: Keypair | None = None,
    ) -> Confirmed:
        """Let a key act for a sub-account until a time in unix ms (0: for good); None takes the delegate away."""
        owner, keys = self._who(authority)
        step = build.set_delegate(
            authority=owner,
            user=user,
            delegate=delegate,
            permissions=0 if delegate is None else int(permissions),
            expiry_ms=0 if delegate is None else expiry_ms,
            program_id=self.program_id,
        )
        return await self.send([step], signers=keys)

    async def transfer_instructions(
        self, amount: Exact, *, source: Pubkey, destination: Pubkey, collateral: int | Pubkey = 0, signer: Pubkey
    ) -> list[Instruction]:
        """Renewal of the rows that the payer's margin reads, where needed, and the transfer of whole tokens."""
        asset = await self.collateral(collateral)
        step = build.transfer(
            signer=signer,
            source=source,
            destination=destination,
            collateral_index=asset.index,
            amount_atoms=token_to_atoms(amount, asset.decimals),
            program_id=self.program_id,
        )
        return [*await self.refresh_instructions(source, withdrawal=True), step]

    async def transfer(
        self,
        amount: Exact,
        *,
        source: Pubkey,
        destination: Pubkey,
        collateral: int | Pubkey = 0,
        signer: Keypair | None = None,
    ) -> Confirmed:
        """Move whole tokens of an asset between two sub-accounts of one authority; quote repays a debt there first."""
        who, keys = self._who(signer)

        async def steps() -> list[Instruction]:
            return await self.transfer_instructions(
                amount, source=source, destination=destination, collateral=collateral, signer=who
            )

        return await self._send_fresh(steps, keys)

    async def assert_position(
        self, user: Pubkey, market: int | str, *, least: Exact | None = None, most: Exact | None = None
    ) -> Simulation:
        """Ask by simulation whether a position, signed and in base units, lies within bounds. Raises if not."""
        listed = await self.market(market)
        lot = listed.terms.lot_size_e9
        step = build.assert_position(
            user=user,
            market_index=listed.index,
            least_lots=_LOTS_LEAST if least is None else lots_from(least, lot, "least"),
            most_lots=_LOTS_MOST if most is None else lots_from(most, lot, "most"),
            program_id=self.program_id,
        )
        return await self.simulate([step])


def lots_from(size: Exact, lot_size_e9: int, name: str) -> int:
    """A signed size in base units as lots; zero is one. Raises `NotExact` off the lot."""
    if to_decimal(size, name) == 0:
        return 0
    return size_to_lots(size, lot_size_e9=lot_size_e9, name=name, signed=True)
