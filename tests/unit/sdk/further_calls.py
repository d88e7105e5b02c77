"""Calls and encoded arguments of the builders of roles, balances, order kinds and signed orders, for their tests."""

from __future__ import annotations

from typing import Any

from solders.pubkey import Pubkey

from evertide import (
    ChangeTarget,
    OrderArgs,
    SignedOrder,
    SignedRef,
    SignedTerms,
)

KEY, USER, OTHER, TOKEN, MINT = (Pubkey(bytes([n]) * 32) for n in range(1, 6))

SIGNED = SignedOrder(
    USER,
    KEY,
    SignedTerms(nonce_ms=1, market_index=4, ask=True, size_lots=2, price_ticks=3, window_s=9).encode(bytes(12)),
    bytes(64),
)
OTHERS = SignedOrder(OTHER, KEY, SIGNED.message, bytes(64))

PLAIN = OrderArgs(**({name: 3 for name, _ in OrderArgs.WIRE} | {"ask": True, "reduce_only": False}))

CALLS: dict[str, dict[str, Any]] = {
    "set_delegate": {"authority": KEY, "user": USER, "delegate": OTHER, "permissions": 3, "expiry_ms": 9},
    "transfer": {"signer": KEY, "source": USER, "destination": OTHER, "collateral_index": 1, "amount_atoms": 7},
    "set_market_status": {"signer": KEY, "market_index": 2},
    "gate_disable": {"signer": KEY, "gate": 1},
    "gate_enable": {"signer": KEY, "gate": 3},
    "pause": {"signer": KEY},
    "lift_pause": {"signer": KEY},
    "name_successor": {"signer": KEY, "role": 2, "successor": OTHER},
    "claim_role": {"signer": KEY, "role": 3},
    "propose_change": {
        "signer": KEY,
        "number": 3,
        "field": 139,
        "value": -5,
        "key": bytes(range(32)),
        "target": ChangeTarget(market_index=2),
    },
    "cancel_change": {"signer": KEY, "number": 3},
    "execute_change": {"signer": KEY, "number": 3, "target": ChangeTarget(collateral_index=1), "quote": True},
    "apply_ramp": {"number": 3, "target": ChangeTarget(market_index=2)},
    "advance_season": {"target": ChangeTarget(collateral_index=1)},
    "pay_builder": {"market_index": 2, "entry": 5, "recipient": USER, "authority": KEY},
    "pay_referrer": {"market_index": 2, "user": USER, "recipient": OTHER},
    "request_withdraw": {"authority": KEY, "user": USER, "collateral_index": 1, "amount_atoms": 6},
    "claim_withdraw": {"user": USER, "collateral_index": 1, "mint": MINT, "destination_token": TOKEN},
    "stake_insurance": {"authority": KEY, "source_token": TOKEN, "amount_atoms": 8},
    "request_unstake": {"authority": KEY, "shares": 3},
    "claim_unstake": {"authority": KEY, "destination_token": TOKEN},
    "cancel_all_after": {"signer": KEY, "user": USER, "deadline_ms": 5},
    "expire_orders": {"user": USER},
    "trigger_order": {"market_index": 2, "user": USER, "order_id": 6},
    "update_trailing": {"market_index": 2, "user": USER, "order_id": 6},
    "execute_slice": {"market_index": 2, "user": USER, "order_id": 6},
    "place_signed_orders": {"keeper": KEY, "orders": [SIGNED, OTHERS, SIGNED], "instruction_index": 2},
    "cancel_nonce": {"signer": KEY, "user": USER, "nonce_ms": 7},
    "fill_auction": {
        "signer": KEY,
        "market_index": 2,
        "taker_user": USER,
        "taker_order_id": 4,
        "maker_user": OTHER,
        "price_ticks": 5,
        "size_max_lots": 6,
    },
    "commit_order": {"signer": KEY, "user": USER, "hash": bytes(range(32))},
    "reveal_order": {"signer": KEY, "user": USER, "order_id": 4, "order": PLAIN, "salt": bytes(32)},
    "settle_market": {"market_index": 2},
    "check_invariants": {"keeper": KEY, "market_index": 2, "collateral_index": 1, "keeper_user": USER},
    "extend_account": {"payer": KEY, "account": OTHER},
    "assert_position": {"user": USER, "market_index": 2, "least_lots": -5, "most_lots": 6},
}

ARGS: dict[str, list[Any]] = {
    "set_delegate": [OTHER, 3, 9],
    "transfer": [7],
    "pay_builder": [5],
    "set_market_status": [2],
    "gate_disable": [1],
    "gate_enable": [3],
    "name_successor": [2, OTHER],
    "claim_role": [3],
    "propose_change": [139, -5, bytes(range(32))],
    "request_withdraw": [6],
    "stake_insurance": [8],
    "request_unstake": [3],
    "cancel_all_after": [5],
    "trigger_order": [6],
    "update_trailing": [6],
    "execute_slice": [6],
    "place_signed_orders": [
        2,
        [SignedRef(account=0, market=0), SignedRef(account=1, market=0), SignedRef(account=0, market=0)],
    ],
    "cancel_nonce": [7],
    "fill_auction": [4, 5, 6],
    "commit_order": [bytes(range(32))],
    "reveal_order": [4, PLAIN, bytes(32)],
    "assert_position": [2, -5, 6],
}
