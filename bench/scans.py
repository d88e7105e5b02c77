"""Account bytes to columns, and the search for orders that cross, against numpy and plain Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evertide import User
from evertide_engine.crossing import scan
from evertide_engine.crossing_index import CrossingIndex
from evertide_engine.decode import decode_users
from evertide_engine.layouts import USER

from .accounts import MID_TICKS, NOW_MS, SLOT, Records, leveraged, order_book, risk_cache
from .measure import OURS, Measure, Target, WorkDiffers, processor_ns, timed, timing_of
from .run import Run

TABLE = "scans"
ORDERS_EACH = 5
Fill = tuple[int, int, int, int]
"""Places of taker and maker among all orders, lots, price in ticks."""
SAMPLE = 50
ORDER_BYTES, CACHE_LINE_BYTES = 96, 64
DECODE_TARGET, CROSSING_TARGET, CHANGE_TARGET = Target(most_s=0.030), Target(most_s=0.005), Target(most_s=50e-6)


def line(run: Run, name: str, by: str, count: int, unit: str, work: Callable[[], object], **more: Any) -> Measure:
    """One line: everything in one call."""
    timing = timed(work, calls=run.sizes.calls, budget_s=run.sizes.budget_s)
    return Measure(table=TABLE, name=name, by=by, count=count, unit=unit, seconds=timing.best_s, timing=timing, **more)


def numpy_decode(accounts: list[bytes]) -> Records:
    """As one would write it, without a look at lengths and discriminators."""
    return np.frombuffer(b"".join(accounts), USER)


def decoding(run: Run) -> list[Measure]:
    """`User` accounts to records."""
    count = run.sizes.decoded
    accounts = [record.tobytes() for record in leveraged(count, risk_cache()[0])]
    if not np.array_equal(decode_users(accounts), numpy_decode(accounts)):
        raise WorkDiffers("decode: numpy's records are not ours")
    name, floor_s = f"decode {count:,} users", 2 * count * USER.itemsize / run.bandwidth
    target = DECODE_TARGET if count == 100_000 else None
    few, kept = accounts[:SAMPLE], np.empty(count, USER)
    again = f"{name}, memory kept"
    return [
        line(run, name, "evertide", count, "accounts", lambda: decode_users(accounts), floor_s=floor_s, target=target),
        line(run, again, "evertide", count, "accounts", lambda: decode_users(accounts, kept), floor_s=floor_s),
        line(run, name, "numpy", count, "accounts", lambda: numpy_decode(accounts)),
        line(run, name, "plain Python (SDK)", len(few), "accounts", lambda: [User.decode(data) for data in few]),
    ]


def numpy_crossing(rows: NDArray[np.void]) -> list[Fill]:
    """Fills of bids that are younger than every ask: candidates by whole columns, then one after the other."""
    price, ask = rows["price_ticks"].ravel().astype(np.int64), (rows["flags"].ravel() & 1) == 1
    slot, lots = rows["placed_slot"].ravel(), rows["size_lots"].ravel().astype(np.int64)
    takers = np.flatnonzero(~ask & (price >= price[ask].min()))
    makers = np.flatnonzero(ask & (price <= price[~ask].max()))
    takers = takers[np.lexsort((slot[takers], -price[takers]))]
    makers = makers[np.lexsort((slot[makers], price[makers]))]
    return paired(
        [(taker, int(price[taker]), int(lots[taker])) for taker in takers.tolist()],
        [(maker, int(price[maker]), int(lots[maker])) for maker in makers.tolist()],
    )


def plain_crossing(orders: list[tuple[int, int, int, int]]) -> list[Fill]:
    """The same of orders `(price, ask, slot, lots)`, with sorting and loops."""
    best_bid = max(price for price, ask, _, _ in orders if not ask)
    best_ask = min(price for price, ask, _, _ in orders if ask)
    known = list(enumerate(orders))
    takers = sorted((-one[0], one[2], at, one[3]) for at, one in known if not one[1] and one[0] >= best_ask)
    makers = sorted((one[0], one[2], at, one[3]) for at, one in known if one[1] and one[0] <= best_bid)
    return paired(
        [(at, -price, lots) for price, _, at, lots in takers], [(at, price, lots) for price, _, at, lots in makers]
    )


def paired(takers: list[tuple[int, int, int]], makers: list[tuple[int, int, int]]) -> list[Fill]:
    """Fills of ranked bids and asks `(place, price, lots)`."""
    fills, at, left = [], 0, makers[0][2] if makers else 0
    for taker, limit, wanted in takers:
        while wanted and at < len(makers) and makers[at][1] <= limit:
            size = min(wanted, left)
            fills.append((taker, makers[at][0], size, makers[at][1]))
            wanted, left = wanted - size, left - size
            if not left:
                at += 1
                left = makers[at][2] if at < len(makers) else 0
    return fills


def crossing(run: Run) -> list[Measure]:
    """Every match of one market's open orders, from scratch."""
    accounts = run.sizes.order_accounts
    orders, keys, users, markets = order_book(accounts, ORDERS_EACH)
    count, rows = accounts * ORDERS_EACH, orders["orders"][:, :ORDERS_EACH]
    columns = [rows[name].ravel().tolist() for name in ("price_ticks", "flags", "placed_slot", "size_lots")]
    plain = list(zip(*columns, strict=True))
    ways: dict[str, Callable[[], object]] = {
        "evertide": lambda: scan(orders, keys, users, markets, NOW_MS, SLOT),
        "numpy, one market": lambda: numpy_crossing(rows),
        "plain, one market": lambda: plain_crossing(plain),
    }
    found = [
        (
            match.taker_row * ORDERS_EACH + match.taker_slot,
            fill.maker_row * ORDERS_EACH + fill.maker_slot,
            fill.size_lots,
            fill.price_ticks,
        )
        for match in scan(orders, keys, users, markets, NOW_MS, SLOT)
        for fill in match.fills
    ]
    if not numpy_crossing(rows) == plain_crossing(plain) == found:
        raise WorkDiffers("crossing: the fills differ")
    floor_s = (count * ORDER_BYTES + accounts * 2 * CACHE_LINE_BYTES) / run.bandwidth
    name, facts = f"crossing, {count:,} orders from scratch", {"fills": len(found)}
    return [
        line(
            run,
            name,
            by,
            count,
            "orders",
            way,
            floor_s=floor_s,
            target=CROSSING_TARGET if count == 100_000 and by == OURS else None,
            facts=facts,
        )
        for by, way in ways.items()
    ]


