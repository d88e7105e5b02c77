"""What a line says about an order's kind: the options of `order place`, `order modify` and the groups of orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from evertide_cli.errors import UsageProblem

if TYPE_CHECKING:
    from evertide import Market, NewOrder, Order, OrderTerms
    from evertide_cli.session import Session

KINDS = (
    "limit",
    "market",
    "stop-market",
    "stop-limit",
    "take-profit-market",
    "take-profit-limit",
    "trailing-stop",
    "pegged",
    "twap",
    "iceberg",
)
SOURCES = ("mark", "index", "last")

TIMES_IN_FORCE = {
    "gtc": "GOOD_TILL_CANCELLED",
    "gtt": "GOOD_TILL_CANCELLED",
    "ioc": "IMMEDIATE_OR_CANCEL",
    "fok": "FILL_OR_KILL",
    "post-only": "POST_ONLY",
    "post-only-slide": "POST_ONLY_SLIDE",
}
SELF_TRADE = {"cancel-newest": "CANCEL_NEWEST", "cancel-oldest": "CANCEL_OLDEST", "decrement": "DECREMENT"}

SIZE = typer.Argument(help="Size in base units, a multiple of the lot.")
PRICE = typer.Option("", "--price", help="Limit price in USD; without one a market order at its default worst price.")
TIME = typer.Option("", "--time-in-force", "--tif", help="gtc, gtt, ioc, fok, post-only, post-only-slide.")
EXPIRY = typer.Option(0, "--expires-in-s", min=0, help="Seconds of chain time after which the order is dead.")
PHASE = typer.Option(-1, "--taker-phase-s", min=-1, max=60, help="Taker phase, seconds; default 12, post-only 0.")
CLIENT_ID = typer.Option(
    0, "--client-id", min=0, help="Client order id, unique among open orders; default: a random one."
)
REDUCE = typer.Option(False, "--reduce-only", help="May only reduce the position.")
RULE = typer.Option("cancel-newest", "--self-trade", help="cancel-newest, cancel-oldest, decrement.")
SLIPPAGE = typer.Option(0, "--max-slippage-bps", min=0, max=10_000, help="Greatest slippage against index, bps.")
START = typer.Option("", "--auction-start", help="Price in USD at which the taker phase starts.")
KIND = typer.Option("", "--kind", help=f"{', '.join(KINDS)}; default: limit with --price, else market.")
TRIGGER = typer.Option("", "--trigger", help="Price in USD at which a stop, take-profit or trailing stop fires.")
SOURCE = typer.Option("mark", "--trigger-source", help="Price that fires it: mark, index or last.")
TRAIL = typer.Option(0, "--trail-bps", min=0, max=10_000, help="Distance of a trailing stop, bps.")
PEG = typer.Option("", "--peg-offset", help="Signed distance of a pegged order from the index, USD.")
DISPLAY = typer.Option("", "--display", help="Size that an iceberg shows at a time, base units.")
SLICES = typer.Option(0, "--slices", min=0, max=65_535, help="Slices of a TWAP.")
INTERVAL = typer.Option(0, "--slice-interval-s", min=0, help="Seconds from one slice of a TWAP to the next.")
BUILDER = typer.Option(0, "--builder", min=0, help="Code of the builder who earns a fee; `builder list`.")
BUILDER_FEE = typer.Option(
    0, "--builder-fee-tenth-bps", min=0, help="The builder's fee, tenths of a bp, on top when the order takes."
)
NOT_BEFORE = typer.Option(0, "--starts-in-s", min=0, help="Seconds of chain time before which the order does nothing.")


def choice(value: str, known: dict[str, str], name: str) -> str:
    """What a word stands for. Raises UsageProblem naming the option and the words that it knows."""
    if value not in known:
        raise UsageProblem(f"{name} must be one of {', '.join(known)}, found {value!r}")
    return known[value]


def sells(side: str) -> bool:
    """True to sell. Raises UsageProblem."""
    if side not in ("buy", "sell"):
        raise UsageProblem(f"side must be buy or sell, found {side!r}")
    return side == "sell"


def check(options: dict[str, Any]) -> None:
    """What the words alone tell to be wrong. Raises UsageProblem."""
    force = choice(options["time_in_force"], {"": "", **TIMES_IN_FORCE}, "--time-in-force")
    choice(options["self_trade"], SELF_TRADE, "--self-trade")
    choice(options["kind"], {name: name for name in ("", *KINDS)}, "--kind")
    choice(options["trigger_source"], {name: name for name in SOURCES}, "--trigger-source")
    if options["time_in_force"] == "gtt" and not options["expires_in_s"]:
        raise UsageProblem("--time-in-force gtt needs --expires-in-s")
    if not options["price"] and force.startswith("POST_ONLY"):
        raise UsageProblem("a post-only order needs --price")
    check_builder(options.get("builder", 0), options.get("builder_fee_tenth_bps", 0))


def check_builder(code: int, fee_tenth_bps: int) -> None:
    """A fee is somebody's, and within the program's bound. Raises UsageProblem."""
    from evertide import constants

    if fee_tenth_bps and not code:
        raise UsageProblem("--builder-fee-tenth-bps needs --builder")
    if fee_tenth_bps > constants.BUILDER_FEE_MAX_TENTH_BPS:
        raise UsageProblem(
            f"--builder-fee-tenth-bps must be at most {constants.BUILDER_FEE_MAX_TENTH_BPS}, found {fee_tenth_bps}"
        )


async def build(session: Session, market: Market, options: dict[str, Any]) -> NewOrder:
    """The order that the command line's words describe."""
    from evertide import NewOrder, OrderKind, SelfTradeRule, TimeInForce, TriggerSource

    check(options)
    force = options["time_in_force"]
    lives_s, waits_s = options["expires_in_s"], options["starts_in_s"]
    now_ms = await session.client.chain_time_ms() if lives_s or waits_s else 0
    return NewOrder(
        market=market.index,
        side="ask" if options["ask"] else "bid",
        size=options["size"],
        price=options["price"] or None,
        kind=OrderKind[options["kind"].upper().replace("-", "_")] if options["kind"] else None,
        time_in_force=None if force in ("", "gtc") else TimeInForce[TIMES_IN_FORCE[force]],
        reduce_only=options["reduce_only"],
        client_order_id=options["client_id"] or None,
        self_trade=SelfTradeRule[SELF_TRADE[options["self_trade"]]],
        taker_phase_s=None if options["taker_phase_s"] < 0 else options["taker_phase_s"],
        expiry_ms=now_ms + lives_s * 1_000 if lives_s else 0,
        auction_start=options["auction_start"] or None,
        max_slippage_bps=options["max_slippage_bps"],
        builder_plus_one=options.get("builder", 0),
        builder_fee_tenth_bps=options.get("builder_fee_tenth_bps", 0),
        trigger=options["trigger"] or None,
        trigger_source=TriggerSource[options["trigger_source"].upper()],
        trail_bps=options["trail_bps"],
        peg_offset=options["peg_offset"] or None,
        display_size=options["display"] or None,
        slice_count=options["slices"],
        slice_interval_s=options["slice_interval_s"],
        not_before_ms=now_ms + waits_s * 1_000 if waits_s else 0,
    )


