"""From the chain's accounts to what traders see, and from what they wish to instructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evertide_cli.errors import CliError
from evertide_cli.terms import MARKETS

from .prices import SOL_SYMBOL
from .traders import Trader
from .views import (
    NEVER_MS,
    Action,
    CancelIds,
    CancelMarket,
    MarketSight,
    Modify,
    OpenOrder,
    OwnSight,
    Place,
    Wish,
)

if TYPE_CHECKING:
    from solders.instruction import Instruction
    from solders.keypair import Keypair
    from solders.pubkey import Pubkey

    from evertide import OrderArgs

    from .chain import Chain
    from .market_setup import Cast

BPS = 10_000
KEEPER_KIND = "keeper"
LIQUIDATOR_KIND = "liquidator"
STAFF_KINDS = (KEEPER_KIND, LIQUIDATOR_KIND)
LIQUIDATOR_USDC_ATOMS = 100_000 * 1_000_000
# Where an hour's takers push a market. ETH goes further: where its funding differs there is something to arbitrage.
PRESSURE_TENTH_BPS = {"BTC-PERP": 400, "ETH-PERP": 440, "SOL-PERP": 400}
WALLET_RESERVE = 2
SOL_WEIGHT_BPS = 9_000
SOL_UNIT = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Actor:
    """A trader with its LOCAL TEST KEY and its accounts."""

    trader: Trader
    key: Keypair
    user: Pubkey
    orders: Pubkey

    @property
    def given_atoms(self) -> tuple[int, int]:
        """USDC and SOL in its wallet at first: what it deposits, and USDC for a bad day."""
        trader = self.trader
        reserve = max(trader.usdc_atoms, trader.position_max_atoms) * WALLET_RESERVE
        return trader.usdc_atoms + reserve, trader.sol_atoms


def actors(traders: Sequence[Trader], roles: Cast) -> list[Actor]:
    """Keys and addresses, the same in every run. The last two are the liquidator, whose account takes positions over,
    and the keeper, whose account earns its shares of fees; keepers act for both."""
    from evertide import orders_address, user_address
    from evertide._localnet import local_keypair

    keys = [(trader, local_keypair(f"quickstart {trader.name}")) for trader in traders]
    keys.append((Trader(LIQUIDATOR_KIND, LIQUIDATOR_KIND, (), LIQUIDATOR_USDC_ATOMS, 0, 0, 0, 0), roles.liquidator))
    keys.append((Trader(KEEPER_KIND, KEEPER_KIND, (), 0, 0, 0, 0, 0), roles.keeper))
    made = []
    for trader, key in keys:
        user = user_address(key.pubkey())
        made.append(Actor(trader, key, user, orders_address(user)))
    return made


def _equity(user: Any, prices: Mapping[str, int]) -> int:
    """Quote, positions at index as of their last fold, and SOL at its maintenance weight; quote atoms."""
    equity = int(user["quote_atoms"])
    for item in user["positions"][user["positions"]["market_plus_one"] != 0]:
        plan = MARKETS[int(item["market_plus_one"]) - 1]
        value = int(item["basis_lots"]) * plan.lot_size_e9 * prices[plan.symbol] // SOL_UNIT
        equity += int(item["cash_atoms"]) + value
    for item in user["collaterals"][user["collaterals"]["amount_atoms"] != 0]:
        worth = int(item["amount_atoms"]) * prices[SOL_SYMBOL] // SOL_UNIT
        equity += worth * SOL_WEIGHT_BPS // BPS
    return equity


def _rests_from_ms(order: Any) -> int:
    """When an order comes into the book: at once if it only rests, else when its taker phase is over."""
    from evertide import OrderKind, TimeInForce

    immediate = (TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL)
    if int(order["kind"]) != OrderKind.LIMIT or int(order["time_in_force"]) in immediate:
        return NEVER_MS
    return int(order["placed_ms"]) + int(order["taker_phase_s"]) * 1_000


async def own_sights(chain: Chain, cast: Sequence[Actor], prices: Mapping[str, int]) -> list[OwnSight]:
    """Positions, open orders and equity of every actor, in two requests."""
    from evertide import constants, decode_many

    users = await chain.client.rpc.get_accounts([actor.user for actor in cast])
    orders = await chain.client.rpc.get_accounts([actor.orders for actor in cast])
    missing = [actor.trader.name for actor, user in zip(cast, users, strict=True) if user is None]
    if missing:
        raise CliError(f"the account of {missing[0]} does not exist")
    user_rows = decode_many("User", [info.data for info in users if info is not None])
    order_rows = decode_many("Orders", [info.data for info in orders if info is not None])
    sights = []
    for user, book in zip(user_rows, order_rows, strict=True):
        positions = {
            int(item["market_plus_one"]) - 1: int(item["basis_lots"])
            for item in user["positions"][user["positions"]["market_plus_one"] != 0]
        }
        live = tuple(
            OpenOrder(
                order_id=int(item["order_id"]),
                market_index=int(item["market_index"]),
                ask=bool(item["flags"] & constants.ORDER_FLAG_ASK),
                price_ticks=int(item["price_ticks"]),
                size_lots=int(item["size_lots"]),
                expiry_ms=int(item["expiry_ms"]),
                client_order_id=int(item["client_order_id"]),
                reduce_only=bool(item["flags"] & constants.ORDER_FLAG_REDUCE_ONLY),
                time_in_force=int(item["time_in_force"]),
                rests_from_ms=_rests_from_ms(item),
            )
            for item in book["orders"][book["orders"]["order_id"] >= max(int(user["orders_epoch"]), 1)]
        )
        in_liquidation, rows = bool(user["liquidation_start_ms"]), int((book["orders"]["order_id"] != 0).sum())
        sights.append(OwnSight(positions, live, _equity(user, prices), in_liquidation, rows))
    return sights


def market_sights(prices: Mapping[str, int], before: Mapping[str, int], pressure: int) -> dict[str, MarketSight]:
    """What every market looks like. The hour's pressure moves where traders see it, 40 or 44 bps above or below the
    index."""
    made = {}
    for index, plan in enumerate(MARKETS):
        price = prices[plan.symbol]
        fair = price * (10 * BPS + pressure * PRESSURE_TENTH_BPS[plan.symbol]) // (10 * BPS)
        trend = (price - before[plan.symbol]) * BPS // before[plan.symbol]
        made[plan.symbol] = MarketSight(index, plan.symbol, plan.tick_size_atoms, plan.lot_size_e9, price, fair, trend)
    return made


def order_args(wish: Wish, client_order_id: int) -> OrderArgs:
    """The program's arguments of a wish."""
    from evertide import OrderArgs, OrderKind, SelfTradeRule, TimeInForce

    force = "IMMEDIATE_OR_CANCEL" if wish.market else wish.time_in_force
    return OrderArgs(
        client_order_id=wish.client_order_id or client_order_id,
        market_index=wish.market_index,
        kind=int(OrderKind.MARKET if wish.market else OrderKind.LIMIT),
        ask=wish.ask,
        time_in_force=int(TimeInForce[force]),
        reduce_only=wish.reduce_only,
        self_trade=int(SelfTradeRule[wish.self_trade]),
        taker_phase_s=wish.taker_phase_s,
        price_ticks=wish.price_ticks,
        size_lots=wish.size_lots,
        expiry_ms=wish.expiry_ms,
        auction_start_ticks=0,
        max_slippage_bps=wish.max_slippage_bps,
        builder_plus_one=0,
        builder_fee_tenth_bps=0,
        group=0,
        kind_args_plus_one=0,
    )


def to_instructions(actor: Actor, actions: Sequence[Action], first_client_id: int) -> list[Instruction]:
    """One trader's actions of a bar as the instructions of one transaction."""
    from evertide import by_market, by_order_ids, instructions

    signer, user = actor.key.pubkey(), actor.user
    made: list[Instruction] = []
    client_id = first_client_id
    for action in actions:
        if isinstance(action, CancelMarket):
            selector = by_market(action.market_index)
            made.append(instructions.cancel_orders(signer=signer, user=user, selector=selector))
        elif isinstance(action, CancelIds):
            selector = by_order_ids(action.order_ids)
            made.append(instructions.cancel_orders(signer=signer, user=user, selector=selector))
        elif isinstance(action, Modify):
            replacement = order_args(action.wish, client_id)
            client_id += 1
            made.append(
                instructions.modify_order(signer=signer, user=user, order_id=action.order_id, replacement=replacement)
            )
        elif isinstance(action, Place):
            orders = [order_args(wish, client_id + number) for number, wish in enumerate(action.wishes)]
            client_id += len(orders)
            made.append(instructions.place_orders(signer=signer, user=user, orders=orders))
    return made
