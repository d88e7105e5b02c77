"""Every conservation check, with both its sides.

One side is read over RPC: token balances, or the accounts' own figures. The other is recomputed from all events since
the first, by `replay`. A check holds when both are the same integer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evertide_cli.terms import MARKETS

from .check import Check
from .checks_funds import ATOMS, fund_checks, idle_checks, market_checks, user_rows
from .tape import HOUR_MS

if TYPE_CHECKING:
    from .books import Books
    from .chain import Chain
    from .market_setup import Cast
    from .sights import Actor

FULL_RUN_MS = 3 * HOUR_MS
FUNDING_WAY_MS = HOUR_MS


async def vault_checks(chain: Chain, roles: Cast, books: Books) -> list[Check]:
    """Each vault's token balance against insurance, uncollected fees and dust, and against all transfers."""
    from evertide import associated_token_address, vault_address

    usdc = await chain.token_atoms(vault_address(0))
    sol = await chain.token_atoms(vault_address(1))
    treasury = await chain.token_atoms(associated_token_address(roles.treasury.pubkey(), roles.usdc_mint))
    markets = [books.markets[index] for index in range(len(MARKETS))]
    pending = sum(book.pending_fees_atoms for book in markets)
    quote = books.assets[0]
    dust = sum(book.dust_atoms for book in markets) + quote.interest_atoms - quote.interest_collected_atoms
    rewards = sum(book.owed_atoms for book in markets)
    split = f"insurance {books.insurance_atoms} + uncollected fees {pending} + dust {dust}"
    split += f" + rewards owed {rewards}" if rewards else ""
    owned = books.insurance_atoms + pending + dust + rewards
    if quote.queued_atoms:
        owned += quote.queued_atoms
        split += f" + queue {quote.queued_atoms}"
    deficits = sum(book.deficit_atoms for book in markets)
    if deficits:
        # An open deficit is owed to winners who are still there.
        claims = sum(book.claims_atoms for book in markets)
        owned += claims - deficits
        split += f" + claims {claims} - deficits {deficits}"
    return [
        Check("USDC vault", "token balance", usdc, split, owned, ATOMS),
        Check("USDC vault transfers", "token balance", usdc, "all transfers", books.vault_atoms(0), ATOMS),
        Check("SOL vault", "token balance", sol, "all transfers", books.vault_atoms(1), "SOL atoms"),
        Check("SOL vault empty", "token balance", sol, "nobody holds collateral", 0, "SOL atoms"),
        Check("treasury", "token balance", treasury, "fees collected", books.treasury_atoms, ATOMS),
    ]


async def wallet_checks(chain: Chain, roles: Cast, cast: Sequence[Actor], books: Books) -> list[Check]:
    """What all traders' wallets hold against what was minted for them and what the events moved."""
    from evertide import associated_token_address

    made = []
    for index, (name, mint) in enumerate((("USDC", roles.usdc_mint), ("SOL", roles.sol_mint))):
        supply = await chain.client.rpc.call("getTokenSupply", [str(mint)])
        minted = int(supply["value"]["amount"])
        wallets = [associated_token_address(actor.key.pubkey(), mint) for actor in cast]
        held = sum([await chain.token_atoms(wallet) for wallet in wallets])
        asset = books.assets[index]
        outside = minted - asset.deposited_atoms + asset.withdrawn_atoms
        if index == 0:
            outside -= books.insurance_brought_atoms
        made.append(
            Check(f"{name} wallets", "traders' token balances", held, "minted - in + out", outside, f"{name} atoms")
        )
    return made


def funding_checks(books: Books, tape_ms: int) -> list[Check]:
    """An hour of funding each way in every market; a run shorter than three hours cannot have both."""
    if tape_ms < FULL_RUN_MS:
        return []
    made = []
    for index, plan in enumerate(MARKETS):
        book = books.markets[index]
        for way, paid_ms in (("longs paid", book.paid_up_ms), ("shorts paid", book.paid_down_ms)):
            found = f"{paid_ms // 60_000} min at such rates"
            long_enough = int(paid_ms >= FUNDING_WAY_MS)
            made.append(Check(f"{plan.symbol} {way}", "an hour wanted", 1, found, long_enough, "yes/no"))
    return made


async def life_checks(chain: Chain, books: Books) -> list[Check]:
    """While everybody still trades: the vaults hold what users, pools and funds are owed, account by account."""
    from evertide import vault_address

    users = await user_rows(chain)
    pools = sum(market.pool_atoms for market in await chain.client.markets())
    insurance = await chain.client.insurance()
    quote = (await chain.client.collaterals())[0]
    owed = sum(int(user["quote_atoms"]) for user in users) + pools + insurance.balance_atoms + quote.interest_atoms
    vault = await chain.token_atoms(vault_address(0))
    sol = sum(int(slot["amount_atoms"]) for user in users for slot in user["collaterals"])
    when = "before the exit"
    parts = "balances + pools + insurance + interest"
    return [
        Check(f"USDC vault {when}", "token balance", vault, parts, owed, ATOMS),
        Check(f"USDC transfers {when}", "token balance", vault, "all transfers", books.vault_atoms(0), ATOMS),
        Check(f"SOL {when}", "held by users", sol, "deposited - withdrawn", books.vault_atoms(1), "SOL atoms"),
    ]


async def all_checks(chain: Chain, roles: Cast, cast: Sequence[Actor], books: Books, tape_ms: int) -> list[Check]:
    """Everything that must hold at the end."""
    return [
        *await vault_checks(chain, roles, books),
        *await wallet_checks(chain, roles, cast, books),
        *await idle_checks(chain, roles, cast, books),
        *await fund_checks(chain, books),
        *await market_checks(chain, books),
        *funding_checks(books, tape_ms),
    ]