def shown_terms(terms: OrderTerms, market: Market) -> dict[str, Any]:
    """What only some kinds have, in people's units; empty for a plain order."""
    from evertide import lots_to_size, ticks_to_price

    tick, lot = market.terms.tick_size_atoms, market.terms.lot_size_e9
    prices = {"trigger": terms.trigger_ticks, "auction_start": terms.auction_start_ticks}
    shown: dict[str, Any] = {
        name: ticks_to_price(ticks, tick_size_atoms=tick) for name, ticks in prices.items() if ticks
    }
    if terms.trigger_source is not None:
        shown["trigger_source"] = terms.trigger_source.name.lower()
    if terms.peg_offset_ticks:
        sign = 1 if terms.peg_offset_ticks > 0 else -1
        shown["peg_offset"] = sign * ticks_to_price(abs(terms.peg_offset_ticks), tick_size_atoms=tick)
    sizes = {"display": terms.display_lots, "hidden": terms.hidden_lots}
    shown |= {name: lots_to_size(lots, lot_size_e9=lot) for name, lots in sizes.items() if lots}
    numbers = ("trail_bps", "slice_count", "slices_done", "slice_interval_s", "max_slippage_bps", "group")
    return shown | {name: getattr(terms, name) for name in numbers if getattr(terms, name)}


def is_commitment(order: Order) -> bool:
    """Whether a slot holds the hash of an order that nobody has told yet."""
    from evertide import OrderKind

    return order.kind == OrderKind.COMMIT


def commitment_row(order: Order) -> dict[str, Any]:
    """A commitment among open orders: all that anybody but its owner knows."""
    return {
        "order_id": order.order_id,
        "client_id": 0,
        "market": "hidden",
        "side": "hidden",
        "kind": "commit",
        "price": None,
        "remaining": None,
        "filled": None,
        "time_in_force": "hidden",
        "reduce_only": None,
        "placed_slot": order.placed_slot,
        "expiry_ms": order.expiry_ms,
        "builder": None,
        "terms": {},
    }
