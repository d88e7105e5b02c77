"""Calls and encoded arguments of the builders of roles, balances, order kinds and signed orders, for their tests."""

from __future__ import annotations

from typing import Any

from solders.pubkey import Pubkey

KEY, USER, OTHER, TOKEN, MINT = (Pubkey(bytes([n]) * 32) for n in range(1, 6))

CALLS: dict[str, dict[str, Any]] = {
    "set_delegate": {"authority": KEY, "user": USER, "delegate": OTHER, "permissions": 3, "expiry_ms": 9},
    "transfer": {"signer": KEY, "source": USER, "destination": OTHER, "collateral_index": 1, "amount_atoms": 7},
    "assert_position": {"user": USER, "market_index": 2, "least_lots": -5, "most_lots": 6},
}

ARGS: dict[str, list[Any]] = {
    "set_delegate": [OTHER, 3, 9],
    "transfer": [7],
    "assert_position": [2, -5, 6],
}
