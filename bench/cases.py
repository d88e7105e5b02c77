"""What is measured: seeded inputs, the engine's call, and plain Python on fewer of the same."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from evertide import RiskCache, User, math, valuation
from evertide_engine.book import OPERATION, Book, Code
from evertide_engine.crossing import scan
from evertide_engine.decode import decode_users, key_words
from evertide_engine.layouts import DISCRIMINATORS, ORDERS, RISK_CACHE, USER
from evertide_engine.liquidation import RiskColumns, liquidations
from evertide_engine.margin import MarginKind, value
from evertide_engine.markets import MarketColumns

from .measure import Line, best_seconds
from .plain_book import PlainBook

ONE = 1 << 48
NOW_MS, SLOT = 1_700_000_000_000, 10_000
USERS_DECODED, USERS_VALUED = 10_000, 100_000
ORDER_ACCOUNTS, ORDERS_EACH = 20_000, 5
MESSAGES, LIVE = 1_000_000, 1_000
MESSAGES_PLAIN = 50_000
CACHE_LINE = 64


def discriminated(count: int, name: str, dtype: Any) -> np.ndarray:
    """`count` empty records of one kind of account."""
    records = np.zeros(count, dtype)
    records["discriminator"] = np.frombuffer(DISCRIMINATORS[name], np.uint8)
    return records


def crowd(count: int) -> np.ndarray:
    """Users with three positions each."""
    generator = np.random.default_rng(1)
    users = discriminated(count, "User", USER)
    users["debt_index_q48"], users["position_count"] = ONE, 3
    users["quote_atoms"] = generator.integers(0, 10**9, count)
    for place in range(3):
        position = users["positions"][:, place]
        position["market_plus_one"] = generator.integers(1, 49, count)
        position["basis_lots"] = generator.integers(-(10**5), 10**5, count)
        position["cash_atoms"] = generator.integers(-(10**8), 10**8, count)
        position["a_snapshot"] = ONE
    return users


def prices() -> np.ndarray:
    """A risk cache of 48 markets with funding under way."""
    generator = np.random.default_rng(2)
    cache = discriminated(1, "RiskCache", RISK_CACHE)
    rows = cache["markets"]
    rows["mark_price_q32"] = generator.integers(1_000, 20_000, 48).astype(np.uint64) << np.uint64(32)
    rows["twap_price_q32"], rows["a"], rows["profit_weight_bps"] = rows["mark_price_q32"], ONE, 10_000
    rows["j"]["low"] = generator.integers(0, 1 << 50, (1, 48, 2))
    rows["market_plus_one"] = np.arange(1, 49)
    rows["tier_bound_usd"], rows["tier_ratio_bps"] = [1_000, 5_000, 20_000, 60_000], [250, 500, 1_000, 2_500]
    cache["collaterals"]["debt_index_q48"][0, 0] = ONE
    return cache


def decode_case(bandwidth: float) -> Line:
    """10,000 `User` accounts to records."""
    accounts = [record.tobytes() for record in crowd(USERS_DECODED)]
    sample = accounts[:50]
    plain = best_seconds(lambda: [User.decode(data) for data in sample], repeats=2)
    return Line(
        name=f"decode {USERS_DECODED:,} users",
        count=USERS_DECODED,
        unit="accounts",
        seconds=best_seconds(lambda: decode_users(accounts)),
        floor_seconds=2 * USERS_DECODED * USER.itemsize / bandwidth,
        plain_seconds=plain * USERS_DECODED / len(sample),
    )


def margin_case(bandwidth: float) -> Line:
    """Health of 100,000 users with three positions each."""
    users, cache = crowd(USERS_VALUED), prices()
    plain_cache = RiskCache.decode(cache.tobytes())
    sample = [User.decode(record.tobytes()) for record in users[:50]]
    kind = math.MarginKind.MAINTENANCE
    plain = best_seconds(lambda: [valuation(user, plain_cache, kind, now_ms=NOW_MS) for user in sample], repeats=2)
    # Header, three positions, and the result.
    moved = USERS_VALUED * (288 + 3 * 104 + 6 * 8 + 12 * 8)
    return Line(
        name=f"margin scan {USERS_VALUED:,} users x 3 positions",
        count=USERS_VALUED,
        unit="users",
        seconds=best_seconds(lambda: value(users, cache[0], MarginKind.MAINTENANCE, NOW_MS)),
        floor_seconds=moved / bandwidth,
        plain_seconds=plain * USERS_VALUED / len(sample),
    )


def leveraged(cache: np.ndarray) -> np.ndarray:
    """Users with three positions near their entry, margined so that about one in a hundred is below cancel margin."""
    generator = np.random.default_rng(5)
    users = crowd(USERS_VALUED)
    marks = (cache["markets"]["mark_price_q32"][0] >> np.uint64(32)).astype(np.int64)
    for place in range(3):
        position = users["positions"][:, place]
        entry = generator.normal(1.0, 0.01, USERS_VALUED)
        cost = position["basis_lots"] * marks[position["market_plus_one"] - 1]
        position["cash_atoms"] = (-cost * entry).astype(np.int64)
    users["quote_atoms"] = 0
    found = value(users, cache[0], MarginKind.CANCEL, NOW_MS)
    wanted = found.requirement_atoms * generator.lognormal(2.0, 0.86, USERS_VALUED)
    users["quote_atoms"] = np.maximum(wanted.astype(np.int64) - found.equity_atoms, 0)
    return users


def liquidation_line(bandwidth: float, users: np.ndarray, cache: np.ndarray, most: int | None) -> Line:
    """A liquidation scan of users after all prices have moved, of all accounts below the line or of the worst."""
    columns = RiskColumns(users, cache[0])
    plain_cache = RiskCache.decode(cache.tobytes())
    sample = [User.decode(record.tobytes()) for record in users[:50]]
    kind = math.MarginKind.CANCEL
    plain = best_seconds(lambda: [valuation(user, plain_cache, kind, now_ms=NOW_MS) for user in sample], repeats=2)
    below = len(liquidations(users, cache[0], NOW_MS, columns).rows)
    # Lots, cash and side of three positions, two balances and three flags; whole accounts of those that are ranked.
    ranked = below if most is None else min(below, most)
    moved = USERS_VALUED * (3 * 17 + 2 * 8 + 3) + ranked * (288 + 3 * 104)
    name = f"all {below:,} to liquidate" if most is None else f"worst {ranked:,} of {below:,} to liquidate"
    return Line(
        name=f"{name}, {USERS_VALUED:,} users",
        count=USERS_VALUED,
        unit="users",
        seconds=best_seconds(lambda: liquidations(users, cache[0], NOW_MS, columns, most=most)),
        floor_seconds=moved / bandwidth,
        plain_seconds=plain * USERS_VALUED / len(sample),
    )


def liquidation_case(bandwidth: float) -> Line:
    """One account in a hundred is below."""
    cache = prices()
    return liquidation_line(bandwidth, leveraged(cache), cache, None)


def crash_case(bandwidth: float) -> Line:
    """One account in three is below, nearly all of them bankrupt; the worst thousand are asked for."""
    return liquidation_line(bandwidth, crowd(USERS_VALUED), prices(), 1_000)


def columns_case(bandwidth: float) -> Line:
    """The columns of the liquidation scan made anew, as after a change of A."""
    cache = prices()
    users = leveraged(cache)
    columns = RiskColumns(users, cache[0])
    sample = [User.decode(record.tobytes()) for record in users[:50]]
    held = [position for user in sample for position in user.positions if position.market_plus_one]
    side = math.SideIndex()
    plain = best_seconds(lambda: [folded(position, side) for position in held], repeats=2)
    return Line(
        name=f"risk columns of {USERS_VALUED:,} users",
        count=USERS_VALUED,
        unit="users",
        seconds=best_seconds(lambda: columns.rebuild(users, cache[0])),
        floor_seconds=USERS_VALUED * (288 + 3 * 104 + 3 * 17 + 2 * 8 + 3) / bandwidth,
        plain_seconds=plain * USERS_VALUED / len(sample),
    )


def folded(position: Any, side: math.SideIndex) -> math.Folded:
    """One position folded by the SDK."""
    snapshot = math.Snapshot(position.basis_lots, position.a_snapshot, position.j_snapshot, position.epoch)
    return math.fold_cached(snapshot, side)


def crossing_case(bandwidth: float) -> Line:
    """100,000 open orders of one market, a hundred of which cross."""
    generator = np.random.default_rng(3)
    orders = discriminated(ORDER_ACCOUNTS, "Orders", ORDERS)
    users = discriminated(ORDER_ACCOUNTS, "User", USER)
    users["authority"][:, :8] = np.arange(ORDER_ACCOUNTS, dtype="<u8").view(np.uint8).reshape(-1, 8)
    orders["order_count"] = ORDERS_EACH
    rows = orders["orders"][:, :ORDERS_EACH]
    shape = rows["order_id"].shape
    rows["order_id"] = np.arange(1, ORDERS_EACH + 1)
    rows["flags"] = generator.integers(0, 2, shape)
    distance = generator.integers(1, 5_000, shape)
    rows["price_ticks"] = np.where(rows["flags"] == 1, 100_000 + distance, 100_000 - distance)
    rows["price_ticks"][:100, 0], rows["flags"][:100, 0] = 100_050, 0
    rows["size_lots"] = generator.integers(1, 1_000, shape)
    rows["placed_slot"] = generator.integers(SLOT - 5_000, SLOT - 100, shape)
    markets = MarketColumns.empty()
    markets.index_price_q32[0], markets.tick_value[0], markets.a[0] = 1_000_000 << 32, 10, ONE
    markets.band_low_ticks[0], markets.band_high_ticks[0] = 1, 1 << 39
    keys = key_words([number.to_bytes(32, "little") for number in range(ORDER_ACCOUNTS)])
    assert len(scan(orders, keys, users, markets, NOW_MS, SLOT)) >= 100
    seconds = best_seconds(lambda: scan(orders, keys, users, markets, NOW_MS, SLOT))
    part = rows[:1_000].copy()
    plain = best_seconds(lambda: plain_crossing(part), repeats=2)
    count = ORDER_ACCOUNTS * ORDERS_EACH
    return Line(
        name=f"crossing scan {count:,} orders from scratch",
        count=count,
        unit="orders",
        seconds=seconds,
        floor_seconds=(count * 96 + ORDER_ACCOUNTS * 2 * CACHE_LINE) / bandwidth,
        plain_seconds=plain * ORDER_ACCOUNTS / len(part),
    )


def plain_crossing(rows: np.ndarray) -> int:
    """Orders beyond the other side's best, one by one."""
    found = [(int(order["price_ticks"]), int(order["flags"]) & 1) for account in rows for order in account]
    bid = max(price for price, ask in found if not ask)
    ask = min(price for price, is_ask in found if is_ask)
    return sum(price >= ask if not is_ask else price <= bid for price, is_ask in found)


