"""A chain in memory: slots by the clock of its loop, transactions that land a slot later, commitments, forks, halts.

Nothing of it runs by itself: every question first brings it up to the present time of its clock, so that the same
questions at the same times give the same answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from model_program import Accounts, Refused, Work, execute
from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from evertide.errors import TakerMarginTooLow

SLOT_S = 0.4
FIRST_SLOT = 1_000
FIRST_UNIX_S = 1_700_000_000
BLOCKHASH_SLOTS = 150
DEPTH = {"processed": 0, "confirmed": 2, "finalized": 32}
FEE_LAMPORTS = 5_000
HISTORY = 256
PURSE_LAMPORTS = 10**10


@dataclass(frozen=True, slots=True)
class Landed:
    """A transaction in a block. `error`: name of the program's error, None when it succeeded."""

    signature: str
    slot: int
    payer: Pubkey
    done: tuple[Work, ...]
    error: str | None
    code: int | None


@dataclass
class Chain:
    """Accounts over time, and everything that landed. `clock`: seconds of the loop that asks."""

    clock: Callable[[], float]
    accounts: Accounts = field(default_factory=dict)
    lamports: dict[Pubkey, int] = field(default_factory=dict)
    landed: list[Landed] = field(default_factory=list)
    orphaned: list[Landed] = field(default_factory=list)
    """What a fork took back."""
    halted_s: float = 0.0
    """Seconds without slots so far."""
    refuses: set[Pubkey] = field(default_factory=set)
    """Whoever writes one of these is refused by the program."""
    lands: Callable[[VersionedTransaction], bool] = lambda transaction: True
    """Whether a transaction that arrived is put into a block: a test may lose some."""
    _halted_at: float | None = None
    _pending: dict[str, tuple[int, VersionedTransaction]] = field(default_factory=dict)
    _history: list[tuple[int, Accounts]] = field(default_factory=list)
    _known: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._history = [(0, dict(self.accounts))]

    @property
    def slot(self) -> int:
        """The present slot."""
        return FIRST_SLOT + int(self._seconds() / SLOT_S)

    @property
    def unix_s(self) -> int:
        """The clock sysvar's time."""
        return FIRST_UNIX_S + int(self._seconds())

    def _seconds(self) -> float:
        now_s = self.clock() if self._halted_at is None else self._halted_at
        return now_s - self.halted_s

    def halt(self) -> None:
        """No more slots."""
        self._halted_at = self.clock()

    def resume(self) -> None:
        """Slots again, where they stood."""
        if self._halted_at is not None:
            self.halted_s += self.clock() - self._halted_at
            self._halted_at = None

    def put(self, key: Pubkey, data: bytes) -> None:
        """Write an account, as others' transactions would."""
        self.accounts[key] = data
        self._keep()

    def drop(self, key: Pubkey) -> None:
        """Close an account."""
        self.accounts.pop(key, None)
        self._keep()

    def _trim(self) -> None:
        """Nobody asks for what is older than every commitment."""
        if len(self._history) > HISTORY:
            old = sum(since < self.slot - 2 * DEPTH["finalized"] for since, _ in self._history)
            del self._history[: max(old - 1, 0)]

    def _keep(self) -> None:
        self._trim()
        if self._history and self._history[-1][0] == self.slot:
            self._history[-1] = (self.slot, dict(self.accounts))
        else:
            self._history.append((self.slot, dict(self.accounts)))

    def at(self, commitment: str) -> tuple[int, Accounts]:
        """Slot and accounts of a commitment."""
        self.advance()
        slot = self.slot - DEPTH[commitment]
        return slot, next((found for since, found in reversed(self._history) if since <= slot), self._history[0][1])

    def blockhash(self, slot: int) -> str:
        """The blockhash of a slot."""
        text = str(Hash(hashlib.sha256(str(slot).encode()).digest()))
        self._known[text] = slot
        return text

    def receive(self, transaction: VersionedTransaction) -> str:
        """A transaction arrives; its signature. What has landed already, or has expired, is not taken again."""
        self.advance()
        signature = str(transaction.signatures[0])
        fresh = self._known.get(str(transaction.message.recent_blockhash), -BLOCKHASH_SLOTS)
        known = any(one.signature == signature for one in self.landed) or signature in self._pending
        if not known and self.slot - fresh <= BLOCKHASH_SLOTS and self.lands(transaction):
            self._pending[signature] = (self.slot, transaction)
        return signature

    def advance(self) -> None:
        """Land what arrived in slots before this one, in the order of arrival."""
        slot = self.slot
        for signature, (arrived, transaction) in list(self._pending.items()):
            if arrived < slot:
                del self._pending[signature]
                self._land(signature, transaction, arrived + 1)

    def _land(self, signature: str, transaction: VersionedTransaction, slot: int) -> None:
        payer = transaction.message.account_keys[0]
        purse = self.lamports.get(payer, PURSE_LAMPORTS)
        if purse < FEE_LAMPORTS:
            return
        self.lamports[payer] = purse - FEE_LAMPORTS
        changed, error, code, done = dict(self.accounts), None, None, []
        try:
            done = self._execute(changed, transaction, slot)
        except Refused as refused:
            error, code, changed = refused.error.__name__, int(refused.error.CODE), self.accounts
        self.accounts = changed
        self._history.append((slot, dict(changed)))
        self._trim()
        self.landed.append(Landed(signature, slot, payer, tuple(done), error, code))

    def simulate(self, transaction: VersionedTransaction) -> Refused | None:
        """What it would do now."""
        self.advance()
        try:
            self._execute(dict(self.accounts), transaction, self.slot)
        except Refused as refused:
            return refused
        return None

    def _execute(self, accounts: Accounts, transaction: VersionedTransaction, slot: int) -> list[Work]:
        if self.refuses & set(transaction.message.account_keys):
            raise Refused(TakerMarginTooLow)
        return execute(accounts, transaction, self.unix_s * 1000, slot)

    def fork(self, slots: int, *, again: bool = False) -> list[Landed]:
        """The last slots were never there; what landed in them is told, and lands anew only where `again`."""
        self.advance()
        since = self.slot - slots
        gone = [one for one in self.landed if one.slot > since]
        self.landed = [one for one in self.landed if one.slot <= since]
        self.orphaned += gone
        kept = [(slot, found) for slot, found in self._history if slot <= since] or self._history[:1]
        self._history, self.accounts = kept, dict(kept[-1][1])
        if again:
            self._keep()
        return gone

    def status(self, signature: str) -> Landed | None:
        """Where a transaction landed."""
        self.advance()
        return next((one for one in self.landed if one.signature == signature), None)

    def works(self, name: str) -> list[Work]:
        """Everything of one name that was done."""
        self.advance()
        return [work for one in self.landed for work in one.done if work.name == name]
