"""The audit's book follows orders that were signed off chain."""

from __future__ import annotations

from audit_history import ALICE, BOB, History, blank, placed

from evertide import SignedPlacement
from evertide.events import SignedOrdersPlaced


def test_orders_that_were_signed_off_chain_are_in_the_book() -> None:
    history = History()
    history.slot = 8
    entries = tuple(
        blank(SignedPlacement, user=user, sequence=history.user(user), order=placed(1, price, 10, slot=8))
        for user, price in ((ALICE, 1_001), (BOB, 1_000))
    )
    history.left |= {(ALICE, 1): 10, (BOB, 1): 10}
    history.add(blank(SignedOrdersPlaced, user=ALICE, placements=entries))
    history.taker(10)
    history.match([(ALICE, 1, 1_001, 10)])
    assert [found.user for found in history.audit().certain] == [BOB]
