"""One command's connection to the chain: reading accounts, sending or simulating instructions, showing the outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from evertide_cli.app import settings_of
from evertide_cli.errors import UsageProblem
from evertide_cli.keys import read_keypair
from evertide_cli.output import show

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import typer
    from solders.instruction import Instruction
    from solders.keypair import Keypair
    from solders.pubkey import Pubkey

    from evertide import Collateral, EvertideClient, Exchange, Market, Orders, User
    from evertide_cli.settings import Settings

Result = TypeVar("Result")
SOL_DECIMALS = 9


class Session:
    """A client with the settings of this run. The keypair file is read only when something is to be signed."""

    def __init__(self, settings: Settings, client: EvertideClient) -> None:
        self.settings = settings
        self.client = client

    @cached_property
    def keypair(self) -> Keypair:
        """The key that signs and pays. Raises KeypairProblem."""
        return read_keypair(self.settings.keypair)

    def user_of(self, owner: str | None) -> Pubkey:
        """The trading account: of the named authority, or of one's own keypair."""
        import evertide

        authority = self.keypair.pubkey() if owner is None else address(owner, "--authority")
        return evertide.user_address(authority, self.settings.sub_id)

    async def exchange(self) -> Exchange:
        """The exchange's account."""
        return await self.client.exchange()

    async def user(self, where: Pubkey) -> User:
        """A trading account."""
        return await self.client.user(where)

    async def orders(self, user: Pubkey) -> Orders:
        """The orders of a trading account."""
        return await self.client.orders(user)

    async def markets(self) -> list[Market]:
        """All listed markets, by index."""
        return await self.client.markets()

    async def collaterals(self) -> list[Collateral]:
        """All listed assets, by index."""
        return await self.client.collaterals()

    async def market(self, name: str) -> Market:
        """A market by symbol or index. Raises UnknownMarket."""
        return await self.client.market(int(name) if name.isascii() and name.isdigit() else name)

    async def collateral(self, name: str) -> Collateral:
        """An asset by index, mint, or by `USDC` (the quote asset) and `SOL`. Raises UnknownCollateral."""
        from evertide import UnknownCollateral

        found = await self.collaterals()
        for asset in found:
            if name in (str(asset.index), str(asset.mint)) or (asset.index == 0 and name.upper() in ("USDC", "QUOTE")):
                return asset
            if name.upper() == "SOL" and asset.index and asset.decimals == SOL_DECIMALS:
                return asset
        raise UnknownCollateral(name, len(found))

    async def submit(
        self,
        action: str,
        instructions: Sequence[Instruction],
        *,
        told: Callable[[Any], dict[str, Any]] | None = None,
        **about: Any,
    ) -> Any:
        """Send one transaction and show what came of it; with --dry-run simulate it and show units and logs.

        `told` finds more to say in the outcome.
        """
        if self.settings.dry_run:
            await self._simulate(action, instructions, about)
            return None
        outcome = await self.client.send(list(instructions), signers=[self.keypair])
        body = {
            "action": action,
            **about,
            **(told(outcome) if told is not None else {}),
            "signature": str(outcome.signature),
            "slot": outcome.slot,
            "compute_units": outcome.compute_units,
            "confirm_ms": outcome.confirm_ms,
        }
        if self.settings.as_json:
            body["events"] = [{"event": type(event).__name__, "fields": event} for event in outcome.events]
        show(body, as_json=self.settings.as_json)
        return outcome

    async def _simulate(self, action: str, instructions: Sequence[Instruction], about: dict[str, Any]) -> None:
        """Show what would happen. Raises the program's error when it would fail."""
        outcome = await self.client.simulate(list(instructions), payer=self.keypair.pubkey())
        body = {"action": action, **about, "dry_run": True, "compute_units": outcome.compute_units}
        if self.settings.as_json:
            show({**body, "logs": list(outcome.logs)}, as_json=True)
            return
        show(body, as_json=False)
        for line in outcome.logs:
            print(f"  {line}")


def symbol_of(market: Market) -> str:
    """`BTC-PERP`."""
    from evertide import symbol

    return symbol(market)


def address(text: str, name: str) -> Pubkey:
    """An address from base58. Raises UsageProblem naming the option and the value."""
    from solders.pubkey import Pubkey

    try:
        return Pubkey.from_string(text)
    except ValueError:
        raise UsageProblem(f"{name} must be an address in base58, found {text!r}") from None


@asynccontextmanager
async def connect(settings: Settings, *, sign: bool) -> AsyncIterator[Session]:
    """A session. With `sign`, the keypair file is read first, so that a bad one is refused before anything is sent."""
    from evertide import EvertideClient, SendOptions

    payer = read_keypair(settings.keypair) if sign else None
    fee = settings.priority_fee_micro_lamports
    options = SendOptions(
        confirm_timeout_ms=settings.timeout_ms, priority_fee_micro_lamports=fee, priority_fee_cap_micro_lamports=fee
    )
    client = EvertideClient(
        settings.rpc_url, payer=payer, ws_url=settings.ws_url, commitment=settings.commitment, options=options
    )
    async with client:
        yield Session(settings, client)


def run(context: typer.Context, body: Callable[[Session], Awaitable[Result]], *, sign: bool = False) -> Result:
    """Run one command's body with a session."""
    settings = settings_of(context)

    async def main() -> Result:
        async with connect(settings, sign=sign) as session:
            return await body(session)

    return asyncio.run(main())
