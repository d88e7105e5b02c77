"""What a keeper knows of the exchange: arrays by row, each account at the slot it was read.

One row holds one trader: its `User` and its `Orders`. Rows of closed accounts are used again. An older reading never
replaces a younger one, so that snapshot, subscription and re-reads may arrive in any order. Readings are ordered by
slot, within a slot by write version where the node tells one. Where it does not, the later reading of a slot stands:
one feed reads an account once at a time, and at `confirmed` the bank of a slot is frozen, so that equal slots have
equal bytes.

An account of the program that cannot be what its discriminator says is isolated: it is taken for absent, and why is
kept in `isolated`. All others go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evertide import LAYOUT_VERSION
from evertide_engine.crossing_index import CrossingIndex
from evertide_engine.decode import decode
from evertide_engine.layouts import (
    ACCOUNTS,
    COLLATERAL,
    COLLATERALS_MAX,
    DISCRIMINATORS,
    MARKET,
    MARKETS_MAX,
    ORDERS,
    USER,
)
from evertide_engine.liquidation import Liquidations, liquidations
from evertide_engine.risk_columns import RiskColumns
from evertide_engine.waiting import NO_USER_EPOCH, Waiting, waiting_orders

from .clock import ChainTime

NAME_BY_DISCRIMINATOR = {value: name for name, value in DISCRIMINATORS.items()}
READ = ("Exchange", "RiskCache", "Insurance", "Market", "Collateral", "User", "Orders", "ParamChange")
FIRST_CAPACITY = 64
SLOTS = {"Market": MARKETS_MAX, "Collateral": COLLATERALS_MAX}
SINGLE = {"Exchange": "exchange", "RiskCache": "risk_cache", "Insurance": "insurance"}
NEVER = (-1, -1)


@dataclass(frozen=True, slots=True)
class Change:
    """One account as read at `slot`; `data` is None when it does not exist any more.

    `write_version` orders writes of one slot; 0 where the node tells none. `owner` is the account's, where it is known.
    """

    address: bytes
    slot: int
    data: bytes | None
    write_version: int = 0
    owner: bytes | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """A price to sign: micro-USD for one whole base unit or token, its confidence, its time in unix ms."""

    price: int
    confidence: int
    publish_time_ms: int


def unreadable(data: bytes) -> str | None:
    """Why an account's bytes cannot be what their discriminator says; None: they can, or are of a kind not read."""
    name = NAME_BY_DISCRIMINATOR.get(data[:8])
    if name not in READ:
        return None
    layout = ACCOUNTS[name]
    if len(data) < layout.itemsize:
        return f"length of {name}: found {len(data)}, needed at least {layout.itemsize}"
    record = np.frombuffer(data, layout, 1)[0]
    if (version := int(record["version"])) != LAYOUT_VERSION:
        return f"layout version of {name}: found {version}, needed {LAYOUT_VERSION}"
    if name in SLOTS and (index := int(record["index"])) >= SLOTS[name]:
        return f"index of {name}: found {index}, needed below {SLOTS[name]}"
    return None


