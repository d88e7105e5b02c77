"""The quickstart's hold on a local network: one sender for all keys, time travel, token balances, deployment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from evertide_cli.errors import CliError

if TYPE_CHECKING:
    from solders.instruction import Instruction
    from solders.keypair import Keypair
    from solders.pubkey import Pubkey

    from evertide import Confirmed, EvertideClient, Outcome, SendOptions
    from evertide._localnet import Cheatcodes, Localnet

IN_FLIGHT_MAX = 8


class Chain:
    """What every part of the run shares."""

    def __init__(self, net: Localnet, client: EvertideClient, cheats: Cheatcodes) -> None:
        self.net = net
        self.client = client
        self.cheats = cheats
        self.confirm_ms: list[int] = []
        self.sent = 0
        self.refused: dict[str, int] = {}
        self.told: list[Callable[[Collection[Pubkey], int], None]] = []
        """Called with the accounts that a transaction may have written, and its slot."""
        self._room = asyncio.Semaphore(IN_FLIGHT_MAX)

    async def attempt(self, payer: Keypair, instructions: Sequence[Instruction]) -> Outcome:
        """Send one transaction; a refusal is a value, counted by its name."""
        async with self._room:
            outcome = await self.client.try_send(instructions, payer=payer, signers=[payer])
        metas = [meta for step in instructions for meta in step.accounts]
        written = {meta.pubkey for meta in metas if meta.is_writable and not meta.is_signer}
        for tell in self.told:
            tell(written, outcome.slot or 0)
        if outcome.landed and not hasattr(outcome, "error"):
            self.sent += 1
            self.confirm_ms.append(outcome.confirm_ms)
        else:
            name = type(outcome.error).__name__
            self.refused[name] = self.refused.get(name, 0) + 1
        return outcome

    async def send(self, payer: Keypair, *instructions: Instruction) -> Confirmed:
        """Send one transaction that must succeed. Raises its error."""
        return (await self.attempt(payer, instructions)).unwrap()

    async def travel_to(self, unix_ms: int) -> None:
        """Move chain time forward. Everything signed before is void soon after: sign afterwards."""
        await asyncio.to_thread(self.cheats.travel_to, unix_ms)

    async def now_ms(self) -> int:
        """Chain time as the program sees it, unix ms (whole seconds)."""
        return await self.client.chain_time_ms()

    async def token_atoms(self, token_account: Pubkey) -> int:
        """Token balance over RPC; 0 for an account that does not exist."""
        info = await self.client.rpc.get_account(token_account)
        if info is None:
            return 0
        if len(info.data) < 72:
            raise CliError(f"{token_account} is not a token account: {len(info.data)} bytes, must be at least 72")
        return int.from_bytes(info.data[64:72], "little")


def local_options() -> SendOptions:
    """How everybody of the run sends: events and cost of all transactions are read once, by the collector, and prices
    of blockspace mean nothing here. The local validator takes a transaction's instructions one by one again for its
    profile, on a copy of its state each: one that sets a limit costs half as much again.
    """
    from evertide import SendOptions

    return SendOptions(
        details=False, priority_fee_micro_lamports=0, keep_default_limit=True, poll_first_ms=10, poll_most_ms=50
    )


@asynccontextmanager
async def connect(net: Localnet, payer: Keypair) -> AsyncIterator[Chain]:
    """A chain on a running network."""
    from evertide import EvertideClient
    from evertide._localnet import Cheatcodes, RpcClient

    options = local_options()
    with RpcClient(net.rpc_url) as rpc:
        async with EvertideClient(net.rpc_url, payer=payer, ws_url=net.ws_url, options=options) as client:
            yield Chain(net, client, Cheatcodes(rpc, slot_ms=net.slot_ms))
