"""A small exchange as account bytes: one market, two traders, and a node that serves it without a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from solders.pubkey import Pubkey

from evertide import LAYOUT_VERSION, PROGRAM_ID, SEASON_STEPS, AccountInfo, orders_address
from evertide.errors import RpcBehind
from evertide_engine.layouts import COLLATERAL, DISCRIMINATORS, EXCHANGE, MARKET, ORDERS, RISK_CACHE, USER
from evertide_keepers.clock import CLOCK_ADDRESS, ChainTime
from evertide_keepers.state import Change, State

NOW_MS, SLOT = 1_700_000_000_000, 1_000
ONE = 1 << 48
TICK_VALUE, INDEX_TICKS = 10, 1_000
INDEX_Q32 = (TICK_VALUE * INDEX_TICKS) << 32
SIGNER = bytes([5]) * 32


def address(number: int) -> Pubkey:
    """A distinct address."""
    return Pubkey.from_bytes((number + 1).to_bytes(8, "little") + bytes(24))


def orders_key(user: Pubkey) -> bytes:
    """The `Orders` address of a `User`."""
    return bytes(orders_address(user))


def blank(name: str, dtype: Any) -> np.ndarray:
    """One record with its discriminator and version."""
    record = np.zeros(1, dtype)
    record["discriminator"][0] = np.frombuffer(DISCRIMINATORS[name], np.uint8)
    record["version"] = LAYOUT_VERSION
    return record


def exchange() -> np.ndarray:
    record = blank("Exchange", EXCHANGE)
    record["opened"], record["market_count"] = 1, 1
    return record


def market(index: int = 0) -> np.ndarray:
    """An active market, priced now, with a local oracle and an impact notional of 100 lots at the index."""
    record = blank("Market", MARKET)
    one = record[0]
    one["index"], one["atoms_per_lot_tick"], one["index_price_q32"] = index, TICK_VALUE, INDEX_Q32
    one["publish_time_ms"] = one["accrued_ms"] = NOW_MS
    one["a"], one["season_step"] = ONE, SEASON_STEPS
    terms = one["terms"]
    terms["symbol"] = np.frombuffer(f"M{index}-PERP".encode().ljust(16, b"\0"), np.uint8)
    terms["band_bps"], terms["impact_notional_atoms"] = 1_000, 100 * TICK_VALUE * INDEX_TICKS
    terms["oracle"]["kind"], terms["oracle"]["account"] = 2, np.frombuffer(SIGNER, np.uint8)
    terms["oracle"]["stale_fill_ms"], terms["oracle"]["stale_margin_ms"] = 60_000, 120_000
    return record


def risk_cache() -> np.ndarray:
    record = blank("RiskCache", RISK_CACHE)
    record["priced_ms"] = NOW_MS
    row = record["markets"][0, 0]
    row["index_price_q32"] = row["mark_price_q32"] = row["twap_price_q32"] = INDEX_Q32
    row["updated_ms"], row["market_plus_one"], row["a"], row["profit_weight_bps"] = NOW_MS, 1, ONE, 10_000
    row["tier_bound_usd"], row["tier_ratio_bps"] = [1_000, 5_000, 20_000, 60_000], [250, 500, 1_000, 2_500]
    record["collaterals"]["debt_index_q48"][0, 0] = ONE
    return record


def quote() -> np.ndarray:
    record = blank("Collateral", COLLATERAL)
    record["debt_accrued_ms"] = NOW_MS
    return record


def user(quote_atoms: int = 10**10, number: int = 0) -> np.ndarray:
    record = blank("User", USER)
    record["quote_atoms"], record["debt_index_q48"], record["orders_epoch"] = quote_atoms, ONE, 1
    record["authority"][0] = np.frombuffer(bytes([number + 1]) * 32, np.uint8)
    return record


def position(record: np.ndarray, lots: int, cash: int, entry: int = 0) -> np.ndarray:
    """Give a user a position in market 0."""
    found = record["positions"][0, 0]
    found["market_plus_one"], found["basis_lots"], found["a_snapshot"] = 1, lots, ONE if lots else 0
    found["cash_atoms"], found["entry_atoms"], found["atoms_per_lot_tick"] = cash, entry, TICK_VALUE
    record["position_count"] = 1
    return record


def orders(owner: Pubkey, *rows: dict[str, Any]) -> np.ndarray:
    """An `Orders` account with these orders; by default resting since long ago."""
    record = blank("Orders", ORDERS)
    record["user"][0] = np.frombuffer(bytes(owner), np.uint8)
    for slot, fields in enumerate(rows):
        order = record["orders"][0, slot]
        base = {"order_id": slot + 1, "size_lots": 100, "price_ticks": INDEX_TICKS, "placed_slot": SLOT - 100}
        for name, value in {**base, "placed_ms": NOW_MS - 40_000, "time_in_force": 3, **fields}.items():
            order[name] = value
    record["order_count"] = len(rows)
    return record


@dataclass
class World:
    """Accounts by address, and the clock."""

    accounts: dict[Pubkey, bytes] = field(default_factory=dict)
    time: ChainTime = field(default_factory=lambda: ChainTime(SLOT, NOW_MS))

    @classmethod
    def with_market(cls) -> World:
        world = cls()
        for number, record in enumerate((exchange(), risk_cache(), quote(), market())):
            world.accounts[address(900 + number)] = record.tobytes()
        return world

    def put(self, at: Pubkey, record: np.ndarray) -> None:
        self.accounts[at] = record.tobytes()

    def trader(self, number: int, record: np.ndarray, *rows: dict[str, Any]) -> Pubkey:
        """A user with orders."""
        owner = address(number)
        self.put(owner, record)
        self.put(Pubkey.from_bytes(orders_key(owner)), orders(owner, *rows))
        return owner

    def state(self) -> State:
        """What a keeper knows after reading everything."""
        state = State()
        state.apply(Change(bytes(key), self.time.slot, data) for key, data in self.accounts.items())
        state.time = self.time
        return state


class Node:
    """As much of the SDK's `RpcClient` as a feed uses; counts its calls and can be told to fail."""

    commitment = "confirmed"

    def __init__(self, world: World) -> None:
        self.world = world
        self.calls: list[str] = []
        self.failure: Exception | None = None

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.failure is not None:
            raise self.failure

    def _info(self, key: Pubkey) -> AccountInfo | None:
        data = self.world.accounts.get(key)
        return None if data is None else AccountInfo(key, PROGRAM_ID, 1, data, False, self.world.time.slot)

    async def get_program_accounts(
        self, program_id: Pubkey, *, filters: Any, min_context_slot: int | None = None
    ) -> list[AccountInfo]:
        self._called("snapshot")
        import base64

        wanted = base64.b64decode(filters[0]["memcmp"]["bytes"])
        found = [self._info(key) for key, data in self.world.accounts.items() if data[:8] == wanted]
        return [info for info in found if info is not None]

    async def get_accounts(self, keys: list[Pubkey]) -> list[AccountInfo | None]:
        self._called("accounts")
        return [self._info(key) for key in keys]

    async def read_accounts(
        self, keys: list[Pubkey], *, min_context_slot: int | None = None
    ) -> tuple[int, list[AccountInfo | None]]:
        self._called("accounts")
        slot = self.world.time.slot
        if min_context_slot is not None and slot < min_context_slot:
            raise RpcBehind("http://node", "getMultipleAccounts", slot, min_context_slot)
        return slot, [self._info(key) for key in keys]

    async def get_account(self, key: Pubkey, *, min_context_slot: int | None = None) -> AccountInfo | None:
        if str(key) != CLOCK_ADDRESS:
            self._called("account")
            return self._info(key)
        self._called("clock")
        time = self.world.time
        if min_context_slot is not None and time.slot < min_context_slot:
            raise RpcBehind("http://node", "getAccountInfo", time.slot, min_context_slot)
        data = time.slot.to_bytes(8, "little") + bytes(24) + (time.unix_ms // 1000).to_bytes(8, "little")
        return AccountInfo(key, PROGRAM_ID, 1, data, False, time.slot)
