"""The words of `account health --what-if`: one change each, applied in the order given.

BTC-PERP=-10%                 index and mark of a market move          BTC-PERP=36000      or to a price, USD
collateral:1=-20%             price of a deposit asset moves           collateral:1=120    or to a price, USD
deposit:USDC=1000             whole tokens come in                     withdraw:SOL=2      or go out
order:BTC-PERP:buy=0.5@39000  an order rests                           fill:BTC-PERP:sell=0.5@39000   one fills
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from evertide_cli.errors import UsageProblem
from evertide_cli.session import symbol_of

if TYPE_CHECKING:
    from evertide import Health, NewOrder, WhatIf

GRAMMAR = "MARKET=-10%, MARKET=USD, collateral:INDEX=-10%, deposit:ASSET=N, order:MARKET:buy=SIZE@USD, fill:..."


async def apply(scenario: WhatIf, words: list[str], asset_index: Callable[[str], Any]) -> WhatIf:
    """The scenario after every change. `asset_index` finds a deposit asset by name. Raises UsageProblem, UsageError."""
    for word in words:
        scenario = await _change(scenario, word, asset_index)
    return scenario


async def _change(scenario: WhatIf, word: str, asset_index: Callable[[str], Any]) -> WhatIf:
    subject, equals, value = word.partition("=")
    kind, colon, name = subject.partition(":")
    if not equals or not value or not kind or (colon and not name):
        raise _not_understood(word)
    if not colon:
        return scenario.price(_market(kind), **_move(value))
    if kind == "collateral":
        return scenario.collateral_price(await asset_index(name), **_move(value))
    if kind == "deposit":
        return scenario.deposit(value, await asset_index(name))
    if kind == "withdraw":
        return scenario.withdraw(value, await asset_index(name))
    if kind == "order":
        return scenario.order(_order(word, name, value))
    if kind == "fill":
        return scenario.fill(_order(word, name, value))
    raise _not_understood(word)


def _not_understood(word: str) -> UsageProblem:
    return UsageProblem(f"--what-if must be one of {GRAMMAR}; found {word!r}")


def _market(name: str) -> int | str:
    return int(name) if name.isascii() and name.isdigit() else name


def _move(value: str) -> dict[str, str]:
    return {"percent": value.removesuffix("%")} if value.endswith("%") else {"price": value}


def _order(word: str, name: str, value: str) -> NewOrder:
    from evertide import NewOrder

    market, _, side = name.rpartition(":")
    size, at, price = value.partition("@")
    if not market or side not in ("buy", "sell") or not at:
        raise _not_understood(word)
    return NewOrder(market=_market(market), side="bid" if side == "buy" else "ask", size=size, price=price)


def rows(before: Health, after: Health) -> list[dict[str, Any]]:
    """Both valuations side by side, USD."""
    left, right = _figures(before), _figures(after)
    return [{"figure": name, "now": left[name], "what_if": right[name]} for name in left]


def _figures(health: Health) -> dict[str, Any]:
    from evertide import atoms_to_usdc

    found = health.ladder
    amounts = {
        "equity_initial": health.initial.equity_atoms,
        "initial_requirement": health.initial.requirement_atoms,
        "free_collateral": health.free_collateral_atoms,
        "equity_maintenance": found.equity_atoms,
        "cancel_requirement": found.cancel_atoms,
        "maintenance_requirement": found.maintenance_atoms,
        "backstop_requirement": found.backstop_atoms,
        "auto_deleverage_requirement": found.auto_deleverage_atoms,
        "shortage": found.shortage_atoms,
    }
    figures: dict[str, Any] = {f"{name}_usd": atoms_to_usdc(atoms) for name, atoms in amounts.items()}
    return {**figures, "rung": found.rung.value}


def position_rows(health: Health, markets: Mapping[int, Any]) -> list[dict[str, Any]]:
    """Positions of a valuation with their liquidation prices."""
    from evertide import atoms_to_usdc, price_q32_to_decimal

    found = []
    for view in health.positions:
        market = markets[view.market_index]
        lot, edge = market.terms.lot_size_e9, view.liquidation_price_q32
        found.append(
            {
                "market": symbol_of(market),
                "size": view.size(lot_size_e9=lot),
                "mark_price": price_q32_to_decimal(view.mark_price_q32, lot_size_e9=lot),
                "unrealised_usd": atoms_to_usdc(view.unrealised_atoms),
                "liquidation_price": None if edge is None else price_q32_to_decimal(edge, lot_size_e9=lot),
                "distance_bps": view.liquidation_distance_bps,
            }
        )
    return found
