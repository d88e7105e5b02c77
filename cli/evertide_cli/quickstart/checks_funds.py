"""Conservation checks of markets, of the insurance fund and of users' balances: see `checks`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evertide_cli.terms import MARKETS

from .check import Check
from .index import value_ceil

if TYPE_CHECKING:
    from .books import Books, MarketBook
    from .chain import Chain
    from .market_setup import Cast
    from .sights import Actor

ATOMS = "USDC atoms"


def dust_bound(book: MarketBook) -> int:
    """Most atoms that rounding may have left: one a folding, and a lot for each folding that dropped a part of one."""
    return book.foldings + book.index.dropped * value_ceil(1, book.mark_most_q32)


def _pool_checks(name: str, market: Any, book: MarketBook) -> list[Check]:
    """The pool, and what it owes: the identity `pool + deficit = claims + fees + rewards + dust`."""
    dust = book.dust_atoms
    made_up = book.waived_atoms + book.unbacked_atoms
    most_made_up = 0 if book.index.dropped == 0 else dust_bound(book)
    beyond = max(0, market.dust_atoms - dust_bound(book), -market.dust_atoms, made_up - most_made_up)
    owed = book.claims_atoms + book.pending_fees_atoms + book.owed_atoms + dust
    backed = market.pool_atoms + market.deficit_atoms
    flows = "settled + insurance - collected"
    bound = f"{book.foldings} foldings, {book.index.dropped} of parts of lots"
    return [
        Check(f"{name} pool", "pool", market.pool_atoms, flows, book.pool_atoms, ATOMS),
        Check(f"{name} pool owed", "pool + deficit", backed, "claims + uncollected fees + rewards + dust", owed, ATOMS),
        Check(f"{name} claims", "claims", market.claims_atoms, "unsettled cash", book.claims_atoms, ATOMS),
        Check(f"{name} dust", "counted dust", market.dust_atoms, "paid - received + made up by fees", dust, ATOMS),
        Check(f"{name} dust bound", "dust beyond what rounding can leave", beyond, bound, 0, ATOMS),
    ]


def _flow_checks(name: str, market: Any, book: MarketBook) -> list[Check]:
    """Fees, fills and deficits."""
    fees = book.pending_fees_atoms
    deficit, latched = book.deficit_atoms, len(book.open_bankruptcies)
    return [
        Check(f"{name} fees", "pending", market.pending_fees_atoms, "charged - given - collected", fees, ATOMS),
        Check(f"{name} volume", "volume", market.volume_atoms, "sum of fills", book.volume_atoms, ATOMS),
        Check(f"{name} fills", "fill count", market.fill_count, "fills", book.fills, "fills"),
        Check(f"{name} deficit", "recorded", market.deficit_atoms, "recorded - repaid - given up", deficit, ATOMS),
        Check(f"{name} latch", "bankruptcies open", market.bankruptcies_open, "opened - closed", latched, "accounts"),
    ]


def _index_checks(name: str, market: Any, book: MarketBook) -> list[Check]:
    """Open interest, A and epoch of both sides."""
    made = []
    for number, side in enumerate(book.index.sides):
        label = f"{name} {('long', 'short')[number]}"
        held = sum(abs(lots) for lots in book.lots.values() if lots and (lots < 0) == bool(number))
        interest = market.open_interest_lots[number]
        made += [
            Check(f"{label} interest", "open interest", interest, "positions left", held, "lots"),
            Check(f"{label} A", "factor", market.a[number], "OI left after each deleveraging", side.a, "2^-48"),
            Check(
                f"{label} epoch", "epoch", market.epoch[number], "sides deleveraged to nothing", side.epoch, "epochs"
            ),
        ]
    return made


async def market_checks(chain: Chain, books: Books) -> list[Check]:
    """Each market's own figures against its events."""
    made = []
    for market in await chain.client.markets():
        book, name = books.markets[market.index], MARKETS[market.index].symbol
        made += _pool_checks(name, market, book)
        made += _flow_checks(name, market, book)
        made += _index_checks(name, market, book)
    return made


async def user_rows(chain: Chain) -> Any:
    """Every `User` account of the program."""
    from evertide import decode_many

    infos = await chain.client.accounts_info("User")
    return decode_many("User", [info.data for info in infos])


async def fund_checks(chain: Chain, books: Books) -> list[Check]:
    """Insurance, interest, and users' balances."""
    fund = await chain.client.insurance()
    quote, sol = (await chain.client.collaterals())[:2]
    users = await user_rows(chain)
    balances = sum(int(user["quote_atoms"]) for user in users)
    asset = books.assets[0]
    rebuilt = sum(asset.by_user.values())
    interest = asset.interest_atoms - asset.interest_collected_atoms
    sol_deposits = books.assets[1].total_atoms
    gaps = len(books.mismatches)
    paid, tranche = books.insurance_paid_atoms, books.tranche_atoms
    return [
        Check("insurance", "balance", fund.balance_atoms, "funded + collected - paid", books.insurance_atoms, ATOMS),
        Check("insurance paid", "paid", fund.paid_atoms, "paid by bankruptcies", paid, ATOMS),
        Check("insurance tranche", "tranche", fund.tranche_atoms, "funded - drawn", tranche, ATOMS),
        Check("debt interest", "interest", quote.interest_atoms, "charged - collected", interest, ATOMS),
        Check("user balances", "sum of quote balances", balances, "deposits, settlements, sales", rebuilt, ATOMS),
        Check("USDC deposits", "total", quote.total_atoms, "positive balances + queue", asset.total_atoms, ATOMS),
        Check("USDC debts", "total", quote.debt_atoms, "negative balances", asset.debts_atoms, ATOMS),
        Check("SOL deposits", "total", sol.total_atoms, "balances + queue", sol_deposits, "SOL atoms"),
        Check("values in events", "differences allowed", 0, "values that do not follow", gaps, "values"),
    ]


async def idle_checks(chain: Chain, roles: Cast, cast: Sequence[Actor], books: Books) -> list[Check]:
    """I-12: whoever never held a position has in wallet and account exactly what it started with."""
    from evertide import associated_token_address

    exposed = {user for book in books.markets.values() for user in [*book.cash, *book.lots]}
    idle = [actor for actor in cast if str(actor.user) not in exposed]
    made = []
    for index, (name, mint) in enumerate((("USDC", roles.usdc_mint), ("SOL", roles.sol_mint))):
        bought = {sale.liquidator for sale in books.sales} | {sale.user for sale in books.sales}
        quiet = [actor for actor in idle if str(actor.user) not in bought]
        wallets = [associated_token_address(actor.key.pubkey(), mint) for actor in quiet]
        held = sum([await chain.token_atoms(wallet) for wallet in wallets])
        held += sum(books.assets[index].by_user[str(actor.user)] for actor in quiet)
        given = sum(actor.given_atoms[index] for actor in quiet)
        label = f"minted for {len(quiet)} traders without a position"
        made.append(Check(f"idle {name}", "wallets + accounts", held, label, given, f"{name} atoms"))
    return made
