"""What both halves of the client's writing share: sending, keys, renewal of price rows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from ._errors import AccountNotFound
from ._generated.accounts import Collateral, Market, User
from ._generated.errors import OracleNotNewer
from ._outcome import Confirmed, SendOptions, Simulation
from ._pda import collateral_address, market_address
from ._reading import Reading
from ._refresh import Feeds, carries_risk, refresh, rows_read, stale_rows


class Writing(Reading):
    """Base of the writing halves; `EvertideClient` fills in what is abstract here."""

    feeds: Feeds

    def address(self) -> Pubkey:
        """The payer's address."""
        raise NotImplementedError

    def held_keys(self) -> frozenset[Pubkey]:
        """Addresses that this client can sign for."""
        raise NotImplementedError

    async def send(
        self,
        instructions: Sequence[Instruction],
        *,
        signers: Iterable[Keypair] = (),
        lookup_tables: Sequence[AddressLookupTableAccount] | None = None,
        options: SendOptions | None = None,
        payer: Keypair | None = None,
    ) -> Confirmed:
        """Send one transaction."""
        raise NotImplementedError

    async def simulate(
        self, instructions: Sequence[Instruction], *, signers: Iterable[Keypair] = (), payer: Pubkey | None = None
    ) -> Simulation:
        """Run a transaction without effect."""
        raise NotImplementedError

    def _who(self, given: Keypair | None) -> tuple[Pubkey, list[Keypair]]:
        """The acting key: the one given, or the payer."""
        return (self.address(), []) if given is None else (given.pubkey(), [given])

    async def refresh_instructions(
        self,
        user: Pubkey | None = None,
        *,
        markets: Iterable[int] = (),
        collaterals: Iterable[int] = (),
        withdrawal: bool = False,
    ) -> list[Instruction]:
        """Instructions that renew every row too old of what `user` holds and of what is named.

        For a `withdrawal` a user without position, order and debt needs none: no dead feed locks its money in.
        Raises `StaleRisk` for a row that the client has no means to renew.
        """
        held: tuple[set[int], set[int]] = (set(markets), {index for index in collaterals if index})
        if user is not None:
            account: User = await self.user(user)
            if not withdrawal or carries_risk(account):
                held = rows_read(account, *held)
        if not held[0] and not held[1]:
            return []
        cache, now_ms = await asyncio.gather(self.risk_cache(), self.chain_time_ms())
        found: list[Instruction] = []
        for row in stale_rows(cache, *held, now_ms):
            market = row.kind == "market"
            address = (market_address if market else collateral_address)(row.index, self.program_id)
            info = await self.rpc.get_account(address)
            if info is None:
                raise AccountNotFound(row.kind, address)
            rules = (Market if market else Collateral).decode(info.data).terms.oracle
            found += await refresh(row, rules, self.feeds, self.held_keys())
        return found

    async def _send_fresh(
        self, steps: Callable[[], Awaitable[list[Instruction]]], keys: Iterable[Keypair]
    ) -> Confirmed:
        """Send steps with a renewal in front; once more when somebody else brought a newer price in between."""
        try:
            return await self.send(await steps(), signers=keys)
        except OracleNotNewer:
            return await self.send(await steps(), signers=keys)

    async def _wait_for_slot(self, slot: int) -> None:
        # A node has no event for "a lookup table may be used now".
        while await self.rpc.get_slot() < slot:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
