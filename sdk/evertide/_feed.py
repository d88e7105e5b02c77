"""Events as they land, in order, with every gap noticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from solders.pubkey import Pubkey

from ._errors import AccountNotFound
from ._events import LandedEvent, SequenceChecker, transaction_events
from ._pda import PROGRAM_ID
from ._rpc import SIGNATURES_PER_PAGE_MAX, RpcClient

PAGE = SIGNATURES_PER_PAGE_MAX


async def new_signatures(rpc: RpcClient, address: Pubkey, until: str | None, page: int = PAGE) -> list[str]:
    """Signatures of succeeded transactions of `address` after `until`, oldest first. The last is where to go on."""
    found: list[str] = []
    before: str | None = None
    while True:
        rows = await rpc.get_signatures_for_address(address, before=before, until=until, limit=page)
        found += [str(row["signature"]) for row in rows if row.get("err") is None]
        if len(rows) < page:
            break
        before = str(rows[-1]["signature"])
    found.reverse()
    return found


async def events_of(rpc: RpcClient, signature: str, program_id: Pubkey = PROGRAM_ID) -> list[LandedEvent]:
    """The events of one landed transaction. Raises `AccountNotFound` when the node does not have it."""
    transaction = await rpc.get_transaction(signature)
    if transaction is None:
        raise AccountNotFound("transaction", signature)
    return transaction_events(transaction, program_id)


async def follow(
    rpc: RpcClient,
    *,
    program_id: Pubkey = PROGRAM_ID,
    since: str | None = None,
    address: Pubkey | None = None,
    checker: SequenceChecker | None = None,
    poll_ms: int = 400,
) -> AsyncIterator[LandedEvent]:
    """Yield events from the transaction after `since` (None: from the first) for as long as it is iterated.

    `checker` sees each event first and raises `EventGap`; it only makes sense for the whole program, since one
    account's transactions do not show every event of the streams that they touch. A `TransportError` is raised too:
    call again with the signature of the last event as `since`, and with the same checker.
    """
    last = since
    while True:
        fresh = await new_signatures(rpc, address or program_id, last)
        for signature in fresh:
            for landed in await events_of(rpc, signature, program_id):
                if checker is not None:
                    checker.check(landed.event)
                yield landed
            last = signature
        if not fresh:
            await asyncio.sleep(poll_ms / 1000)
