"""`EvertideClient`: reads the exchange, and writes every instruction with the sender's guarantees.

Every write method returns `Confirmed` or raises the typed error; `try_send` gives the `Outcome` instead. Amounts and
prices are Decimal, int or decimal text in whole units (USDC, tokens, base units); addresses are of `User` accounts.
Where new risk or a withdrawal needs fresh price rows, their renewal goes in front (see `_refresh`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self

import httpx
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from . import _lookup_tables as tables
from ._client_auction import AuctionWrites
from ._client_changes import ChangeWrites
from ._client_keeper import KeeperWrites
from ._client_kinds import KindWrites
from ._client_liquidation import LiquidationWrites
from ._client_money import MoneyWrites
from ._client_queue import QueueWrites
from ._client_rewards import RewardWrites
from ._client_roles import RoleWrites
from ._client_signed import SignedWrites
from ._client_trader import TraderWrites
from ._client_upkeep import UpkeepWrites
from ._errors import SignerMissing
from ._hints import Connect
from ._outcome import Confirmed, Outcome, SendOptions, Simulation
from ._pda import PROGRAM_ID
from ._refresh import Feeds
from ._rpc import RpcClient
from ._sender import Sender
from ._unsigned import UnsignedTransaction, export_unsigned


class EvertideClient(
    TraderWrites,
    MoneyWrites,
    KeeperWrites,
    LiquidationWrites,
    RoleWrites,
    ChangeWrites,
    QueueWrites,
    KindWrites,
    SignedWrites,
    AuctionWrites,
    UpkeepWrites,
    RewardWrites,
):
    """One connection to the exchange. Use as an async context manager, or call `close`.

    `payer` pays fees and signs; `signers` are further keys it may use (an owner, a local oracle). Without a payer it
    only reads. `timeout_s` bounds each request. `options` are the defaults of sending. `rpc` (an `RpcPool`, say) is
    asked instead of a node of its own at `rpc_url`, and closed with it.
    """

    def __init__(
        self,
        rpc_url: str,
        *,
        payer: Keypair | None = None,
        signers: Iterable[Keypair] = (),
        ws_url: str | None = None,
        commitment: str = "confirmed",
        timeout_s: float = 10.0,
        priority_fee_micro_lamports: int | None = None,
        options: SendOptions | None = None,
        feeds: Feeds | None = None,
        program_id: Pubkey = PROGRAM_ID,
        transport: httpx.AsyncBaseTransport | None = None,
        rpc: RpcClient | None = None,
        connect: Connect | None = None,
    ) -> None:
        if rpc is None:
            rpc = RpcClient(rpc_url, commitment=commitment, timeout_s=timeout_s, transport=transport)
        super().__init__(rpc, program_id)
        chosen = options or SendOptions(priority_fee_micro_lamports=priority_fee_micro_lamports)
        self.payer = payer
        self.feeds = feeds or Feeds()
        self.sender = Sender(rpc, payer, ws_url=ws_url, options=chosen, program_id=program_id, connect=connect)
        self._keys = {key.pubkey(): key for key in [*signers, *([payer] if payer is not None else [])]}
        self.lookup_tables: list[AddressLookupTableAccount] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self.sender.close()
        await self.rpc.close()

    def address(self) -> Pubkey:
        """The payer's address. Raises `SignerMissing`."""
        if self.payer is None:
            raise SignerMissing("payer")
        return self.payer.pubkey()

    def held_keys(self) -> frozenset[Pubkey]:
        """Addresses that this client can sign for."""
        return frozenset(self._keys)

    def _signers_of(self, instructions: Sequence[Instruction], more: Iterable[Keypair]) -> list[Keypair]:
        """The keys that these instructions need, of those held and given."""
        keys = {**self._keys, **{key.pubkey(): key for key in more}}
        needed = dict.fromkeys(meta.pubkey for ix in instructions for meta in ix.accounts if meta.is_signer)
        if missing := [address for address in needed if address not in keys]:
            raise SignerMissing(missing[0])
        return [keys[address] for address in needed]

    async def send(
        self,
        instructions: Sequence[Instruction],
        *,
        signers: Iterable[Keypair] = (),
        lookup_tables: Sequence[AddressLookupTableAccount] | None = None,
        options: SendOptions | None = None,
        payer: Keypair | None = None,
    ) -> Confirmed:
        """Send one transaction and wait until it is confirmed. Raises the typed error of any other end."""
        outcome = await self.try_send(
            instructions, signers=signers, lookup_tables=lookup_tables, options=options, payer=payer
        )
        return outcome.unwrap()

    async def try_send(
        self,
        instructions: Sequence[Instruction],
        *,
        signers: Iterable[Keypair] = (),
        lookup_tables: Sequence[AddressLookupTableAccount] | None = None,
        options: SendOptions | None = None,
        payer: Keypair | None = None,
    ) -> Outcome:
        """As `send`, with the outcome as a value. `UsageError` and `TransportError` before sending still raise."""
        return await self.sender.send(
            instructions,
            signers=self._signers_of(instructions, signers),
            lookup_tables=self.lookup_tables if lookup_tables is None else lookup_tables,
            options=options,
            payer=payer,
        )

    async def simulate(
        self, instructions: Sequence[Instruction], *, signers: Iterable[Keypair] = (), payer: Pubkey | None = None
    ) -> Simulation:
        """Run a transaction without effect. Raises the typed error when it would fail."""
        # A view needs a fee payer that exists, but no key: any funded address of the exchange will do.
        first = next(iter(signers), None)
        who = payer or (first.pubkey() if first else None) or (self.payer.pubkey() if self.payer else None)
        if who is None:
            who = (await self.exchange()).roles[0]
        simulation = await self.sender.simulate(instructions, payer=who, lookup_tables=self.lookup_tables)
        if simulation.error is not None:
            raise simulation.error
        return simulation

    async def export_unsigned(
        self, action: str, instructions: Sequence[Instruction], *, fee_payer: Pubkey
    ) -> UnsignedTransaction:
        """A transaction for others to sign, a multisig or a key that never meets a network; see `to_json`."""
        return await export_unsigned(self.rpc, action, instructions, fee_payer=fee_payer)

    async def use_lookup_table(self, table: Pubkey) -> AddressLookupTableAccount:
        """Read a table and use it in every later transaction."""
        found = await tables.fetch_lookup_table(self.rpc, table)
        self.lookup_tables = [kept for kept in self.lookup_tables if kept.key != table] + [found]
        return found

    async def create_lookup_table(self, addresses: Sequence[Pubkey]) -> Pubkey:
        """Create a table of the payer with these addresses, wait until it can be used, and use it."""
        payer = self.address()
        slot = await self.rpc.get_slot(commitment="confirmed")
        create, table = tables.create_lookup_table(authority=payer, payer=payer, recent_slot=slot)
        await self.send([create])
        landed = 0
        for extend in tables.extend_lookup_table(table=table, authority=payer, payer=payer, addresses=addresses):
            landed = max(landed, (await self.send([extend])).slot)
        await self._wait_for_slot(landed + 1)
        await self.use_lookup_table(table)
        return table

    def program(self) -> Any:
        """An anchorpy `Program` on a connection of its own, with the payer as its wallet. Close it when done."""
        from ._program import program_for

        return program_for(self.rpc.url, self.payer, self.rpc.commitment, self.program_id)
