"""The view of `evertide engine stress`: one row for each shock, exact by the engine's scan of all accounts."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from evertide_cli.errors import CliError, UsageProblem
from evertide_cli.output import show
from evertide_cli.session import Session

if TYPE_CHECKING:
    from evertide_keepers.stressing import Scenario


def shock_bps_of(word: str) -> int:
    """A move in percent as basis points. Raises `UsageProblem` for anything finer, or beyond what a price can move."""
    from evertide_keepers.stressing import SHOCK_LEAST_BPS, SHOCK_MOST_BPS

    try:
        bps = Decimal(word.removesuffix("%")) * 100
    except InvalidOperation:
        raise UsageProblem(f"--shock: a number of percent is needed: found {word!r}") from None
    if not bps.is_finite() or bps != int(bps):
        raise UsageProblem(f"--shock: at most two decimals of a percent: found {word}")
    if not SHOCK_LEAST_BPS <= bps <= SHOCK_MOST_BPS:
        least, most = Decimal(SHOCK_LEAST_BPS) / 100, Decimal(SHOCK_MOST_BPS) / 100
        raise UsageProblem(f"--shock: found {word}, needed {least} to {most:.0f} percent")
    return int(bps)


async def show_stress(session: Session, shocks: list[str], markets: list[str], *, assets: bool) -> None:
    """Value every account at each shock and show what would be missing."""
    from evertide_keepers import Spine
    from evertide_keepers.stressing import stress_test

    moves = [shock_bps_of(word) for word in shocks]
    chosen = [(await session.market(name)).index for name in markets] if markets else None
    spine = Spine(session.client, ws_url=None)
    await spine.start()
    try:
        async with spine.lock:
            await spine.sync()
            state = spine.state
            if state.risk_cache is None:
                raise CliError("the exchange has no risk cache yet: nothing can be valued")
            found = stress_test(state, moves, chosen, assets=assets)
            head = _head(state)
    finally:
        await spine.close()
    rows = [_row(each) for each in found]
    if session.settings.as_json:
        show({**head, "scenarios": rows}, as_json=True)
        return
    show(head, as_json=False)
    show(rows, as_json=False, title="if prices moved, and nobody acted")


def _head(state: Any) -> dict[str, Any]:
    from evertide import atoms_to_usdc

    fund = None if state.insurance is None else atoms_to_usdc(int(state.insurance["balance_atoms"]))
    return {"slot": state.time.slot, "accounts_total": len(state.known("User")), "insurance_usd": fund}


def _row(found: Scenario) -> dict[str, Any]:
    from evertide import atoms_to_usdc

    return {
        "shock_percent": Decimal(found.shock_bps) / 100,
        "below_maintenance": found.below,
        "bankrupt": found.bankrupt,
        "not_valued": found.unvalued,
        "shortfall_usd": atoms_to_usdc(found.shortfall_atoms),
        "deficit_usd": atoms_to_usdc(found.deficit_atoms),
        "worst_account": found.worst,
        "worst_shortfall_usd": atoms_to_usdc(found.worst_shortfall_atoms),
    }
