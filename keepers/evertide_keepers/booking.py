"""The books of what keepers did: decided on confirmed, booked on finalized.

A transaction is booked when it is final, with what it cost and what it brought by its own events. One that was
confirmed and is not on the finalized chain is undone: its keeper may plan it again, and everything is read anew.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from solders.pubkey import Pubkey

from evertide import RpcClient
from evertide._events import transaction_events
from evertide.errors import TransportError
from evertide.events import InvariantBroken, LiquidationMatched, OrdersMatched, PositionLiquidated

from .logs import log

FINAL_AFTER_SLOTS = 40
GONE_AFTER_SLOTS = 300
"""A blockhash lives for 150 blocks: what is unknown twice as long after can never land."""
PENDING_MAX = 4_096
BATCH = 256


@dataclass(slots=True)
class Account:
    """One keeper's books. Amounts in lamports and in quote atoms."""

    planned: int = 0
    confirmed: int = 0
    failed: int = 0
    simulated: int = 0
    wasted: int = 0
    """Transactions that landed and failed: somebody was first, or the state moved on, and their fee is gone."""
    overtaken: int = 0
    """Actions that were not sent since somebody else had written what they act on."""
    undone: int = 0
    paid_lamports: int = 0
    earned_atoms: int = 0
    booked: int = 0
    """Transactions whose cost and gain are in the sums; the rest of `confirmed` is not final yet."""
    done: dict[str, int] = field(default_factory=dict)
    """Confirmed actions by name."""
    refused: dict[str, int] = field(default_factory=dict)
    """Failed actions by the error's name."""


@dataclass(frozen=True, slots=True)
class Pending:
    """One confirmed transaction that is not final yet."""

    keeper: str
    keys: tuple[str, ...]
    signature: str
    slot: int


Undo = Callable[[Pending], None]


class Books:
    """Of all keepers of a process. `own_users` earn what a takeover's events tell."""

    def __init__(self, own_users: Sequence[str] = ()) -> None:
        self.accounts: dict[str, Account] = {}
        self.dropped = 0
        """Transactions that were too many to be booked."""
        self._own = {Pubkey.from_string(text) for text in own_users}
        self._pending: deque[Pending] = deque()

    @property
    def pending(self) -> int:
        """Transactions that wait to be booked."""
        return len(self._pending)

    def of(self, keeper: str) -> Account:
        """One keeper's books, opened on first use."""
        return self.accounts.setdefault(keeper, Account())

    def note_end(self, keeper: str, action: str, error: str | None, *, simulated: bool, landed: bool) -> None:
        """An action ended: confirmed or simulated, or refused with an error of that name, and a fee if it `landed`."""
        account = self.of(keeper)
        if error is not None:
            account.failed += 1
            account.wasted += landed
            account.refused[error] = account.refused.get(error, 0) + 1
        elif simulated:
            account.simulated += 1
            account.done[action] = account.done.get(action, 0) + 1
        else:
            account.confirmed += 1
            account.done[action] = account.done.get(action, 0) + 1

    def note_landed(self, pending: Pending) -> None:
        """A transaction is on the chain, whether it succeeded or not: to be booked when it is final."""
        if len(self._pending) >= PENDING_MAX:
            self._pending.popleft()
            self.dropped += 1
        self._pending.append(pending)

    async def book(self, rpc: RpcClient, program_id: Pubkey, slot: int, undo: Undo, *, final: bool = True) -> None:
        """Book what is old enough at `slot`. `final` False: whatever is confirmed, at the end of a run."""
        due: list[Pending] = []
        while self._pending and (not final or self._pending[0].slot + FINAL_AFTER_SLOTS <= slot):
            due.append(self._pending.popleft())
            if len(due) == BATCH:
                break
        if not due:
            return
        try:
            statuses = await rpc.get_signature_statuses([one.signature for one in due], search_history=True)
            for one, status in zip(list(due), statuses, strict=True):
                if status is None and slot - one.slot > GONE_AFTER_SLOTS and final:
                    undo(one)
                    self.of(one.keeper).undone += 1
                elif status is None or (final and status.get("confirmationStatus") != "finalized"):
                    continue
                else:
                    await self._take(rpc, program_id, one)
                due.remove(one)
        except TransportError as error:
            log(logging.INFO, "books wait", error=str(error))
        finally:
            self._pending.extendleft(reversed(due))

    async def _take(self, rpc: RpcClient, program_id: Pubkey, one: Pending) -> None:
        """Cost and gain of one transaction."""
        transaction = await rpc.get_transaction(one.signature) or {}
        try:
            paid = int((transaction.get("meta") or {}).get("fee") or 0)
            earned = sum(self._gain(found.event) for found in transaction_events(transaction, program_id))
        except (KeyError, TypeError, ValueError) as error:
            raise rpc.malformed("getTransaction", transaction) from error
        account = self.of(one.keeper)
        account.booked += 1
        account.paid_lamports += paid
        account.earned_atoms += earned

    def _gain(self, event: Any) -> int:
        """Quote atoms that an event of one's own transaction brought."""
        if isinstance(event, OrdersMatched | LiquidationMatched):
            return event.keeper_reward_atoms
        if isinstance(event, PositionLiquidated) and event.liquidator in self._own:
            return event.liquidator_fee_atoms
        return event.bounty_atoms if isinstance(event, InvariantBroken) else 0

    def report(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "keepers": {name: asdict(account) for name, account in self.accounts.items()},
            "not_booked_yet": self.pending,
            "not_booked_at_all": self.dropped,
        }
