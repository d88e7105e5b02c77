"""A market after a crash as account bytes: traders at any rung of the ladder, makers, a liquidator, a backstop."""

from __future__ import annotations

from typing import Any

import keeper_world as kw
import numpy as np
from solders.pubkey import Pubkey

from evertide_engine._generated.layouts import INSURANCE
from evertide_engine.decode import decode
from evertide_engine.layouts import ACCOUNTS, COLLATERAL, EXCHANGE, RISK_CACHE
from evertide_keepers.clock import ChainTime

USD = 1_000_000
LOT_ATOMS = kw.TICK_VALUE * kw.INDEX_TICKS
LOTS = 100_000
"""A position of $1,000: tier ratio 250 bps, so cancel at $18.80, maintenance $12.50, backstop $6.30, ADL $2.50."""
NOTIONAL = LOTS * LOT_ATOMS
CANCEL, MAINTENANCE, BACKSTOP, DELEVERAGE = (NOTIONAL * bps // 10_000 for bps in (188, 125, 63, 25))
FEE_BPS, INSURANCE_BPS = 20, 10
EXCHANGE_AT, CACHE_AT, QUOTE_AT, MARKET_AT = (kw.address(number) for number in (900, 901, 902, 903))
INSURANCE_AT, SOL_AT = kw.address(904), kw.address(905)
LIQUIDATOR, BACKSTOP_USER, MAKER, VICTIM = kw.address(50), kw.address(51), kw.address(20), kw.address(1)
BUYER = str(LIQUIDATOR)


def change(world: kw.World, at: Pubkey, kind: str, **fields: Any) -> None:
    """Set fields of one account; `terms__name` reaches into its terms."""
    record = decode([world.accounts[at]], ACCOUNTS[kind], kind)
    for name, value in fields.items():
        part, _, inner = name.partition("__")
        if inner:
            record[part][inner] = value
        else:
            record[name] = value
    world.put(at, record)


def change_row(world: kw.World, table: str, index: int, **fields: Any) -> None:
    """Set fields of one row of the risk cache."""
    record = decode([world.accounts[CACHE_AT]], RISK_CACHE, "RiskCache")
    for name, value in fields.items():
        record[table][name][0, index] = value
    world.put(CACHE_AT, record)


def insurance(balance: int = 0, tranche: int = 0) -> np.ndarray:
    """The insurance fund."""
    record = kw.blank("Insurance", INSURANCE)
    record["balance_atoms"], record["tranche_atoms"] = balance, tranche
    return record


def crashed(fund: int = 0) -> kw.World:
    """The market with the terms of liquidations, a backstop without money, and an insurance fund."""
    world = kw.World.with_market()
    terms = {
        "terms__liquidation_fee_bps": FEE_BPS,
        "terms__insurance_fee_bps": INSURANCE_BPS,
        "terms__position_max_lots": 10**9,
        "terms__stress_move_bps": 100,
        "terms__insurance_day_max_atoms": 10**12,
        "terms__order_size_min_lots": 1,
        "position_count": [3, 3],
    }
    change(world, MARKET_AT, "Market", **terms)
    record = decode([world.accounts[EXCHANGE_AT]], EXCHANGE, "Exchange")
    record["terms"]["fee_tiers"]["taker_fee_tenth_bps"][0, 0], record["terms"]["fee_tier_count"] = 50, 1
    world.put(EXCHANGE_AT, record)
    world.put(INSURANCE_AT, insurance(balance=fund))
    backstop = kw.user(quote_atoms=0, number=51)
    backstop["authority"][0] = np.frombuffer(bytes(MARKET_AT), np.uint8)
    world.put(BACKSTOP_USER, backstop)
    return world


def with_sol(world: kw.World, discount_bps: int = 300) -> None:
    """A second collateral at $100 for 10^9 atoms, weighed 80 %."""
    record = kw.blank("Collateral", COLLATERAL)
    record["index"], record["terms"]["liquidation_discount_bps"] = 1, discount_bps
    world.put(SOL_AT, record)
    price = 100 * USD * (1 << 48) // 10**9
    row = {"price_q48": price, "twap_q48": price, "publish_time_ms": kw.NOW_MS, "updated_ms": kw.NOW_MS}
    weights = {"weight_initial_bps": 7_000, "weight_maintenance_bps": 8_000, "collateral_plus_one": 2}
    change_row(world, "collaterals", 1, **row, **weights)


def held(equity: int, *, lots: int = LOTS, started_ms: int = 0, number: int = 1, quote: int = 0) -> np.ndarray:
    """A user with a position of `lots` and so much equity; in liquidation since `started_ms` before now."""
    record = kw.position(kw.user(quote_atoms=quote, number=number), lots, equity - quote - lots * LOT_ATOMS)
    if started_ms:
        record["liquidation_start_ms"] = kw.NOW_MS - started_ms
    record["sequence"] = 7
    return record


def with_token(record: np.ndarray, amount: int) -> np.ndarray:
    """Give a user an amount of the second collateral."""
    record["collaterals"]["collateral_index"][0, 0], record["collaterals"]["amount_atoms"][0, 0] = 1, amount
    record["collateral_count"] = 1
    return record


def liquidator(world: kw.World, quote: int = 1_000 * USD) -> None:
    """The keeper's own account, with quote and nothing else."""
    world.trader(50, kw.user(quote_atoms=quote, number=50))


def bid(ticks: int = kw.INDEX_TICKS, lots: int = LOTS, **more: Any) -> dict[str, Any]:
    """An order that buys from a long in liquidation."""
    return {"price_ticks": ticks, "size_lots": lots, **more}


def at(world: kw.World, ms: int) -> kw.World:
    """The same world some milliseconds later."""
    world.time = ChainTime(world.time.slot + max(ms // 400, 1), world.time.unix_ms + ms)
    return world