class State:
    """All accounts that keepers read, and the prices that their sources gave. Accounts of `program` only, if given."""

    def __init__(self, program: bytes | None = None) -> None:
        self.program = program
        self.time = ChainTime(0, 0)
        self.isolated: dict[bytes, str] = {}
        """Accounts of the program that cannot be read, with the reason."""
        self.exchange: Any = None
        self.risk_cache: Any = None
        self.insurance: Any = None
        self.markets = np.zeros(MARKETS_MAX, MARKET)
        self.market_known = np.zeros(MARKETS_MAX, np.bool_)
        self.market_keys: dict[int, bytes] = {}
        """Address of each market by index; it is also the authority of the market's backstop account."""
        self.collaterals = np.zeros(COLLATERALS_MAX, COLLATERAL)
        self.collateral_known = np.zeros(COLLATERALS_MAX, np.bool_)
        self.collateral_keys: dict[int, bytes] = {}
        """Address of each asset by index."""
        self.prices: dict[str, Price] = {}
        self.feeds: dict[str, int] = {}
        """Publish time in unix ms of each feed account that was read."""
        self.changes: dict[int, Any] = {}
        """Every change of a parameter there ever was, by number."""
        self.observed: dict[str, Any] = {}
        """What keepers read besides the exchange's accounts, by keeper, as plain values."""
        self._count = 0
        self._users = np.zeros(FIRST_CAPACITY, USER)
        self._orders = np.zeros(FIRST_CAPACITY, ORDERS)
        self._keys = np.zeros((FIRST_CAPACITY, 4), np.uint64)
        self._free: list[int] = []
        self.user_keys: list[bytes] = []
        self.orders_keys: list[bytes] = []
        self._row_of: dict[bytes, int] = {}
        self._owner_of: dict[bytes, bytes] = {}
        self._versions: dict[bytes, tuple[int, int]] = {}
        self._names: dict[bytes, str] = {}
        self._raw: dict[bytes, bytes] = {}
        self._backstops: dict[int, int] | None = None
        self._columns: RiskColumns | None = None
        self._changed_rows: set[int] = set()
        self._crossing: CrossingIndex | None = None
        self._changed_orders: set[int] = set()

    @property
    def users(self) -> NDArray[np.void]:
        """`USER` records, one per row."""
        return self._users[: self._count]

    @property
    def orders(self) -> NDArray[np.void]:
        """`ORDERS` records, one per row; without orders where an account is missing."""
        return self._orders[: self._count]

    @property
    def keys(self) -> NDArray[np.uint64]:
        """Words of each row's `Orders` address, shape `(rows, 4)`."""
        return self._keys[: self._count]

    def row_of(self, user_key: bytes) -> int | None:
        """Row of a `User` address."""
        return self._row_of.get(user_key)

    def known(self, name: str) -> list[bytes]:
        """Addresses of all accounts of one kind."""
        return [address for address, kind in self._names.items() if kind == name]

    def knows(self, address: bytes) -> bool:
        """Whether an account of this address is held."""
        return address in self._names

    def listed_markets(self) -> NDArray[np.void]:
        """Records of the markets that exist, by index."""
        return self.markets[self.market_known]

    def backstops(self) -> dict[int, int]:
        """Market index by the row of its backstop: the first `User` whose authority is the market itself."""
        if self._backstops is None:
            index_of = {key: index for index, key in self.market_keys.items()}
            words = np.array([int.from_bytes(key[:8], "little") for key in index_of], np.uint64)
            authorities = self.users["authority"]
            heads = np.ascontiguousarray(authorities[:, :8]).view("<u8").reshape(-1)
            rows = np.flatnonzero(np.isin(heads, words) & (self.users["sub_id"] == 0))
            found = {int(row): index_of.get(authorities[row].tobytes()) for row in rows}
            self._backstops = {row: index for row, index in found.items() if index is not None}
        return self._backstops

    def risk_columns(self) -> RiskColumns:
        """Columns of all users, with every change since the last call. There must be a risk cache."""
        users, changed = self.users, np.array(sorted(self._changed_rows), np.int64)
        if self._columns is None:
            self._columns = RiskColumns(users, self.risk_cache)
        else:
            self._columns.update(users, changed, self.risk_cache)
        self._changed_rows.clear()
        return self._columns

    def crossing_index(self) -> CrossingIndex:
        """Index of whose orders could meet, with every change since the last call; made anew when rows outgrow it."""
        orders = self.orders
        if self._crossing is None or len(orders) > self._crossing.capacity:
            self._crossing = CrossingIndex(orders, capacity=len(self._orders))
        else:
            self._crossing.update(orders, np.array(sorted(self._changed_orders), np.int64))
        self._changed_orders.clear()
        return self._crossing

    def waiting(self, rows: NDArray[np.int64] | None = None) -> Waiting:
        """Orders that wait for somebody to act on them now, of some rows (rising) or of all."""
        return waiting_orders(self.orders, self.users, self.time.unix_ms, self.time.slot, rows)

    def liquidations(self) -> Liquidations:
        """Accounts below cancel margin by the risk cache as it is now. There must be one."""
        return liquidations(self.users, self.risk_cache, self.time.unix_ms, self.risk_columns())

    def apply(self, changes: Iterable[Change]) -> list[Change]:
        """Take readings in; returns those that changed something, in the order given."""
        taken: list[Change] = []
        batches: dict[str, list[Change]] = {}
        for change in changes:
            version = (change.slot, change.write_version)
            if version < self._versions.get(change.address, NEVER):
                continue
            self._versions[change.address] = version
            known = self._names.get(change.address)
            if change.data is None or (reason := self._refused(change, known)):
                self._note_isolated(change, None if change.data is None else reason)
                if known is not None:
                    self._take_out(change.address, batches)
                    taken.append(Change(change.address, change.slot, None, change.write_version))
                continue
            self.isolated.pop(change.address, None)
            name = NAME_BY_DISCRIMINATOR.get(change.data[:8])
            if name not in READ or self._raw.get(change.address) == change.data:
                continue
            self._raw[change.address], self._names[change.address] = change.data, name
            batches.setdefault(name, []).append(change)
            taken.append(change)
        for name, batch in batches.items():
            self._store(name, batch)
        return taken

    def _refused(self, change: Change, known: str | None) -> str | None:
        """Why a reading is not taken in; None: it is."""
        data = change.data or b""
        if None not in (self.program, change.owner) and change.owner != self.program:
            return f"owner: found {(change.owner or b'').hex()}, needed the program"
        if known is not None and NAME_BY_DISCRIMINATOR.get(data[:8]) != known:
            return f"discriminator: found {data[:8].hex()}, needed that of {known}"
        return unreadable(data)

    def _note_isolated(self, change: Change, reason: str | None) -> None:
        if reason is None:
            self.isolated.pop(change.address, None)
        else:
            self.isolated[change.address] = reason

    def _take_out(self, address: bytes, batches: dict[str, list[Change]]) -> None:
        """Forget an account, what the same call has brought of it included."""
        name = self._names[address]
        if any(change.address == address for change in batches.get(name, ())):
            self._store(name, batches.pop(name))
        self._forget(address)

    def rewind(self, slot: int) -> None:
        """The chain went back to `slot`: what is read next stands, whatever was seen in later slots."""
        self._versions = {key: at for key, at in self._versions.items() if at[0] <= slot}
        if self.time.slot > slot:
            self.time = ChainTime(0, 0)

    def prune(self, slot: int) -> None:
        """After a whole snapshot at `slot`: forget when accounts were read that do not exist."""
        gone = [key for key, at in self._versions.items() if at[0] < slot and key not in self._names]
        for key in gone:
            del self._versions[key]
            self.isolated.pop(key, None)

    def readings(self) -> list[Change]:
        """Every account that is held, as it was last read, for a journal to begin with."""
        return [Change(key, *self._reading(key)) for key in self._names]

    def rebuild(self) -> None:
        """Give every trader the row that a state made of `readings` would give: a journal begins from those."""
        fresh = State(self.program)
        fresh.apply(self.readings())
        for name in ("time", "prices", "feeds", "observed", "isolated", "_versions"):
            setattr(fresh, name, getattr(self, name))
        self.__dict__ = fresh.__dict__

    def _reading(self, key: bytes) -> tuple[int, bytes, int]:
        slot, version = self._versions.get(key, (0, 0))
        return slot, self._raw[key], version

    def forget_missing(self, name: str, present: set[bytes], slot: int) -> list[Change]:
        """Drop accounts of a kind that a whole snapshot at `slot` did not show; returns what was dropped."""
        gone = [Change(address, slot, None) for address in self.known(name) if address not in present]
        return self.apply(gone)

    def _store(self, name: str, batch: Sequence[Change]) -> None:
        records = decode([change.data or b"" for change in batch], ACCOUNTS[name], name)
        if name == "Exchange":
            self.exchange = records[-1]
        elif name == "RiskCache":
            self.risk_cache = records[-1]
        elif name == "Insurance":
            self.insurance = records[-1]
        elif name == "Market":
            self._backstops = None
            self.market_keys.update(zip(records["index"].tolist(), (change.address for change in batch), strict=True))
            self.markets[records["index"]], self.market_known[records["index"]] = records, True
        elif name == "Collateral":
            self.collateral_keys.update(
                zip(records["index"].tolist(), (change.address for change in batch), strict=True)
            )
            self.collaterals[records["index"]], self.collateral_known[records["index"]] = records, True
        elif name == "ParamChange":
            self.changes.update(zip(records["number"].tolist(), records, strict=True))
        elif name == "User":
            rows = [self._row(change.address) for change in batch]
            if (self._users["authority"][rows] != records["authority"]).any():
                self._backstops = None
            self._users[rows] = records
            self._changed_rows.update(rows)
        else:
            owners = [bytes(owner) for owner in records["user"]]
            rows = [self._row(owner) for owner in owners]
            self._orders[rows] = records
            self._changed_orders.update(rows)
            for change, owner, row in zip(batch, owners, rows, strict=True):
                self._owner_of[change.address] = owner
                self.orders_keys[row] = change.address
                self._keys[row] = np.frombuffer(change.address, "<u8")

    def _row(self, user_key: bytes) -> int:
        """Row of a trader, made when it is new: without its `User` every order is void."""
        row = self._row_of.get(user_key)
        if row is not None:
            return row
        if self._free:
            row = self._free.pop()
            self.user_keys[row] = user_key
        else:
            row = self._count
            self._count += 1
            self.user_keys.append(user_key)
            self.orders_keys.append(b"")
            if row == len(self._users):
                self._users = np.concatenate([self._users, np.zeros(row, USER)])
                self._orders = np.concatenate([self._orders, np.zeros(row, ORDERS)])
                self._keys = np.concatenate([self._keys, np.zeros((row, 4), np.uint64)])
        self._users[row] = np.zeros((), USER)
        self._users["orders_epoch"][row] = NO_USER_EPOCH
        self._orders[row] = np.zeros((), ORDERS)
        self._row_of[user_key] = row
        self._changed_rows.add(row)
        self._changed_orders.add(row)
        return row

    def _forget(self, address: bytes) -> None:
        name = self._names.pop(address)
        raw = self._raw.pop(address)
        if name in SINGLE:
            setattr(self, SINGLE[name], None)
        elif name in (*SLOTS, "ParamChange"):
            self._forget_numbered(name, address, raw)
        if name not in ("User", "Orders"):
            return
        owner = address if name == "User" else self._owner_of.pop(address)
        row = self._row_of[owner]
        if name == "User":
            self._users[row] = np.zeros((), USER)
            self._users["orders_epoch"][row] = NO_USER_EPOCH
            self._changed_rows.add(row)
            self._backstops = None
        else:
            self._orders[row] = np.zeros((), ORDERS)
            self._changed_orders.add(row)
            self.orders_keys[row] = b""
        if owner not in self._names and not self.orders_keys[row]:
            del self._row_of[owner]
            self._free.append(row)

    def _forget_numbered(self, name: str, address: bytes, raw: bytes) -> None:
        """Forget what is held by a number, unless another account has taken it."""
        record = np.frombuffer(raw, ACCOUNTS[name], 1)[0]
        if name == "ParamChange":
            self.changes.pop(int(record["number"]), None)
            return
        self._backstops, index = None, int(record["index"])
        keys, known = (
            (self.market_keys, self.market_known) if name == "Market" else (self.collateral_keys, self.collateral_known)
        )
        if keys.get(index) == address:
            del keys[index]
            known[index] = False
