"""Every conservation check, with both its sides.

One side is read over RPC: token balances, or the accounts' own figures. The other is recomputed from all events since
the first, by `replay`. A check holds when both are the same integer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evertide_cli.terms import MARKETS

from .tape import HOUR_MS

if TYPE_CHECKING:
    from .chain import Chain
    from .market_setup import Cast
    from .replay import Books
    from .sights import Actor

FULL_RUN_MS = 3 * HOUR_MS
FUNDING_WAY_MS = HOUR_MS


@dataclass(frozen=True, slots=True)
class Check:
    """`left` is from the chain over RPC, `right` from events; both in `unit`."""

    name: str
    left_name: str
    left: int
    right_name: str
    right: int
    unit: str

    @property
    def held(self) -> bool:
        """Whether both sides are equal."""
        return self.left == self.right


async def vault_checks(chain: Chain, roles: Cast, books: Books) -> list[Check]:
    """Each vault's token balance against insurance, uncollected fees and dust, and against all transfers."""
    from evertide import associated_token_address, vault_address

    usdc = await chain.token_atoms(vault_address(0))
    sol = await chain.token_atoms(vault_address(1))
    treasury = await chain.token_atoms(associated_token_address(roles.treasury.pubkey(), roles.usdc_mint))
    markets = [books.markets[index] for index in range(len(MARKETS))]
    pending = sum(book.pending_fees_atoms for book in markets)
    dust = sum(book.funding_dust_atoms for book in markets) + books.assets[0].interest_atoms
    owned = books.insurance_atoms + pending + dust
    split = f"insurance {books.insurance_atoms} + uncollected fees {pending} + dust {dust}"
    return [
        Check("USDC vault", "token balance", usdc, split, owned, "USDC atoms"),
        Check("USDC vault transfers", "token balance", usdc, "all transfers", books.vault_atoms(0), "USDC atoms"),
        Check("SOL vault", "token balance", sol, "all transfers", books.vault_atoms(1), "SOL atoms"),
        Check("SOL vault empty", "token balance", sol, "nobody holds collateral", 0, "SOL atoms"),
        Check("treasury", "token balance", treasury, "fees collected", books.treasury_atoms, "USDC atoms"),
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
            outside -= books.insurance_funded_atoms
        made.append(
            Check(f"{name} wallets", "traders' token balances", held, "minted - in + out", outside, f"{name} atoms")
        )
    return made


async def market_checks(chain: Chain, books: Books) -> list[Check]:
    """Each market's own figures against its events."""
    made = []
    for market in await chain.client.markets():
        book, name = books.markets[market.index], MARKETS[market.index].symbol
        dust = book.funding_dust_atoms
        owed = book.pending_fees_atoms + dust
        cash = sum(book.cash.values())
        lots = sum(abs(size) for size in book.lots.values())
        made += [
            Check(
                f"{name} pool", "pool", market.pool_atoms, "settled in - out - collected", book.pool_atoms, "USDC atoms"
            ),
            Check(f"{name} pool owed", "pool", market.pool_atoms, "uncollected fees + dust", owed, "USDC atoms"),
            Check(f"{name} dust", "counted dust", market.dust_atoms, "funding paid - received", dust, "USDC atoms"),
            Check(
                f"{name} dust bound",
                "dust beyond one atom a folding",
                max(0, market.dust_atoms - book.foldings, -market.dust_atoms),
                f"{book.foldings} foldings with funding",
                0,
                "USDC atoms",
            ),
            Check(
                f"{name} fees",
                "pending fees",
                market.pending_fees_atoms,
                "charged - shares - collected",
                book.pending_fees_atoms,
                "USDC atoms",
            ),
            Check(f"{name} volume", "volume", market.volume_atoms, "sum of fills", book.volume_atoms, "USDC atoms"),
            Check(f"{name} fills", "fill count", market.fill_count, "fills", book.fills, "fills"),
            Check(
                f"{name} long interest", "open interest", market.open_interest_lots[0], "positions left", lots, "lots"
            ),
            Check(
                f"{name} short interest", "open interest", market.open_interest_lots[1], "positions left", lots, "lots"
            ),
            Check(f"{name} cash", "unsettled cash allowed", 0, "unsettled cash of all positions", cash, "USDC atoms"),
        ]
    return made


async def fund_checks(chain: Chain, books: Books) -> list[Check]:
    """Insurance, interest, and users' balances."""
    from evertide import decode_many

    insurance = await chain.client.insurance()
    quote, sol = (await chain.client.collaterals())[:2]
    infos = await chain.client.accounts_info("User")
    users = decode_many("User", [info.data for info in infos])
    balances = sum(int(user["quote_atoms"]) for user in users)
    rebuilt = sum(books.assets[0].by_user.values())
    deposits = sum(atoms for atoms in books.assets[0].by_user.values() if atoms > 0)
    sol_deposits = sum(books.assets[1].by_user.values())
    return [
        Check(
            "insurance",
            "fund balance",
            insurance.balance_atoms,
            "funded + collected",
            books.insurance_atoms,
            "USDC atoms",
        ),
        Check(
            "debt interest",
            "interest",
            quote.interest_atoms,
            "charged to debts",
            books.assets[0].interest_atoms,
            "USDC atoms",
        ),
        Check(
            "user balances",
            "sum of quote balances",
            balances,
            "deposits, settlements, withdrawals",
            rebuilt,
            "USDC atoms",
        ),
        Check("USDC deposits", "total", quote.total_atoms, "positive balances", deposits, "USDC atoms"),
        Check("SOL deposits", "total", sol.total_atoms, "balances", sol_deposits, "SOL atoms"),
        Check(
            "values in events", "differences allowed", 0, "values that do not follow", len(books.mismatches), "values"
        ),
    ]


def funding_checks(books: Books, tape_ms: int) -> list[Check]:
    """An hour of funding each way in every market; a run shorter than three hours cannot have both."""
    if tape_ms < FULL_RUN_MS:
        return []
    made = []
    for index, plan in enumerate(MARKETS):
        book = books.markets[index]
        for way, paid_ms in (("longs paid", book.paid_up_ms), ("shorts paid", book.paid_down_ms)):
            long_enough = int(paid_ms >= FUNDING_WAY_MS)
            made.append(
                Check(
                    f"{plan.symbol} {way}",
                    "an hour wanted",
                    1,
                    f"{paid_ms // 60_000} min at such rates",
                    long_enough,
                    "yes/no",
                )
            )
    return made


async def life_checks(chain: Chain, books: Books) -> list[Check]:
    """While everybody still trades: the vault holds what users, pools and funds are owed, account by account."""
    from evertide import decode_many, vault_address

    infos = await chain.client.accounts_info("User")
    users = decode_many("User", [info.data for info in infos])
    pools = sum(market.pool_atoms for market in await chain.client.markets())
    insurance = await chain.client.insurance()
    quote = (await chain.client.collaterals())[0]
    owed = sum(int(user["quote_atoms"]) for user in users) + pools + insurance.balance_atoms + quote.interest_atoms
    vault = await chain.token_atoms(vault_address(0))
    return [
        Check(
            "USDC vault before the exit",
            "token balance",
            vault,
            "balances + pools + insurance + interest",
            owed,
            "USDC atoms",
        ),
        Check(
            "USDC transfers before the exit",
            "token balance",
            vault,
            "all transfers",
            books.vault_atoms(0),
            "USDC atoms",
        ),
    ]


async def all_checks(chain: Chain, roles: Cast, cast: Sequence[Actor], books: Books, tape_ms: int) -> list[Check]:
    """Everything that must hold at the end."""
    return [
        *await vault_checks(chain, roles, books),
        *await wallet_checks(chain, roles, cast, books),
        *await fund_checks(chain, books),
        *await market_checks(chain, books),
        *funding_checks(books, tape_ms),
    ]
