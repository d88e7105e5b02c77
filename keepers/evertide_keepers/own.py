"""A keeper's own account: the `User` whose capital it works with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from solders.pubkey import Pubkey

from evertide import OrderKind, SelfTradeRule
from evertide_engine.margin import MarginKind, Status, value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .ladder import Account
    from .state import State


def own_row(state: State, user: str | None) -> int | None:
    """Row of a configured account; None without one, and while it is not held or itself in liquidation."""
    row = None if user is None else state.row_of(bytes(Pubkey.from_string(user)))
    if row is None or int(state.users["liquidation_start_ms"][row]) or not state.users["discriminator"][row].any():
        return None
    return row


def is_own(state: State, row: int, account: Account) -> bool:
    """Whether an account is of the same authority: the program lets nobody liquidate himself."""
    authorities = state.users["authority"]
    return bytes(authorities[row]) == bytes(authorities[account.row])


def stands(state: State, record: NDArray[np.void] | None) -> bool:
    """Whether a record of one user, as it would be, holds initial margin; None does not."""
    if record is None:
        return False
    found = value(record, state.risk_cache, MarginKind.INITIAL, state.time.unix_ms)
    return bool(found.status[0] == Status.VALUED and found.excess_atoms[0] >= 0)


def limit_order(market_index: int, *, ask: bool, price_ticks: int, lots: int, time_in_force: int) -> dict[str, Any]:
    """A plain limit order of one's own without a taker phase, as the arguments of `place_orders`."""
    return {
        "client_order_id": 0,
        "market_index": market_index,
        "kind": int(OrderKind.LIMIT),
        "ask": ask,
        "time_in_force": int(time_in_force),
        "reduce_only": False,
        "self_trade": int(SelfTradeRule.CANCEL_NEWEST),
        "taker_phase_s": 0,
        "price_ticks": price_ticks,
        "size_lots": lots,
        "expiry_ms": 0,
        "auction_start_ticks": 0,
        "max_slippage_bps": 0,
        "builder_plus_one": 0,
        "builder_fee_tenth_bps": 0,
        "group": 0,
        "kind_args_plus_one": 0,
    }
