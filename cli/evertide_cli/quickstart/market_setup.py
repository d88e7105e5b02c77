"""From an empty validator to an open exchange: deploy, list two collaterals and three markets, fund traders.

Cheatcodes make SOL and test mints only. Everything of the program is made by its own instructions.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evertide_cli.terms import MARKETS, collateral_terms, exchange_terms, market_terms

if TYPE_CHECKING:
    from solders.instruction import Instruction
    from solders.keypair import Keypair
    from solders.pubkey import Pubkey

    from .chain import Chain

LAMPORTS = 1_000_000_000
PROFILES_KEPT = 210
USDC_MINT_NAME = "mint USDC"
SOL_MINT_NAME = "mint SOL"
USDC_DECIMALS = 6
SOL_DECIMALS = 9
INSURANCE_ATOMS = 250_000 * 1_000_000
TRANCHE_ATOMS = 100_000 * 1_000_000
# Of the fund, what a market may use in a day where it is less than its tier allows: a small market bears itself.
INSURANCE_DAY_ATOMS = {"SOL-PERP": 250 * 1_000_000}


@dataclass(frozen=True, slots=True)
class Cast:
    """Keys of the roles. LOCAL TEST KEYS, derived from their names."""

    admin: Keypair
    """Root, the upgrade authority, and where the roles are not split risk and guardian too."""
    risk: Keypair
    guardian: Keypair
    oracle: Keypair
    keeper: Keypair
    liquidator: Keypair
    treasury: Keypair
    usdc_mint: Pubkey
    sol_mint: Pubkey


def cast(*, split_roles: bool = False) -> Cast:
    """The roles of every local network. `split_roles`: risk and guardian are keys of their own."""
    from evertide._localnet import local_keypair

    return Cast(
        admin=local_keypair("admin"),
        risk=local_keypair("risk" if split_roles else "admin"),
        guardian=local_keypair("guardian" if split_roles else "admin"),
        oracle=local_keypair("oracle"),
        keeper=local_keypair("keeper"),
        liquidator=local_keypair("liquidator"),
        treasury=local_keypair("treasury"),
        usdc_mint=local_keypair(USDC_MINT_NAME).pubkey(),
        sol_mint=local_keypair(SOL_MINT_NAME).pubkey(),
    )


async def deploy_program(chain: Chain, roles: Cast, *, by_writes: bool) -> int:
    """Deploy through the real upgradeable loader, which verifies the ELF; returns its size in bytes.

    `by_writes` sends the bytes to the loader's buffer in transactions, as on any cluster; without it one cheat puts
    them there, which is quicker.
    """
    from evertide._localnet import deploy, program_keypair
    from evertide._resources import program_path

    elf = program_path()
    for key in (roles.admin, roles.risk, roles.guardian, roles.oracle, roles.keeper, roles.treasury):
        await asyncio.to_thread(chain.cheats.fund, key.pubkey(), 10_000 * LAMPORTS)
    cheats = None if by_writes else chain.cheats
    await asyncio.to_thread(deploy, chain.cheats.rpc, elf, program_keypair(), roles.admin, buffer_cheats=cheats)
    if by_writes:
        await asyncio.to_thread(shed_profiles, chain, roles)
    return elf.stat().st_size


def shed_profiles(chain: Chain, roles: Cast) -> None:
    """Push the deployment out of the validator's memory by transfers of the admin to itself.

    Surfpool keeps a profile of each of the last 200 transactions, with every account before and after, and copies them
    all for every instruction that it runs. Writing a program leaves 200 copies of its buffer there: measured 45 ms an
    instruction with them, 7 ms without.
    """
    from solders.system_program import TransferParams, transfer

    from evertide._transaction import message, signed_wire

    rpc, admin = chain.cheats.rpc, roles.admin
    for lamports in range(1, PROFILES_KEPT + 1):
        move = transfer(TransferParams(from_pubkey=admin.pubkey(), to_pubkey=admin.pubkey(), lamports=lamports))
        wire, _ = signed_wire(message(admin.pubkey(), [move], rpc.latest_blockhash()), [admin])
        rpc.call("sendTransaction", [base64.b64encode(wire).decode(), {"encoding": "base64", "skipPreflight": True}])


async def make_mints(chain: Chain, roles: Cast) -> None:
    """Test mints at fixed addresses; the admin mints."""
    for mint, decimals in ((roles.usdc_mint, USDC_DECIMALS), (roles.sol_mint, SOL_DECIMALS)):
        await asyncio.to_thread(chain.cheats.create_mint, mint, decimals=decimals, authority=roles.admin.pubkey())


async def initialize(chain: Chain, roles: Cast) -> None:
    """Initialize a local exchange and list everything. The first call proves that the program runs."""
    from evertide import instructions

    root = roles.admin.pubkey()
    role_keys = [root, roles.risk.pubkey(), roles.guardian.pubkey(), roles.treasury.pubkey()]
    genesis_hash = await chain.client.rpc.get_genesis_hash()
    await chain.send(
        roles.admin,
        instructions.initialize_exchange(
            authority=root, local=True, terms=exchange_terms(), roles=role_keys, genesis_hash=genesis_hash
        ),
    )
    signer = roles.oracle.pubkey()
    for index, (name, mint) in enumerate((("USDC", roles.usdc_mint), ("SOL", roles.sol_mint))):
        terms = collateral_terms(name, signer)
        await chain.send(roles.admin, instructions.list_collateral(root=root, index=index, mint=mint, terms=terms))
    for index, plan in enumerate(MARKETS):
        listed = market_terms(plan, signer)
        day_max_atoms = INSURANCE_DAY_ATOMS.get(plan.symbol, listed.insurance_day_max_atoms)
        listed = dataclasses.replace(listed, insurance_day_max_atoms=day_max_atoms)
        await chain.send(roles.admin, instructions.list_market(root=root, index=index, terms=listed))


async def open_and_insure(chain: Chain, roles: Cast) -> None:
    """Open the exchange and pay the first money into the insurance fund."""
    from evertide import associated_token_address, instructions

    root = roles.admin.pubkey()
    await chain.send(roles.admin, instructions.open_exchange(root=root))
    await mint_to(chain, roles, roles.usdc_mint, root, INSURANCE_ATOMS)
    await mint_to(chain, roles, roles.usdc_mint, roles.treasury.pubkey(), 0)
    await chain.send(
        roles.admin,
        instructions.fund_insurance(
            funder=root,
            funder_token=associated_token_address(root, roles.usdc_mint),
            amount_atoms=INSURANCE_ATOMS,
            tranche_atoms=TRANCHE_ATOMS,
        ),
    )


def mint_instructions(roles: Cast, mint: Pubkey, owner: Pubkey, atoms: int) -> list[Instruction]:
    """Make the owner's associated token account and mint test tokens into it."""
    from spl.token.constants import TOKEN_PROGRAM_ID
    from spl.token.instructions import MintToParams, create_idempotent_associated_token_account, mint_to

    from evertide import associated_token_address

    account = associated_token_address(owner, mint)
    made = [create_idempotent_associated_token_account(roles.admin.pubkey(), owner, mint)]
    if atoms:
        params = MintToParams(
            program_id=TOKEN_PROGRAM_ID, mint=mint, dest=account, mint_authority=roles.admin.pubkey(), amount=atoms
        )
        made.append(mint_to(params))
    return made


