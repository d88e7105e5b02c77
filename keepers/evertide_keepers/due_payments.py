"""Payments that are due to somebody and that anyone may bring about: withdrawals in the queue, rewards, fees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from solders.pubkey import Pubkey

from evertide import BPS_ONE, DAY_MS, MarketStatus, Role, associated_token_address

from .actions import Action
from .memory import Memory
from .settings import JanitorSettings
from .state import State

NAME = "janitor"
MADE = ":made"
"""Ends the key of what made a token account as well."""


def plan(state: State, memory: Memory, settings: JanitorSettings) -> list[Action]:
    """Payments out of the queues, then to builders and referrers, then the fees. Pure."""
    return [*_claims(state, memory, settings), *_rewards(state, memory, settings), *_fees(state, memory, settings)]


def token_accounts(state: State) -> list[Pubkey]:
    """Token accounts whose existence the plan wants to know: the treasury's and those of who is first in a queue."""
    if state.exchange is None:
        return []
    wanted = [_treasury_token(state)]
    for asset in state.collaterals[state.collateral_known]:
        row = _first_in_queue(state, asset)
        if row is not None:
            wanted.append(_token(bytes(state.users["authority"][row]), asset))
    return wanted


def _treasury_token(state: State) -> Pubkey:
    treasury = Pubkey.from_bytes(bytes(state.exchange["roles"][Role.TREASURY]))
    return associated_token_address(treasury, Pubkey.from_bytes(bytes(state.exchange["quote_mint"])))


def _token(owner: bytes, asset: Any) -> Pubkey:
    return associated_token_address(Pubkey.from_bytes(owner), Pubkey.from_bytes(bytes(asset["mint"])))


def _with_account(
    state: State, memory: Memory, settings: JanitorSettings, key: str, owner: bytes, mint: bytes
) -> tuple[str, list[list[Any]]] | None:
    """Key of an action that pays into the owner's token account, and what makes that one first; None: not to be had.

    An account costs its rent, and whoever closes it again keeps that: only so many are made in a day.
    """
    token = str(associated_token_address(Pubkey.from_bytes(owner), Pubkey.from_bytes(mint)))
    observed = state.observed.get(NAME, {}).get("token_accounts", {})
    if token not in observed:
        return None
    if observed[token]:
        return key, []
    now_ms = state.time.unix_ms
    made = sum(name.endswith(MADE) and now_ms - done_ms < DAY_MS for name, done_ms in memory.done_ms.items())
    if made >= settings.token_accounts_day_max:
        return None
    arguments = {"owner": str(Pubkey.from_bytes(owner)), "mint": str(Pubkey.from_bytes(mint))}
    return key + MADE, [["create_token_account", arguments]]


def _first_in_queue(state: State, asset: Any) -> int | None:
    """Row of the account whose request is paid first."""
    if int(asset["queue_head"]) == int(asset["queue_tail"]) or not len(state.users):
        return None
    users = state.users
    waits = (users["withdraw_atoms"] != 0) & (users["withdraw_index"] == asset["index"])
    rows = np.flatnonzero(waits & (users["withdraw_ticket"] == asset["queue_head"]))
    return int(rows[0]) if rows.size else None


