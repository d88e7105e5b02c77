"""What a step of the way down or a settlement did, for people: its event's figures in USD and base units."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evertide import Confirmed, Market


def told(confirmed: Confirmed, market: Market | None = None, decimals: int = 0) -> dict[str, Any]:
    """The figures of a confirmed transaction's last event. `market` scales sizes, `decimals` an amount of tokens."""
    if not confirmed.events:
        return {}
    event = confirmed.events[-1]
    tellers: dict[str, Callable[[], dict[str, Any]]] = {
        "OrdersLiquidated": lambda: _orders(event),
        "PositionLiquidated": lambda: _position(event, market),
        "LiquidationMatched": lambda: _matched(event, market),
        "CollateralLiquidated": lambda: _collateral(event, decimals),
        "PnlSettled": lambda: _settled(event),
        "BankruptcyResolved": lambda: _bankruptcy(event, market),
    }
    teller = tellers.get(type(event).__name__)
    return teller() if teller is not None else {}


def _usd(event: Any, *names: str) -> dict[str, Any]:
    from evertide import atoms_to_usdc

    return {f"{name}_usd": atoms_to_usdc(getattr(event, f"{name}_atoms")) for name in names}


def _size(lots: int, market: Market | None) -> Any:
    from evertide import lots_to_size

    return lots if market is None else lots_to_size(lots, lot_size_e9=market.terms.lot_size_e9)


def _orders(event: Any) -> dict[str, Any]:
    from evertide import constants

    step = constants.LiquidationRung(event.rung).name.lower()
    return {"did": step, "orders_cancelled": len(event.orders), **_usd(event, "equity", "requirement")}


def _position(event: Any, market: Market | None) -> dict[str, Any]:
    sizes = {"size": _size(event.size_lots, market), "deleveraged": _size(event.deleveraged_lots, market)}
    return {**sizes, **_usd(event, "liquidator_fee", "insurance_fee", "equity", "requirement"), "ended": event.ended}


def _matched(event: Any, market: Market | None) -> dict[str, Any]:
    filled = sum(fill.size_lots for fill in event.fills)
    sizes = {"size": _size(filled, market), "fills": len(event.fills), "skips": len(event.skips)}
    return {**sizes, **_usd(event, "insurance_fee", "keeper_reward", "equity", "requirement"), "ended": event.ended}


def _collateral(event: Any, decimals: int) -> dict[str, Any]:
    from evertide import atoms_to_token

    amount = {"amount": atoms_to_token(event.amount_atoms, decimals), "discount_bps": event.discount_bps}
    return {**amount, **_usd(event, "paid", "equity", "requirement"), "ended": event.ended}


def _settled(event: Any) -> dict[str, Any]:
    from evertide import atoms_to_usdc

    return {"settled_usd": atoms_to_usdc(event.amount_atoms), **_usd(event, "given_up", "deficit")}


def _bankruptcy(event: Any, market: Market | None) -> dict[str, Any]:
    from evertide import BankruptcyStep

    payers = ("deficit", "share", "fees", "insurance", "deleveraged", "tranche", "recorded")
    step = BankruptcyStep(event.step).name.lower()
    return {"did": step, "closed": _size(event.closed_lots, market), **_usd(event, *payers), "ended": event.ended}
