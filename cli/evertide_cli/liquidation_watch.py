"""The live view of the way down: accounts below each margin, what they miss, in which markets, since when."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from evertide_cli.output import show_each, table
from evertide_cli.session import Session, symbol_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from evertide_keepers import Spine
    from evertide_keepers.ladder import Account

REFRESH_MS = 1_000


async def watch_liquidations(session: Session, *, limit: int, once: bool) -> None:
    """Show accounts below cancel margin or in liquidation, the largest shortfall first, again every second."""
    from evertide_keepers import Spine

    spine = Spine(session.client, ws_url=None if once else session.settings.ws_url)
    symbols = {market.index: symbol_of(market) for market in await session.markets()}
    await spine.start()
    try:

        async def read() -> dict[str, Any]:
            return await _read(spine, symbols, limit)

        every_ms = None if once else REFRESH_MS
        await show_each(read, draw, as_json=session.settings.as_json, every_ms=every_ms)
    finally:
        await spine.close()


async def _read(spine: Spine, symbols: dict[int, str], limit: int) -> dict[str, Any]:
    from evertide import LadderRung
    from evertide_keepers.ladder import accounts, bankrupt, going_down

    async with spine.lock:
        await spine.sync()
        state = spine.state
        counts = Counter(state.liquidations().rung.tolist())
        rows = dict.fromkeys([*bankrupt(state, limit), *going_down(state, limit)])
        found = accounts(state, list(rows)[:limit])
        going = int((state.users["liquidation_start_ms"] != 0).sum())
    return {
        "slot": state.time.slot,
        "time_ms": state.time.unix_ms,
        "accounts_total": len(state.known("User")),
        "in_liquidation": going,
        # The scan numbers the margins from above to below, as the names stand.
        "below": {rung.value: counts[number] for number, rung in enumerate(LadderRung) if number},
        "shown": len(found),
        "accounts": [_entry(account, symbols, state.time.unix_ms) for account in found],
    }


def _entry(account: Account, symbols: dict[int, str], now_ms: int) -> dict[str, Any]:
    from evertide import Bankruptcy, Ladder, atoms_to_usdc

    found = Ladder(
        equity_atoms=account.equity_atoms,
        quote_atoms=account.quote_atoms,
        notional_atoms=sum(held.notional_atoms for held in account.holdings),
        cancel_atoms=account.cancel_atoms,
        maintenance_atoms=account.maintenance_atoms,
        backstop_atoms=account.backstop_atoms,
        auto_deleverage_atoms=account.auto_deleverage_atoms,
        losses_atoms=account.losses_atoms,
        losses_unresolved_atoms=account.losses_atoms,
    )
    marked = [held for held in account.holdings if held.size_lots or held.bankruptcy == Bankruptcy.OPEN]
    return {
        "account": account.user,
        "rung": found.rung.value,
        "equity_usd": atoms_to_usdc(found.equity_atoms),
        "maintenance_usd": atoms_to_usdc(found.maintenance_atoms),
        "shortage_usd": atoms_to_usdc(found.shortage_atoms),
        "markets": [symbols.get(held.market_index, str(held.market_index)) for held in marked],
        "in_liquidation": account.in_liquidation,
        "since_s": account.elapsed_ms(now_ms) // 1000 if account.in_liquidation else None,
    }


def draw(view: dict[str, Any]) -> RenderableType:
    """One row for each account, the worst first; how many stand at each margin above them."""
    from rich.console import Group
    from rich.text import Text

    counts = "  ".join(f"{rung} {count}" for rung, count in view["below"].items())
    head = (
        f"slot {view['slot']}  accounts {view['accounts_total']}  in liquidation {view['in_liquidation']}\n"
        f"below each margin: {counts}"
    )
    rows = [{**entry, "markets": " ".join(entry["markets"])} for entry in view["accounts"]]
    return Group(Text(head), table(rows) if rows else Text("nobody is below cancel margin"))
