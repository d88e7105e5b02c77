"""What must hold at the end of a soak, each as one line with what was found."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from soak_keepers import KeeperSet, secrets_of

from evertide_cli.quickstart.chain import Chain
from evertide_cli.quickstart.check import Check
from evertide_keepers import KeeperError, replay


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that must hold."""

    name: str
    held: bool
    found: str


def of_check(check: Check) -> Verdict:
    """A conservation check as a verdict."""
    found = f"{check.left_name} {check.left} = {check.right_name} {check.right} {check.unit}"
    return Verdict(check.name, check.held, found)


async def invariants(chain: Chain, when: str) -> list[Verdict]:
    """The program's own judgement of every market with every asset."""
    made = []
    markets, assets = await chain.client.markets(), await chain.client.collaterals()
    for market in markets:
        for asset in assets:
            held = await chain.client.invariants_hold(market.index, asset.index)
            made.append(Verdict(f"invariants {when}: market {market.index}, asset {asset.index}", held, str(held)))
    return made


async def matching(chain: Chain) -> list[Verdict]:
    """The replay of every market's matching: hash, gaps and values. What stale keepers passed over is told."""
    made, fills = [], 0
    for market in await chain.client.markets():
        found = await chain.client.audit_matching(market.index)
        trouble = len(found.hash_breaks) + len(found.gaps) + len(found.mismatches)
        told = f"{found.fills} fills, {trouble} breaks, {len(found.certain)} better orders passed over"
        made.append(Verdict(f"matching of market {market.index}", not trouble, told))
        fills += found.fills
    return [*made, Verdict("orders were filled", fills > 0, f"{fills} fills")]


def once(events: Iterable[Any], traders: set[str]) -> list[Verdict]:
    """Nothing was done twice, by the events: orders, fills, triggers, slices, prices."""
    placed: Counter[tuple[str, int]] = Counter()
    client_ids: Counter[tuple[str, int]] = Counter()
    filled: Counter[tuple[str, int]] = Counter()
    woken: Counter[tuple[str, ...]] = Counter()
    published: dict[tuple[bool, int], int] = defaultdict(int)
    backwards = 0
    for event in events:
        name = type(event).__name__
        for user, order, fresh in placements(name, event):
            placed[user, order.order_id] += order.size_lots
            if fresh and order.client_order_id and user in traders:
                client_ids[user, order.client_order_id] += 1
        if name == "OrdersMatched":
            for fill in event.fills:
                filled[str(fill.maker), fill.order_id] += fill.size_lots
                filled[str(event.taker), event.taker_order_id] += fill.size_lots
        elif name == "OrderTriggered":
            woken["trigger", str(event.user), str(event.order.order_id)] += 1
        elif name == "SliceExecuted":
            woken["slice", str(event.user), str(event.parent_order_id), str(event.slice_number)] += 1
        elif name == "OracleUpdated":
            key = (event.market, event.index)
            backwards += event.publish_time_ms <= published[key]
            published[key] = event.publish_time_ms
    over = [key for key, lots in filled.items() if lots > placed[key]]
    twice = [key for key, count in client_ids.items() if count > 1]
    again = [key for key, count in woken.items() if count > 1]
    return [
        Verdict("no order placed twice", not twice, f"{len(client_ids)} client ids, {len(twice)} twice"),
        Verdict("no order filled beyond its size", not over, f"{len(filled)} orders, {len(over)} beyond"),
        Verdict("nothing woken twice", not again, f"{len(woken)} triggers and slices, {len(again)} twice"),
        Verdict("no price twice or backwards", not backwards, f"{len(published)} targets, {backwards} backwards"),
    ]


def placements(name: str, event: Any) -> list[tuple[str, Any, bool]]:
    """`(user, order, whether it is new)` of every order that an event puts into an account."""
    if name == "OrdersPlaced":
        return [(str(event.user), order, True) for order in event.orders]
    if name == "SignedOrdersPlaced":
        return [(str(placed.user), placed.order, True) for placed in event.placements]
    if name in ("OrderModified", "OrderTriggered", "SliceExecuted", "OrderRevealed"):
        # A conditional order's size counts when it is placed; one that was modified, or that follows its entry, anew.
        return [(str(event.user), event.order, False)]
    return []


def keepers(sets: Sequence[KeeperSet], secrets: Sequence[bytes]) -> list[Verdict]:
    """No key in a log, no end that nobody asked for, and journals that replay to the same decisions."""
    made = []
    for each in sets:
        hidden = [*secrets_of(each.key), *secrets_of(each.oracle), *secrets]
        leaks = [name for name, text in each.texts().items() if any(word in text for word in hidden)]
        size = sum(len(text) for text in each.texts().values())
        made.append(
            Verdict(f"{each.name}: no key in a log", not leaks and size > 0, f"{size} bytes, {leaks or 'none'}")
        )
        ends = [*each.deaths, *each.problems]
        told = f"{each.starts} starts, {each.kills} kills, {each.given_up} given up, {ends or 'no other end'}"
        made.append(Verdict(f"{each.name}: no silent stop", not ends, told))
        decisions, different, unread = 0, 0, []
        for path in each.journals():
            try:
                found = replay(path)
            except KeeperError as error:
                unread.append(f"{path.name}: {error}")
                continue
            decisions += found.decisions
            different += len(found.differences)
        told = f"{decisions} decisions, {different} different, {unread or 'every journal read'}"
        made.append(Verdict(f"{each.name}: decisions replay", not different and not unread and decisions > 0, told))
    return made
