"""A whole exchange as its keepers hold it: users with positions and orders, markets, prices, all from account bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
from solders.pubkey import Pubkey

from evertide import ORDER_FLAG_ASK, ORDER_FLAG_DORMANT, SEASON_STEPS, OracleKind, OrderKind, TimeInForce
from evertide_engine.decode import Records
from evertide_engine.layouts import COLLATERAL, EXCHANGE, MARKET, ORDERS, ORDERS_MAX, RISK_CACHE
from evertide_keepers.clock import ChainTime
from evertide_keepers.state import Change, Price, State

from .accounts import MARK_BITS, NOW_MS, ONE, POSITIONS, SLOT, discriminated, leveraged

MARKETS = 8
TICK_ATOMS, INDEX_TICKS = 10, 1_000
INDEX_ATOMS = TICK_ATOMS * INDEX_TICKS
ADDRESS_BYTES = 32
IMPACT_LOTS = 500
AGE_MS, STALE_MS = 40_000, 3_600_000
DORMANT_EACH, EXPIRED_EVERY, CROSSING_EVERY = 1, 500, 200
"""Orders of each account that wait for a trigger; one account in so many has an expired order, or one that crosses."""


def address(kind: int, number: int) -> bytes:
    """A distinct address."""
    return number.to_bytes(8, "little") + bytes([kind]) * (ADDRESS_BYTES - 8)


USER_KEYS, ORDERS_KEYS, OTHER_KEYS = 1, 2, 3


def one(name: str, dtype: Any) -> Records:
    """One record with its discriminator."""
    return discriminated(1, name, dtype)


def market(index: int) -> Records:
    """An active market, priced two seconds ago, whose evidence is old."""
    record = one("Market", MARKET)
    row = record[0]
    row["index"], row["atoms_per_lot_tick"], row["index_price_q32"] = index, TICK_ATOMS, INDEX_ATOMS << MARK_BITS
    row["publish_time_ms"], row["accrued_ms"] = NOW_MS - 2_000, NOW_MS - AGE_MS
    row["a"], row["season_step"] = ONE, SEASON_STEPS
    row["pool_atoms"] = 10**12
    terms = row["terms"]
    terms["symbol"] = np.frombuffer(f"M{index}-PERP".encode().ljust(16, b"\0"), np.uint8)
    terms["band_bps"], terms["impact_notional_atoms"] = 1_000, IMPACT_LOTS * INDEX_ATOMS
    terms["oracle"]["kind"] = OracleKind.LOCAL
    terms["oracle"]["account"] = np.frombuffer(address(OTHER_KEYS, 1_000 + index), np.uint8)
    terms["oracle"]["stale_fill_ms"] = terms["oracle"]["stale_margin_ms"] = STALE_MS
    return record


def risk_cache() -> Records:
    """Rows of all markets at their index."""
    record = one("RiskCache", RISK_CACHE)
    record["priced_ms"] = NOW_MS
    rows = record["markets"][0, :MARKETS]
    for name in ("index_price_q32", "mark_price_q32", "twap_price_q32"):
        rows[name] = INDEX_ATOMS << MARK_BITS
    rows["updated_ms"], rows["a"], rows["profit_weight_bps"] = NOW_MS - AGE_MS, ONE, 10_000
    rows["market_plus_one"] = np.arange(1, MARKETS + 1)
    rows["tier_bound_usd"], rows["tier_ratio_bps"] = [1_000, 5_000, 20_000, 60_000], [250, 500, 1_000, 2_500]
    record["collaterals"]["debt_index_q48"][0, 0] = ONE
    return record


def traders(count: int, cache: Any) -> Records:
    """Users with three positions in three markets, of whom one in a hundred is below cancel margin."""
    users = leveraged(count, cache, MARKETS)
    users["authority"][:, :8] = (np.arange(count, dtype="<u8") + 1).view(np.uint8).reshape(-1, 8)
    users["orders_epoch"] = 1
    held = users["positions"][:, :POSITIONS]
    held["atoms_per_lot_tick"] = TICK_ATOMS
    held["entry_atoms"] = -held["cash_atoms"] + np.random.default_rng(8).integers(-(10**8), 10**8, held.shape)
    return users


def orders_of(count: int, each: int) -> Records:
    """Orders around the index of all markets: most rest, some wait for a trigger, few cross or have expired."""
    generator = np.random.default_rng(7)
    records = discriminated(count, "Orders", ORDERS)
    keys = b"".join(address(USER_KEYS, number) for number in range(count))
    records["user"] = np.frombuffer(keys, np.uint8).reshape(count, ADDRESS_BYTES)
    records["order_count"] = each
    rows = records["orders"][:, :each]
    shape = rows["order_id"].shape
    rows["order_id"] = np.arange(1, each + 1)
    rows["market_index"] = generator.integers(0, MARKETS, shape)
    rows["flags"] = generator.integers(0, 2, shape) * ORDER_FLAG_ASK
    ask = rows["flags"] == ORDER_FLAG_ASK
    away = generator.integers(1, 90, shape)
    rows["price_ticks"] = np.where(ask, INDEX_TICKS + away, INDEX_TICKS - away)
    rows["size_lots"], rows["time_in_force"] = generator.integers(1, 100, shape), TimeInForce.POST_ONLY
    rows["placed_slot"] = generator.integers(SLOT - 5_000, SLOT - 200, shape)
    rows["placed_ms"] = NOW_MS - AGE_MS
    wait = rows[:, :DORMANT_EACH]
    wait["kind"], wait["flags"] = OrderKind.STOP_MARKET, wait["flags"] | ORDER_FLAG_DORMANT
    wait["terms"][..., 0] = np.where(wait["flags"] & ORDER_FLAG_ASK, INDEX_TICKS // 2, INDEX_TICKS * 2)
    rows["expiry_ms"][::EXPIRED_EVERY, -1] = NOW_MS - 1
    crossing = rows[1::CROSSING_EVERY, -1]
    crossing["price_ticks"], crossing["flags"] = INDEX_TICKS + 5, 0
    crossing["time_in_force"], crossing["placed_slot"] = TimeInForce.GOOD_TILL_CANCELLED, SLOT - 100
    return records


def changes(users: Records, orders: Records, rows: Any) -> list[Change]:
    """Readings of both accounts of some traders."""
    found = [Change(address(USER_KEYS, row), SLOT, users[row].tobytes()) for row in rows]
    return found + [Change(address(ORDERS_KEYS, row), SLOT, orders[row].tobytes()) for row in rows]


def exchange(count: int, order_count: int) -> tuple[State, Records, Records]:
    """What a keeper holds after reading so many users with so many orders; and their records."""
    each = min(order_count // count, ORDERS_MAX)
    cache = risk_cache()
    users, orders = traders(count, cache[0]), orders_of(count, each)
    listing = one("Exchange", EXCHANGE)
    listing["opened"], listing["market_count"] = 1, MARKETS
    quote = one("Collateral", COLLATERAL)
    quote["debt_accrued_ms"] = NOW_MS - AGE_MS
    single = [listing, cache, quote, *(market(index) for index in range(MARKETS))]
    state = State()
    state.apply(Change(address(OTHER_KEYS, number), SLOT, record.tobytes()) for number, record in enumerate(single))
    state.apply(changes(users, orders, range(count)))
    state.time = ChainTime(SLOT, NOW_MS)
    for index in range(MARKETS):
        state.prices[f"M{index}-PERP"] = Price(INDEX_ATOMS * 10_000, 1_000, NOW_MS)
    return state, users, orders


def user_address(number: int) -> str:
    """Address of a trader, as settings name it."""
    return str(Pubkey.from_bytes(address(USER_KEYS, number)))