def withdrawable_atoms(asset: Any, floor_bps: int, now_ms: int) -> int:
    """What may leave an asset's deposits now, token atoms: above its share of the 24 h average, which is rounded up."""
    total, average = int(asset["total_atoms"]), int(asset["average_atoms"])
    elapsed_ms = min(max(now_ms - int(asset["average_ms"]), 0), DAY_MS)
    step: int = abs(total - average) * elapsed_ms // DAY_MS
    average += step if total >= average else -step
    kept: int = -(-average * floor_bps // BPS_ONE)
    return max(total - kept, 0)


def _claims(state: State, memory: Memory, settings: JanitorSettings) -> Iterator[Action]:
    """The first request of each queue: whole at once, a part of it no more often than fees are collected."""
    now_ms, floor_bps = state.time.unix_ms, int(state.exchange["terms"]["withdrawal_floor_bps"])
    for asset in state.collaterals[state.collateral_known]:
        row = _first_in_queue(state, asset)
        free_atoms = 0 if row is None else withdrawable_atoms(asset, floor_bps, now_ms)
        if row is None or not free_atoms:
            continue
        index, whole = int(asset["index"]), free_atoms >= int(state.users["withdraw_atoms"][row])
        key = f"claim_withdraw:{index}:{int(asset['queue_head'])}"
        if not whole and not _rested(memory, key, now_ms, settings):
            continue
        owner, mint = bytes(state.users["authority"][row]), bytes(asset["mint"])
        ready = _with_account(state, memory, settings, key + (":whole" if whole else ""), owner, mint)
        if ready is None:
            continue
        arguments = {
            "user": str(Pubkey.from_bytes(state.user_keys[row])),
            "collateral_index": index,
            "mint": str(Pubkey.from_bytes(mint)),
            "destination_token": str(_token(owner, asset)),
        }
        yield Action("claim_withdraw", ready[0], f"collateral:{index}", arguments, ready[1])


def _rested(memory: Memory, key: str, now_ms: int, settings: JanitorSettings) -> bool:
    since_ms = memory.since_done_ms(key, now_ms)
    return since_ms is None or since_ms >= settings.collect_interval_ms


def _payable_atoms(state: State, market: Any, owed_atoms: int, recipient: bytes) -> int:
    """How much of a claim a market pays now to an account, or keeps where that was closed."""
    if state.row_of(recipient) is None:
        return owed_atoms
    if int(market["deficit_atoms"]) and int(market["status"]) != MarketStatus.CLOSED:
        return 0
    return min(owed_atoms, int(market["pool_atoms"]))


def _rewards(state: State, memory: Memory, settings: JanitorSettings) -> Iterator[Action]:
    """What markets owe builders, by entry, and referrers, by who was referred."""
    now_ms, listed = state.time.unix_ms, state.listed_markets()
    for entry, builder in enumerate(state.exchange["builders"]):
        recipient = bytes(builder["user"])
        for market in listed if any(recipient) else ():
            index, owed = int(market["index"]), int(market["builder_owed_atoms"][entry])
            marked, key = int(builder["unpaid_markets"]) >> index & 1, f"pay_builder:{entry}:{index}"
            pays = _payable_atoms(state, market, owed, recipient)
            # A retired builder's entry is free once every market has said that it owes nothing.
            worth = pays >= max(settings.minimum_reward_atoms, 1) or (marked and pays == owed)
            if worth and _rested(memory, key, now_ms, settings):
                arguments = {"market_index": index, "entry": entry, "recipient": str(Pubkey.from_bytes(recipient))}
                yield Action("pay_builder", key, f"market:{index}", arguments)
    yield from _referrals(state, memory, settings)


def _referrals(state: State, memory: Memory, settings: JanitorSettings) -> Iterator[Action]:
    """One payment for each account that owes its referrer, out of the market that pays most of it."""
    now_ms = state.time.unix_ms
    owing = [market for market in state.listed_markets() if int(market["referral_owed_atoms"])]
    if not owing:
        return
    owed_atoms = state.orders["referral_owed_atoms"]
    for row in np.flatnonzero(owed_atoms >= max(settings.minimum_reward_atoms, 1)):
        user, referrer = str(Pubkey.from_bytes(state.user_keys[row])), bytes(state.users["referrer"][row])
        owed = {int(market["index"]): min(int(owed_atoms[row]), int(market["referral_owed_atoms"])) for market in owing}
        pays = {
            int(market["index"]): _payable_atoms(state, market, owed[int(market["index"])], referrer)
            for market in owing
        }
        index = max(pays, key=lambda at: (pays[at], -at))
        key = f"pay_referrer:{user}:{index}"
        if pays[index] >= max(settings.minimum_reward_atoms, 1) and _rested(memory, key, now_ms, settings):
            arguments = {"market_index": index, "user": user, "recipient": str(Pubkey.from_bytes(referrer))}
            yield Action("pay_referrer", key, f"market:{index}", arguments)


def _fees(state: State, memory: Memory, settings: JanitorSettings) -> Iterator[Action]:
    """Fees, interest and idle backstops' profits that are worth it, and whatever repays a deficit."""
    now_ms, backstops = state.time.unix_ms, {index: row for row, index in state.backstops().items()}
    interest = int(state.collaterals[0]["interest_atoms"]) if state.collateral_known[0] else 0
    treasury, mint = bytes(state.exchange["roles"][Role.TREASURY]), bytes(state.exchange["quote_mint"])
    for market in state.listed_markets():
        index, key = int(market["index"]), f"collect_fees:{int(market['index'])}"
        pending, deficit = int(market["pending_fees_atoms"]), int(market["deficit_atoms"])
        repaid = min(pending, deficit)
        payable = min(pending - repaid, int(market["pool_atoms"])) if repaid == deficit else 0
        row = backstops.get(index)
        idle = row is not None and not int(state.users["position_count"][row])
        profit = max(int(state.users["quote_atoms"][row]), 0) if idle else 0
        gain = payable + interest + profit
        if not repaid and gain < max(settings.minimum_fees_atoms, 1):
            continue
        ready = _with_account(state, memory, settings, key, treasury, mint)
        if ready is None or not _rested(memory, key, now_ms, settings):
            continue
        # The interest is collected once, with the first market.
        interest = 0
        arguments = {"market_index": index, "treasury_token": str(_treasury_token(state))}
        yield Action("collect_fees", ready[0], f"market:{index}", arguments, ready[1])