def messages(count: int) -> np.ndarray:
    """Exchange-core's mix: 9 % GTC, 3 % IOC, 6 % cancel, 82 % move, about 1,000 orders live."""
    generator = np.random.default_rng(4)
    kinds, places = generator.integers(0, 100, count), generator.integers(0, 1 << 30, count)
    offsets, sizes = generator.integers(1, 200, count), generator.integers(1, 100, count)
    array = np.zeros(count, OPERATION)
    live: list[int] = []
    sides: list[int] = [0]
    codes, ids, order_sides, forces = [], [], [], []
    for kind, place in zip(kinds.tolist(), places.tolist(), strict=True):
        # Each IOC takes about one resting order, so that placing and cancelling keep the book near its size.
        adds = kind < 9 or len(live) < LIVE
        if adds or kind < 12:
            codes.append(Code.LIMIT)
            sides.append(len(sides) & 1)
            ids.append(len(sides) - 1)
            order_sides.append(sides[-1])
            forces.append(0 if adds else 1)
            if adds:
                live.append(ids[-1])
            continue
        at = place % len(live)
        codes.append(Code.CANCEL if kind < 18 else Code.MODIFY)
        ids.append(live[at])
        order_sides.append(sides[live[at]])
        forces.append(0)
        if kind < 18:
            live[at] = live[-1]
            live.pop()
    array["code"], array["order_id"], array["side"], array["time_in_force"] = codes, ids, order_sides, forces
    array["owner"] = array["order_id"] % 64
    away = np.where(array["side"] == 1, offsets, -offsets)
    array["price_ticks"] = 100_000 + np.where(array["time_in_force"] == 1, -away // 8, away)
    array["lots"] = sizes
    return array


def book_case(bandwidth: float) -> Line:
    """A million messages through the book."""
    array = messages(MESSAGES)
    Book(1 << 14, 64, 0).run(array[:1000])
    best = float("inf")
    for _ in range(3):
        book = Book(1 << 14, 64, 0)
        start = time.perf_counter()
        book.run(array)
        best = min(best, time.perf_counter() - start)
    plain, rows = PlainBook(), array[:MESSAGES_PLAIN].tolist()
    names = OPERATION.names or ()
    id_at, price_at, lots_at, code_at, side_at, force_at = (
        names.index(name) for name in ("order_id", "price_ticks", "lots", "code", "side", "time_in_force")
    )
    start = time.perf_counter()
    for row in rows:
        if row[code_at] == Code.LIMIT:
            plain.place(row[id_at], row[side_at], row[price_at], row[lots_at], row[force_at] == 0)
        elif row[code_at] == Code.CANCEL:
            plain.cancel(row[id_at])
        else:
            plain.move(row[id_at], row[side_at], row[price_at], row[lots_at])
    plain_seconds = time.perf_counter() - start
    return Line(
        name=f"book, {MESSAGES:,} messages, ~{LIVE:,} live",
        count=MESSAGES,
        unit="messages",
        seconds=best,
        floor_seconds=MESSAGES * (OPERATION.itemsize + CACHE_LINE) / bandwidth,
        plain_seconds=plain_seconds * MESSAGES / MESSAGES_PLAIN,
    )


CASES = (decode_case, crossing_case, margin_case, columns_case, liquidation_case, crash_case, book_case)
