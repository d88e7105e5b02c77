"""The subscription behind a feed: hints of which accounts were written, and a watch over its own silence."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from solders.pubkey import Pubkey

from evertide._rpc_call import shown_url

if TYPE_CHECKING:
    from .feed import Feed

RECONNECT_FIRST_S, RECONNECT_MOST_S = 0.2, 10.0
JITTER = 0.25
ACCOUNTS_REQUEST, SLOTS_REQUEST = 1, 2
YIELD_EVERY = 64
"""Messages after which others get their turn: a flood never suspends by itself."""
CONNECT_TIMEOUT_S = 10.0
LAG_SLOTS_MAX = 32
"""How far behind the latest slot known an answer may be to be acted on: a confirmed slot is at most so far behind."""


class Listener:
    """Subscribes to a program's accounts and to slots, on one node after the other; every loss is a gap."""

    def __init__(
        self,
        feed: Feed,
        urls: Sequence[str],
        silence_ms: int,
        connect: Callable[[str], Awaitable[Any]],
        source: random.Random,
    ) -> None:
        self.gaps = 0
        self._feed = feed
        self._urls = urls
        self._silence_s = silence_ms / 1000
        self._connect = connect
        self._random = source
        self._pause_s = RECONNECT_FIRST_S
        self._hints = 0
        self._deaf = False
        self._last_slot = 0
        self._stands_at: int | None = None
        self._leaving = ""
        self._url = ""
        self._avoided: frozenset[str] = frozenset()
        self._waiting: asyncio.Timeout | None = None

    async def run(self) -> None:
        """Subscribe again and again."""
        while True:
            self._url = url = self._next_url()
            try:
                await self._listen(url)
            except Exception as error:
                # Whatever broke it, a network or nonsense on it: the subscription is lost, never the listener.
                self.gaps += 1
                self._feed.lost()
                reason = str(error) or type(error).__name__
                self._feed.alarms.sound("feed_lost", "feed", f"{shown_url(url)}: {reason.replace(url, shown_url(url))}")
            await asyncio.sleep(self._pause_s * (1 + JITTER * (2 * self._random.random() - 1)))
            self._pause_s = min(self._pause_s * 2, RECONNECT_MOST_S)

    async def _listen(self, url: str) -> None:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            socket = await self._connect(url)
        self._deaf, self._hints, self._last_slot = False, 0, 0
        self._stands_at, self._leaving = None, ""
        try:
            await self._subscribe(socket)
            count = 0
            while not self._deaf:
                # Not wait_for: that of Python 3.11 can lose a cancellation that comes with a message.
                async with asyncio.timeout(self._silence_s) as self._waiting:
                    message = await socket.recv()
                self._take(json.loads(message))
                count += 1
                if count % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
            raise OSError("no hint of changes that a snapshot showed")
        except TimeoutError:
            raise OSError(self._leaving or f"no message for {self._silence_s:g} s") from None
        finally:
            self._waiting = None
            with contextlib.suppress(Exception):
                async with asyncio.timeout(1):
                    await socket.close()

    async def _subscribe(self, socket: Any) -> None:
        commitment = self._feed.rpc.commitment
        config = {"encoding": "base64", "commitment": commitment, "dataSlice": {"offset": 0, "length": 0}}
        accounts = {"method": "programSubscribe", "params": [str(self._feed.program_id), config]}
        heartbeat = {"method": "slotSubscribe", "params": []}
        for request_id, request in ((ACCOUNTS_REQUEST, accounts), (SLOTS_REQUEST, heartbeat)):
            await socket.send(json.dumps({"jsonrpc": "2.0", "id": request_id, **request}))

    def check_hearing(self, unheard: bool) -> None:
        """A snapshot was read though nothing was missed; `unheard`: it showed changes that no hint had told of."""
        if unheard and not self._hints:
            self._deaf = True
        self._hints = 0

    def check_pace(self, answered_slot: int) -> None:
        """An answer is of this slot. A subscription that stands still far behind two answers in turn is left at once:
        one that tells of no slot may tell of nothing else, or of the past.
        """
        stands = bool(self._last_slot) and answered_slot - self._last_slot > LAG_SLOTS_MAX
        if stands and self._stands_at == self._last_slot:
            self._leave(f"the subscription stands at slot {self._last_slot}, answers are at {answered_slot}")
        self._stands_at = self._last_slot if stands else None

    def avoid(self, urls: Collection[str]) -> None:
        """Nodes that are put aside: as long as there is another one, none of them is listened to."""
        self._avoided = frozenset(urls)
        if self._url in self._avoided and not self._avoided.issuperset(self._urls):
            self._leave("its node is put aside")

    def _next_url(self) -> str:
        """The next in turn that is not to be avoided; the next in turn where all are."""
        first = self.gaps % len(self._urls)
        turn = [*self._urls[first:], *self._urls[:first]]
        return next((url for url in turn if url not in self._avoided), turn[0])

    def _leave(self, reason: str) -> None:
        """End the wait for the next message."""
        if self._waiting is not None:
            self._leaving = reason
            self._waiting.reschedule(asyncio.get_running_loop().time())

    def _take(self, message: dict[str, Any]) -> None:
        """One message. Raises ValueError, TypeError or KeyError for one that is none."""
        if message.get("id") in (ACCOUNTS_REQUEST, SLOTS_REQUEST):
            if "result" not in message:
                raise ValueError(f"the subscription is refused: {str(message.get('error'))[:120]}")
            if message["id"] == ACCOUNTS_REQUEST:
                # Only from here on is every change told: read everything once more.
                self._pause_s = RECONNECT_FIRST_S
                self._feed.lost()
                self._feed.alarms.clear("feed_lost", "feed")
            return
        method = message.get("method")
        if method == "programNotification":
            result = message["params"]["result"]
            address = Pubkey.from_string(result["value"]["pubkey"])
            self._hints += 1
            self._feed.mark_dirty([address], int(result["context"]["slot"]))
            self._feed.woken.set()
        elif method == "slotNotification":
            self._slot(int(message["params"]["result"]["slot"]))

    def _slot(self, slot: int) -> None:
        """A slot began. Processed slots of a fork that lost are gone; confirmed ones never were among them."""
        if slot < self._last_slot and self._feed.rpc.commitment == "processed":
            self._feed.rewind(slot, f"slot {slot} came after {self._last_slot}")
        self._last_slot = slot
        if self._feed.answered_slot - slot > LAG_SLOTS_MAX:
            raise OSError(f"the subscription is at slot {slot}, answers at {self._feed.answered_slot}")
        self._feed.tip_slot = max(self._feed.tip_slot, slot)
