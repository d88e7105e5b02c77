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
    from pathlib import Path

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

    @property
    def exporting(self) -> bool:
        """Whether what would be sent is written into a file for others to sign."""
        return self.settings.export_unsigned is not None

    @property
    def me(self) -> Pubkey:
        """Who acts: the keypair, or with --export-unsigned the address that will sign."""
        if self.settings.acting_as is not None:
            return address(self.settings.acting_as, "--acting-as")
        return self.keypair.pubkey()

    async def holder(self, role: int) -> Pubkey:
        """Who acts in a role: as `me`, but an export without --acting-as is for the role's present holder."""
        if self.exporting and self.settings.acting_as is None:
            return (await self.exchange()).roles[role]
        return self.me

    def user_of(self, owner: str | None) -> Pubkey:
        """The trading account: of the named authority, or of one's own keypair."""
        import evertide

        authority = self.me if owner is None else address(owner, "--authority")
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
        if self.exporting:
            await self._export(action, instructions, about)
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

    async def _export(self, action: str, instructions: Sequence[Instruction], about: dict[str, Any]) -> None:
        """Write the transaction into the file, and show who has to sign and what it would do now.

        The one signer of a role's instruction pays the fee too: a multisig's own transaction puts in its place whom it
        wants.
        """
        from evertide import EvertideError

        file = self.settings.export_unsigned
        assert file is not None
        if file.exists():
            file.unlink()
            raise UsageProblem(f"this command makes several transactions; {file} would hold only the last")
        needed = dict.fromkeys(meta.pubkey for step in instructions for meta in step.accounts if meta.is_signer)
        payer = next(iter(needed), self.me)
        made = await self.client.export_unsigned(action, instructions, fee_payer=payer)
        try:
            simulated = f"succeeds with {(await self.client.simulate(instructions, payer=payer)).compute_units:,} units"
        except EvertideError as error:
            simulated = f"fails now: {error}"
        write_new(file, made.to_json())
        body = {
            "action": action,
            **about,
            "exported": str(file),
            "signers": [str(signer) for signer in made.signers],
            "bytes": len(made.wire),
            "simulated": simulated,
        }
        show(body, as_json=self.settings.as_json)


def write_new(file: Path, text: str) -> None:
    """Write a file that must not exist yet. Raises UsageProblem."""
    try:
        with file.open("x") as stream:
            stream.write(text)
    except OSError as error:
        raise UsageProblem(f"cannot write {file}: {error.strerror}", path=file) from None


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

    exporting = settings.export_unsigned is not None
    if exporting and not sign:
        raise UsageProblem("this command sends nothing: --export-unsigned has nothing to write")
    # Without a payer nothing can be sent by mistake while the transaction is for others to sign.
    payer = read_keypair(settings.keypair) if sign and not exporting else None
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
            result = await body(session)
            if settings.export_unsigned is not None and not settings.export_unsigned.exists():
                raise UsageProblem("this command makes no single transaction: --export-unsigned wrote nothing")
            return result

    return asyncio.run(main())
