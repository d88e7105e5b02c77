"""As much of the program as keepers need to do their work on: each instruction changes the accounts, or refuses.

The numbers are coarse (a fill moves lots and cash, and no margin is judged), the refusals are the program's own: work
that is done cannot be done again.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from evertide import ORDER_FLAG_ASK, PROGRAM_ID, errors
from evertide._resources import idl_path
from evertide_engine.layouts import COLLATERAL, MARKET, ORDERS, RISK_CACHE, USER

Accounts = dict[Pubkey, bytes]
# Behind the named accounts come the makers, each a `User` and its `Orders`.
MAKERS_AT = 9
MAKER_REF = struct.Struct("<BQ")


def _names() -> dict[bytes, str]:
    import json

    idl = json.loads(idl_path().read_text())
    return {bytes(one["discriminator"]): one["name"] for one in idl["instructions"]}


NAMES = _names()


class Refused(Exception):
    """An instruction fails with an error of the program."""

    def __init__(self, error: type[Any]) -> None:
        super().__init__(error.__name__)
        self.error = error


@dataclass(frozen=True, slots=True)
class Work:
    """One instruction that succeeded: its name, on what, and how much."""

    name: str
    subject: tuple[str, ...]
    amount: int = 0


@dataclass
class Call:
    """One instruction of a transaction on the accounts of now."""

    accounts: Accounts
    keys: list[Pubkey]
    data: bytes
    now_ms: int
    slot: int
    done: list[Work] = field(default_factory=list)

    def record(self, at: int | Pubkey, dtype: Any) -> Any:
        """The account at a position, as a record that can be written; `save` puts it back."""
        key = self.keys[at] if isinstance(at, int) else at
        if key not in self.accounts:
            raise Refused(errors.OrderNotFound)
        return np.frombuffer(bytearray(self.accounts[key]), np.uint8)[: dtype.itemsize].view(dtype)

    def save(self, at: int | Pubkey, record: Any) -> None:
        """Write a record back."""
        key = self.keys[at] if isinstance(at, int) else at
        self.accounts[key] = record.tobytes()

    def note(self, name: str, *subject: object, amount: int = 0) -> None:
        """Work that is done."""
        self.done.append(Work(name, tuple(str(one) for one in subject), amount))


def execute(accounts: Accounts, transaction: VersionedTransaction, now_ms: int, slot: int) -> list[Work]:
    """Run all instructions on `accounts`, which are changed. Raises `Refused`; then they are half done: use a copy."""
    message = transaction.message
    done: list[Work] = []
    for instruction in message.instructions:
        if message.account_keys[instruction.program_id_index] != PROGRAM_ID:
            continue
        keys = [message.account_keys[at] for at in instruction.accounts]
        call = Call(accounts, keys, bytes(instruction.data), now_ms, slot, done)
        name = NAMES.get(call.data[:8])
        HANDLERS.get(str(name), _nothing)(call)
    return done


def _nothing(call: Call) -> None:
    """What nobody looks at."""
    call.note(NAMES.get(call.data[:8], "unknown"), *call.keys[:1])


def _update_oracle(call: Call) -> None:
    _, _, publish_ms = struct.unpack_from("<QQq", call.data, 8)
    if call.keys[3] == PROGRAM_ID:
        return _nothing(call)
    market = call.record(3, MARKET)
    if publish_ms <= int(market["publish_time_ms"][0]):
        raise Refused(errors.OracleNotNewer)
    if publish_ms > call.now_ms + 5_000:
        raise Refused(errors.OracleFromFuture)
    market["publish_time_ms"] = publish_ms
    call.save(3, market)
    call.note("update_oracle", call.keys[3], publish_ms)
    return None


def _accrue_market(call: Call) -> None:
    cache, market = call.record(0, RISK_CACHE), call.record(2, MARKET)
    market["accrued_ms"] = call.now_ms
    row = int(market["index"][0])
    cache["markets"]["updated_ms"][0, row] = cache["priced_ms"] = call.now_ms
    call.save(0, cache)
    call.save(2, market)
    call.note("accrue_market", call.keys[2], call.now_ms)


def _accrue_debt(call: Call) -> None:
    for key in call.keys:
        data = call.accounts.get(key, b"")
        if len(data) == COLLATERAL.itemsize:
            quote = call.record(key, COLLATERAL)
            quote["debt_accrued_ms"] = call.now_ms
            call.save(key, quote)
    call.note("accrue_debt", call.now_ms)


def _row_of(orders: Any, order_id: int) -> int:
    found = np.flatnonzero(orders["orders"]["order_id"][0] == order_id)
    if not found.size:
        raise Refused(errors.OrderNotFound)
    return int(found[0])


def _match_orders(call: Call) -> None:
    (taker_order_id,) = struct.unpack_from("<Q", call.data, 8)
    (count,) = struct.unpack_from("<I", call.data, 16)
    refs = [MAKER_REF.unpack_from(call.data, 20 + at * MAKER_REF.size) for at in range(count)]
    taker_orders = call.record(5, ORDERS)
    row = _row_of(taker_orders, taker_order_id)
    left = int(taker_orders["orders"]["size_lots"][0, row])
    filled = 0
    for account, order_id in refs:
        user, maker = call.keys[MAKERS_AT + 2 * account : MAKERS_AT + 2 * account + 2]
        orders = call.record(maker, ORDERS)
        found = np.flatnonzero(orders["orders"]["order_id"][0] == order_id)
        if not found.size or not left:
            continue
        lots = min(left, int(orders["orders"]["size_lots"][0, found[0]]))
        _take(orders, int(found[0]), lots)
        call.save(maker, orders)
        _move(call, user, lots if not _is_ask(orders, int(found[0])) else -lots)
        call.note("fill", maker, order_id, amount=lots)
        left, filled = left - lots, filled + lots
    if not filled:
        raise Refused(errors.NothingFilled)
    ask = _is_ask(taker_orders, row)
    _take(taker_orders, row, filled)
    call.save(5, taker_orders)
    _move(call, call.keys[4], -filled if ask else filled)
    call.note("match_orders", call.keys[5], taker_order_id, amount=filled)


def _is_ask(orders: Any, row: int) -> bool:
    return bool(orders["orders"]["flags"][0, row] & ORDER_FLAG_ASK)


def _take(orders: Any, row: int, lots: int) -> None:
    """Lots out of an order; an empty one leaves its slot."""
    orders["orders"]["size_lots"][0, row] -= lots
    if not orders["orders"]["size_lots"][0, row]:
        flags = orders["orders"]["flags"][0, row]
        orders["orders"][0, row] = np.zeros((), orders["orders"].dtype)
        # Whoever looks at the side of what was just filled still sees it.
        orders["orders"]["flags"][0, row] = flags


def _move(call: Call, user: Pubkey, lots: int) -> None:
    record = call.record(user, USER)
    record["positions"]["basis_lots"][0, 0] += lots
    record["sequence"] += 1
    call.save(user, record)


def _settle_pnl(call: Call) -> None:
    user = call.record(3, USER)
    cash = int(user["positions"]["cash_atoms"][0, 0])
    if not cash:
        raise Refused(errors.PositionNotFound)
    user["positions"]["cash_atoms"][0, 0] = 0
    user["quote_atoms"] += cash
    call.save(3, user)
    call.note("settle_pnl", call.keys[3], amount=cash)


def _liquidate_orders(call: Call) -> None:
    user = call.record(1, USER)
    if int(user["liquidation_start_ms"][0]):
        raise Refused(errors.LiquidationUnderWay)
    user["liquidation_start_ms"] = call.now_ms
    user["sequence"] += 1
    call.save(1, user)
    call.note("liquidate_orders", call.keys[1])


HANDLERS = {
    "update_oracle": _update_oracle,
    "accrue_market": _accrue_market,
    "accrue_debt": _accrue_debt,
    "match_orders": _match_orders,
    "settle_pnl": _settle_pnl,
    "liquidate_orders": _liquidate_orders,
}