def changing(run: Run) -> list[Measure]:
    """What crosses after one account has changed, from an index that is kept: the change taken in, and the scan."""
    accounts = run.sizes.order_accounts
    orders, keys, users, markets = order_book(accounts, ORDERS_EACH, 0)
    index, count = CrossingIndex(orders), accounts * ORDERS_EACH
    generator, rows = np.random.default_rng(10), orders["orders"]
    elapsed: list[int] = []
    for changed in generator.integers(0, accounts, run.sizes.changes + 1).tolist():
        ask, away = int(rows["flags"][changed, 0]) & 1, int(generator.integers(1, 5_000))
        rows["price_ticks"][changed, 0] = MID_TICKS + away if ask else MID_TICKS - away
        chosen = np.array([changed])
        start = processor_ns()
        index.update(orders, chosen)
        index.scan(orders, keys, users, markets, NOW_MS, SLOT)
        elapsed.append(processor_ns() - start)
    bid = int(np.flatnonzero(rows["flags"][:, 0] == 0)[0])
    rows["price_ticks"][bid, 0], rows["placed_slot"][bid, 0] = MID_TICKS + 500, SLOT - 200
    index.update(orders, np.array([bid]))
    found = index.scan(orders, keys, users, markets, NOW_MS, SLOT)
    if not found or found != scan(orders, keys, users, markets, NOW_MS, SLOT):
        raise WorkDiffers("crossing: the index finds other matches than the scan from scratch")
    # The first call compiles.
    timing = timing_of(elapsed[1:])
    name = f"crossing, a change among {count:,} orders"
    target = CHANGE_TARGET if count == 100_000 else None
    return [
        Measure(table=TABLE, name=name, count=1, unit="changes", seconds=timing.best_s, timing=timing, target=target)
    ]


def measures(run: Run) -> list[Measure]:
    """Decode and crossing."""
    return [*decoding(run), *crossing(run), *changing(run)]
