"""Whether this is the chain, the program and the exchange that were meant: asked before anything runs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from solders.pubkey import Pubkey

from evertide import LAYOUT_VERSION, RpcClient
from evertide._generated.accounts import Collateral, User
from evertide._pda import UPGRADEABLE_LOADER_ID, collateral_address, exchange_address, program_data_address
from evertide._resources import manifest_path

from .errors import ConfigError, VersionMismatch, WrongChain
from .state import unreadable

if TYPE_CHECKING:
    from .config import KeeperConfig

PROGRAM_DATA_HEADER_BYTES = 45
DEPLOYED_SLOT = slice(4, 12)


@dataclass(frozen=True, slots=True)
class ProgramBuild:
    """The program as it is deployed. `deployed_slot` None: it cannot be replaced, or no upgradeable loader holds it."""

    deployed_slot: int | None
    sha256: str | None
    is_known: bool
    """Whether it is the build that this package was made with."""


async def check(config: KeeperConfig, rpc: RpcClient) -> ProgramBuild:
    """Refuse another chain, program, layout or quote token. Raises a `KeeperError` or a `TransportError`."""
    if config.genesis_hash is not None:
        found = str(await rpc.call("getGenesisHash"))
        if found != config.genesis_hash:
            raise WrongChain("genesis hash", found, config.genesis_hash)
    program_id = Pubkey.from_string(config.program_id)
    program = await rpc.get_account(program_id)
    if program is None or not program.executable:
        raise WrongChain("program", "no executable account" if program else "no account", config.program_id)
    build = await read_build(rpc, program_id, program.owner)
    if config.program_sha256 is not None and build.sha256 != config.program_sha256:
        raise VersionMismatch("SHA-256 of the program", build.sha256, config.program_sha256)
    await check_layout(rpc, program_id)
    if config.quote_mint is not None:
        quote = await rpc.get_account(collateral_address(0, program_id))
        mint = None if quote is None else str(Collateral.decode(quote.data).mint)
        if mint != config.quote_mint:
            raise WrongChain("quote mint", mint or "no quote asset", config.quote_mint)
    return build


async def check_layout(rpc: RpcClient, program_id: Pubkey) -> None:
    """Refuse an exchange whose accounts have other layouts. Raises `VersionMismatch`, or `WrongChain` without one."""
    exchange = await rpc.get_account(exchange_address(program_id))
    if exchange is None:
        raise WrongChain("exchange", "no account", f"one at {exchange_address(program_id)}")
    if exchange.owner != program_id:
        raise WrongChain("owner of the exchange", exchange.owner, program_id)
    if (reason := unreadable(exchange.data)) is not None:
        raise VersionMismatch("layout of the exchange", reason, f"layout version {LAYOUT_VERSION}")


async def read_build(rpc: RpcClient, program_id: Pubkey, loader: Pubkey) -> ProgramBuild:
    """The deployed program's bytes and when they were deployed."""
    if loader != UPGRADEABLE_LOADER_ID:
        return ProgramBuild(None, None, False)
    data = await rpc.get_account(program_data_address(program_id))
    if data is None or len(data.data) < PROGRAM_DATA_HEADER_BYTES:
        return ProgramBuild(None, None, False)
    manifest = json.loads(manifest_path().read_text())
    # A program's account may be longer than the program: what is left is zeros.
    code = data.data[PROGRAM_DATA_HEADER_BYTES:]
    if not code[manifest["program_bytes"] :].strip(b"\0"):
        code = code[: manifest["program_bytes"]]
    else:
        code = code.rstrip(b"\0")
    digest = hashlib.sha256(code).hexdigest()
    slot = int.from_bytes(data.data[DEPLOYED_SLOT], "little")
    return ProgramBuild(slot, digest, digest == manifest["program_sha256"])


async def deployed_slot(rpc: RpcClient, program_id: Pubkey) -> int | None:
    """When the program was last replaced; None where that cannot be said."""
    where = str(program_data_address(program_id))
    config = {"encoding": "base64", "dataSlice": {"offset": 0, "length": PROGRAM_DATA_HEADER_BYTES}}
    _, value = await rpc.read("getAccountInfo", [where, {**config, "commitment": rpc.commitment}])
    info = rpc._account("getAccountInfo", program_data_address(program_id), value, 0)
    return None if info is None else int.from_bytes(info.data[DEPLOYED_SLOT], "little")


async def check_accounts(config: KeeperConfig, rpc: RpcClient, payer: Pubkey) -> None:
    """Refuse a key without SOL, and accounts of keepers that the key may not use. Raises `ConfigError`."""
    if not await rpc.get_balance(payer):
        raise ConfigError(f"balance of {payer}", "0 lamports", "SOL to pay fees with")
    for name, settings in config.settings.items():
        for key in ("liquidator_user", "keeper_user", "maker_user"):
            text = getattr(settings, key, None)
            if text is None or name not in config.keepers:
                continue
            try:
                info = await rpc.get_account(Pubkey.from_string(text))
            except ValueError:
                raise ConfigError(f"{name}.{key}", text, "an address") from None
            if info is None or str(info.owner) != config.program_id:
                raise ConfigError(f"{name}.{key}", f"{text}, no account of the exchange", "a User")
            user = User.decode(info.data)
            if payer not in (user.authority, user.delegate):
                raise ConfigError(f"{name}.{key}", f"one of {user.authority}", f"an account that {payer} may act for")
