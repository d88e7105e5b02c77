"""Brings prices in: signed ones of local feeds from a source, those of Pyth and Switchboard as their accounts move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from solders.pubkey import Pubkey

from evertide import OracleKind

from .actions import Action
from .memory import Memory
from .settings import OracleSettings
from .state import State

PYTH_PUSH_PROGRAM = "pythWSnswVUd12oZpeFP8e9CVaEqJg25g1Vtc2biRsT"


def symbol_of(market: Any) -> str:
    """`BTC-PERP`."""
    return bytes(market["terms"]["symbol"]).rstrip(b"\0").decode("ascii", "replace")


def targets(state: State) -> Iterator[tuple[str, str, int, Any, int]]:
    """`(name, kind, index, oracle rules, publish time in ms)` of everything that an oracle prices."""
    for market in state.listed_markets():
        yield (
            symbol_of(market),
            "market",
            int(market["index"]),
            market["terms"]["oracle"],
            int(market["publish_time_ms"]),
        )
    if state.risk_cache is None:
        return
    rows = state.risk_cache["collaterals"]
    for asset in state.collaterals[state.collateral_known]:
        index = int(asset["index"])
        if index:
            yield (
                f"collateral:{index}",
                "collateral",
                index,
                asset["terms"]["oracle"],
                int(rows[index]["publish_time_ms"]),
            )


def feed_account(rules: Any) -> Pubkey:
    """Account of a Pyth or Switchboard feed; Pyth's sponsored one (shard 0) where the rules name none."""
    named = bytes(rules["account"])
    if any(named):
        return Pubkey.from_bytes(named)
    seeds = [bytes(2), bytes(rules["feed_id"])]
    return Pubkey.find_program_address(seeds, Pubkey.from_string(PYTH_PUSH_PROGRAM))[0]


def plan(state: State, memory: Memory, settings: OracleSettings) -> list[Action]:
    """One update for each target that has a younger price than the chain. Pure."""
    actions: list[Action] = []
    now_ms = state.time.unix_ms
    for name, kind, index, rules, known_ms in targets(state):
        key = f"oracle:{name}"
        since_ms = memory.since_done_ms(key, now_ms)
        if memory.is_blocked(key, now_ms) or (since_ms is not None and since_ms < settings.interval_ms):
            continue
        price: dict[str, int] | None = None
        if int(rules["kind"]) == OracleKind.LOCAL:
            found = state.prices.get(settings.aliases.get(name, name), None) or state.prices.get(name)
            if found is None or found.publish_time_ms <= known_ms:
                continue
            oracle = Pubkey.from_bytes(bytes(rules["account"]))
            price = {"price": found.price, "confidence": found.confidence, "publish_time_ms": found.publish_time_ms}
        else:
            oracle = feed_account(rules)
            if state.feeds.get(str(oracle), 0) <= known_ms:
                continue
        arguments: dict[str, Any] = {
            "oracle": str(oracle),
            "market_index": index if kind == "market" else None,
            "collateral_index": index if kind == "collateral" else None,
            "price": price,
        }
        actions.append(Action("update_oracle", key, key, arguments))
    return actions
