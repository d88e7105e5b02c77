"""The last look at what a strategy asked for: inventory, open orders, loss. Pure, and the same in every run.

Inventory is held against the worst that may happen: the position, every open order of that side as it was seen
(also one that is being cancelled or changed, because it may be filled first) and the new order, all filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from evertide._generated.constants import ORDERS_MAX, PLACED_MAX
from evertide._orders import Side

from ._errors import SettingInvalid
from ._intents import CancelOrder, Intent, ModifyOrder, PlaceOrder
from ._settings import in_range
from ._view import MarketView, OwnOrder, View

LOTS_LIMIT = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """Limits of a run, beside the strategy's own. Exceeding one drops or cuts an order, it never raises."""

    #: Largest position on either side in one market, lots; None: the strategy's own limit.
    position_max_lots: int | None = None
    #: Largest single order, lots.
    order_max_lots: int | None = None
    #: Most open orders of the account.
    orders_max: int = ORDERS_MAX - PLACED_MAX
    #: The run ends when equity is this far below where it began, atoms; None: never for that reason.
    loss_max_atoms: int | None = None

    def __post_init__(self) -> None:
        for name in ("position_max_lots", "order_max_lots", "loss_max_atoms"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | None):
                raise SettingInvalid(name, value, "a whole number")
            if value is not None:
                in_range(name, value, 1, LOTS_LIMIT)
        in_range("orders_max", self.orders_max, 1, ORDERS_MAX)


@dataclass(frozen=True, slots=True)
class Dropped:
    """An order or change that a limit kept back, or cut: `wanted` and `allowed` in the rule's unit."""

    rule: str
    symbol: str
    wanted: int
    allowed: int


@dataclass(slots=True)
class Checked:
    """What goes out of one step, in this order, and what was kept back."""

    cancels: list[CancelOrder] = field(default_factory=list)
    modifies: list[ModifyOrder] = field(default_factory=list)
    places: list[PlaceOrder] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)


class _Desk:
    """Room left while the intents of one step are gone through."""

    def __init__(self, view: View, limits: RunLimits, own_max: dict[str, int | None]) -> None:
        self.view = view
        self.limits = limits
        self.own_max = own_max
        self.added: dict[tuple[str, Side, bool], int] = {}
        self.open_orders = sum(len(market.orders) for market in view.markets.values())
        self.by_id: dict[int, tuple[MarketView, OwnOrder]] = {
            order.order_id: (market, order)
            for market in view.markets.values()
            for order in market.orders
            if order.order_id
        }

    def room(self, market: MarketView, side: Side, *, reduces: bool) -> int | None:
        """Lots that one more order of a side may have; None without a limit.

        What only reduces counts as far as there is something to reduce: after it the others may open as much again.
        """
        bounds = [most for most in (self.limits.position_max_lots, self.own_max.get(market.symbol)) if most is not None]
        if not bounds:
            return None
        held = market.position_lots if side == "bid" else -market.position_lots
        opening, reducing = self._waiting(market, side, False), self._waiting(market, side, True)
        opposite = max(-held, 0)
        left = max(min(bounds) - held - opening - min(reducing, opposite), 0)
        return None if reduces and left >= opposite - min(reducing, opposite) else left

    def _waiting(self, market: MarketView, side: Side, reduces: bool) -> int:
        """Lots of a side's open orders of a kind, and of those that this step adds."""
        same = (order for order in market.orders if order.side == side and order.reduce_only == reduces)
        return sum(order.size_lots for order in same) + self.added.get((market.symbol, side, reduces), 0)

    def take(self, market: MarketView, side: Side, wanted: int, *, reduces: bool = False) -> tuple[int, str, int]:
        """`(lots allowed, rule, bound)` of one more order, and count them; the rule is empty if all are."""
        allowed, rule, bound = wanted, "", wanted
        most = self.limits.order_max_lots
        if most is not None and allowed > most:
            allowed, rule, bound = most, "lots of one order", most
        room = self.room(market, side, reduces=reduces)
        if room is not None and allowed > room:
            allowed, rule, bound = room, "inventory", room
        if allowed < market.order_size_min_lots:
            allowed, rule = 0, rule or "smallest order"
            bound = bound if rule != "smallest order" else market.order_size_min_lots
        key = (market.symbol, side, reduces)
        self.added[key] = self.added.get(key, 0) + allowed
        return allowed, rule, bound


def check(intents: Sequence[Intent], view: View, limits: RunLimits, own_max: dict[str, int | None]) -> Checked:
    """Sort and cut the intents of one step. `own_max`: the strategy's inventory limits by symbol, lots.

    A change or cancel of an order that is not open is dropped; a cancel wins over a change of the same order, the
    first change over a second; a change without room becomes a cancel. Raises `UnknownMarket`.
    """
    desk, found = _Desk(view, limits, own_max), Checked()
    gone: set[int] = set()
    for intent in intents:
        if isinstance(intent, CancelOrder) and intent.order_id not in gone and intent.order_id in desk.by_id:
            gone.add(intent.order_id)
            found.cancels.append(intent)
    for intent in intents:
        if isinstance(intent, ModifyOrder) and intent.order_id not in gone and intent.order_id in desk.by_id:
            gone.add(intent.order_id)
            _modify(intent, desk, found)
    for intent in intents:
        if isinstance(intent, PlaceOrder):
            _place(intent, desk, found)
    return found


def _modify(intent: ModifyOrder, desk: _Desk, found: Checked) -> None:
    market, order = desk.by_id[intent.order_id]
    allowed, rule, bound = desk.take(market, order.side, intent.size_lots, reduces=order.reduce_only)
    if rule:
        found.dropped.append(Dropped(rule, market.symbol, intent.size_lots, bound))
    if allowed == 0:
        found.cancels.append(CancelOrder(order_id=intent.order_id))
    else:
        found.modifies.append(ModifyOrder(order_id=intent.order_id, price_ticks=intent.price_ticks, size_lots=allowed))


def _place(intent: PlaceOrder, desk: _Desk, found: Checked) -> None:
    market = desk.view.market(intent.symbol)
    if desk.open_orders >= desk.limits.orders_max:
        found.dropped.append(Dropped("open orders", market.symbol, desk.open_orders + 1, desk.limits.orders_max))
        return
    allowed, rule, bound = desk.take(market, intent.side, intent.size_lots, reduces=intent.reduce_only)
    if rule:
        found.dropped.append(Dropped(rule, market.symbol, intent.size_lots, bound))
    if allowed:
        desk.open_orders += 1
        found.places.append(intent if allowed == intent.size_lots else intent.with_size(allowed))