async def mint_to(chain: Chain, roles: Cast, mint: Pubkey, owner: Pubkey, atoms: int) -> None:
    """Test tokens for an owner."""
    await chain.send(roles.admin, *mint_instructions(roles, mint, owner, atoms))


@dataclass(frozen=True, slots=True)
class Funding:
    """What a trader starts with: tokens in its wallet, of which `deposit` go into its account."""

    key: Keypair
    usdc_atoms: int
    usdc_deposit_atoms: int
    sol_atoms: int


async def fund_trader(chain: Chain, roles: Cast, funding: Funding) -> None:
    """Give a trader SOL for fees and tokens, create its account and deposit."""
    from evertide import associated_token_address, instructions, user_address

    owner = funding.key.pubkey()
    await asyncio.to_thread(chain.cheats.fund, owner, 100 * LAMPORTS)
    for mint, atoms in ((roles.usdc_mint, funding.usdc_atoms), (roles.sol_mint, funding.sol_atoms)):
        await mint_to(chain, roles, mint, owner, atoms)
    user = user_address(owner)
    steps = [instructions.create_user(authority=owner)]
    wanted = ((0, roles.usdc_mint, funding.usdc_deposit_atoms), (1, roles.sol_mint, funding.sol_atoms))
    for index, mint, atoms in wanted:
        if atoms:
            steps.append(
                instructions.deposit(
                    authority=owner,
                    user=user,
                    collateral_index=index,
                    mint=mint,
                    source_token=associated_token_address(owner, mint),
                    amount_atoms=atoms,
                )
            )
    await chain.send(funding.key, *steps)


async def fund_traders(chain: Chain, roles: Cast, fundings: Sequence[Funding], done: Callable[[], None]) -> None:
    """All traders, several at a time."""

    async def one(funding: Funding) -> None:
        await fund_trader(chain, roles, funding)
        done()

    async with asyncio.TaskGroup() as group:
        for funding in fundings:
            group.create_task(one(funding))
