"""A node that fails on purpose, seeded: delays, drops, doubles, reorders, garbles, lies, forks, and counts it.

`FaultyRpc` stands between a client and whatever answers (a model of a node, or a real one behind a proxy) and
`FaultySocket` between a subscription and its reader. What fires when is for `Faults` to say: by rates, in a run that
should meet everything, or on order, in a test of one fault. The numbers are those of docs/threats.md.
"""

from __future__ import annotations

import base64
import json
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from solders.pubkey import Pubkey
from solders.signature import Signature

HTTP_KINDS = {
    "refused": "F-01",
    "slow": "F-02",
    "stale": "F-03",
    "lying": "F-03",
    "malformed": "F-04",
    "expired": "F-07",
    "doubled": "F-08",
    "unanswered": "F-09",
    "forked": "F-11",
    "lost": "F-12",
    "late": "F-14",
    "skewed": "F-17",
    "garbled": "F-23",
    "renewed": "F-25",
}
SOCKET_KINDS = {
    "silent": "F-05",
    "cut": "F-05",
    "missed": "F-06",
    "repeated": "F-06",
    "reordered": "F-06",
    "torn": "F-04",
    "flooded": "F-22",
}
# Kinds that go on for a while once they have begun, seconds.
LASTING_S = {"refused": (0.5, 8.0), "stale": (1.0, 6.0), "lying": (1.0, 4.0), "skewed": (1.0, 4.0), "silent": (20, 40)}
ACCOUNT_READS = ("getAccountInfo", "getMultipleAccounts", "getProgramAccounts")
CLOCK_ADDRESS = "SysvarC1ock11111111111111111111111111111111"
CLOCK_TIME_AT = 32
STALE_S = 2.0
HISTORY = 24
HISTORIES_MAX = 4_096
SLOW_S = (0.5, 12.0)
LATE_S = (1.0, 6.0)
FORK_S = (0.5, 3.0)
FLOOD = 2_000
SKEW_MOST_S = 30
MIN_CONTEXT_SLOT_NOT_REACHED = -32016

Forward = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class Dropped(Exception):
    """The connection ends, and no answer comes."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as bytes."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Faults:
    """Which fault fires now. `rates`: chance of each kind a call; `counts`: how often each fired."""

    def __init__(self, seed: object, rates: Mapping[str, float] | None = None) -> None:
        unknown = set(rates or {}) - {*HTTP_KINDS, *SOCKET_KINDS}
        if unknown:
            raise ValueError(f"unknown faults {sorted(unknown)}")
        self.rates = dict(rates or {})
        self.counts: Counter[str] = Counter()
        self.ordered: Counter[str] = Counter()
        """Fires so often from now on, whatever the rates say."""
        self._until: dict[str, float] = {}
        self._dice = {name: random.Random(f"{seed}/{name}") for name in (*HTTP_KINDS, *SOCKET_KINDS)}

    def fires(self, name: str, now_s: float) -> bool:
        """Whether this kind fires at this call; counted when it does."""
        if self.ordered[name] > 0:
            self.ordered[name] -= 1
        elif now_s >= self._until.get(name, float("-inf")):
            if self._dice[name].random() >= self.rates.get(name, 0.0):
                return False
            if name in LASTING_S:
                self._until[name] = now_s + self._dice[name].uniform(*LASTING_S[name])
        self.counts[name] += 1
        return True

    def between(self, name: str, bounds: tuple[float, float]) -> float:
        """A number for a fault that has fired."""
        return self._dice[name].uniform(*bounds)

    def choice(self, name: str, count: int) -> int:
        """One of so many variants of a fault that has fired."""
        return self._dice[name].randrange(count)

    def calm(self) -> None:
        """From now on nothing fires."""
        self.rates, self._until = {}, {}
        self.ordered.clear()


class FaultyRpc:
    """Answers JSON-RPC requests through `forward`, with faults. `now` and `sleep` are of its loop, seconds."""

    def __init__(
        self,
        forward: Forward,
        faults: Faults,
        *,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        spawn: Callable[[Awaitable[Any]], None],
    ) -> None:
        self.faults = faults
        self._forward, self._now, self._sleep, self._spawn = forward, now, sleep, spawn
        self._history: dict[str, deque[tuple[float, dict[str, Any]]]] = {}
        self._blockhashes: deque[tuple[float, dict[str, Any]]] = deque(maxlen=512)
        self._forked: dict[str, tuple[float, int]] = {}
        self._slot = 0

    async def serve(self, request: dict[str, Any]) -> Reply:
        """The answer. Raises `Dropped`."""
        if self._fires("refused"):
            raise Dropped
        if self._fires("slow"):
            await self._sleep(self.faults.between("slow", SLOW_S))
        if self._fires("malformed"):
            return await self._malformed(request)
        method = str(request.get("method"))
        if method == "sendTransaction":
            return await self._send(request)
        answer = await self._forward(request)
        if method == "getSignatureStatuses":
            self._tell_fork(request, answer)
        elif method == "getLatestBlockhash":
            answer = self._blockhash(answer)
        elif method in ACCOUNT_READS and isinstance(answer.get("result"), dict):
            answer = self._accounts(request, answer)
        return _reply({**answer, "id": request.get("id")})

    def _fires(self, name: str) -> bool:
        return self.faults.fires(name, self._now())

    async def _malformed(self, request: dict[str, Any]) -> Reply:
        """F-04: eight things that are no answer."""
        answer = await self._forward(request)
        text = json.dumps({**answer, "id": request.get("id")}).encode()
        html = b"<html><head><title>502 Bad Gateway</title></head></html>"
        variants = (
            Reply(502, html, {"content-type": "text/html"}),
            Reply(429, b"Too Many Requests", {"retry-after": "1"}),
            Reply(410, b'{"jsonrpc":"2.0","error":{"code":410,"message":"Gone"},"id":"1"}'),
            Reply(200, text[: max(len(text) // 2, 1)]),
            Reply(200, b""),
            _reply({"jsonrpc": "2.0", "id": -1, "result": answer.get("result")}),
            _reply({"jsonrpc": "2.0", "id": request.get("id"), "error": {"code": -32005, "message": "Node is behind"}}),
            Reply(200, b"[" + text + b"]"),
        )
        return variants[self.faults.choice("malformed", len(variants))]

    async def _send(self, request: dict[str, Any]) -> Reply:
        """What can become of a sent transaction: all that a network does with one."""
        wire = base64.b64decode(request["params"][0])
        signature = str(Signature.from_bytes(wire[1:65]))
        accepted = _reply({"jsonrpc": "2.0", "id": request.get("id"), "result": signature})
        if self._fires("lost"):
            return accepted
        if self._fires("forked"):
            self._forked[signature] = (self._now() + self.faults.between("forked", FORK_S), self._slot)
            return accepted
        if self._fires("late"):
            self._spawn(self._later(request, self.faults.between("late", LATE_S)))
            return accepted
        if self._fires("doubled"):
            self._spawn(self._later(request, 0.05))
        answer = await self._forward(request)
        if self._fires("unanswered"):
            raise Dropped
        return _reply({**answer, "id": request.get("id")})

    async def _later(self, request: dict[str, Any], seconds: float) -> None:
        await self._sleep(seconds)
        await self._forward(request)

    def _tell_fork(self, request: dict[str, Any], answer: dict[str, Any]) -> None:
        """F-11: what was on the other branch is confirmed until it was never there."""
        values = answer.get("result", {}).get("value", [])
        for at, signature in enumerate(request["params"][0]):
            until, slot = self._forked.get(signature, (0.0, 0))
            if self._now() < until and at < len(values) and values[at] is None:
                values[at] = {"slot": slot, "confirmations": 1, "err": None, "confirmationStatus": "confirmed"}

    def _blockhash(self, answer: dict[str, Any]) -> dict[str, Any]:
        """F-07: one that has expired, or soon will."""
        self._blockhashes.append((self._now(), answer))
        return self._blockhashes[0][1] if len(self._blockhashes) > 1 and self._fires("expired") else answer

    def _accounts(self, request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        """F-03, F-17, F-23, F-25: accounts of before, a clock that differs, bytes that are none of this program."""
        now_s, params = self._now(), request["params"]
        slot = int(answer["result"]["context"]["slot"])
        self._slot = max(self._slot, slot)
        if params[0] == CLOCK_ADDRESS:
            return self._clock(answer)
        old = self._older(str(request["method"]), params, answer, now_s)
        if old is not None and self._fires("stale"):
            return _behind(old, _options(params).get("minContextSlot"))
        if old is not None and self._fires("lying"):
            return {**old, "result": {**old["result"], "context": {**old["result"]["context"], "slot": slot}}}
        for name in ("garbled", "renewed"):
            if self._fires(name):
                answer = json.loads(json.dumps(answer))
                _spoil(answer["result"], name, self.faults)
        return answer

    def _older(self, method: str, params: list[Any], answer: dict[str, Any], now_s: float) -> dict[str, Any] | None:
        """The same request as it would have been answered seconds ago, as far as that is known; None: it is not."""
        result = answer["result"]
        if method == "getProgramAccounts":
            kept = {"": result["value"]}
            name = json.dumps(_options(params).get("filters"))
        else:
            values = result["value"] if isinstance(result["value"], list) else [result["value"]]
            kept = dict(zip([params[0]] if isinstance(params[0], str) else params[0], values, strict=False))
            name = json.dumps(_options(params).get("dataSlice"))
        slots, before = [], {}
        for key, value in kept.items():
            past = self._history.setdefault(name + key, deque(maxlen=HISTORY))
            past.append((now_s, {"slot": int(result["context"]["slot"]), "value": value}))
            found = next((one for at, one in reversed(past) if now_s - at >= STALE_S), None)
            before[key] = value if found is None else found["value"]
            slots += [] if found is None else [found["slot"]]
        while len(self._history) > HISTORIES_MAX:
            del self._history[next(iter(self._history))]
        if not slots:
            return None
        listed = list(before.values())
        whole = listed if isinstance(result["value"], list) and method != "getProgramAccounts" else listed[0]
        return {**answer, "result": {"context": {**result["context"], "slot": min(slots)}, "value": whole}}

    def _clock(self, answer: dict[str, Any]) -> dict[str, Any]:
        if answer["result"]["value"] is None or not self._fires("skewed"):
            return answer
        answer = json.loads(json.dumps(answer))
        data = bytearray(base64.b64decode(answer["result"]["value"]["data"][0]))
        at = slice(CLOCK_TIME_AT, CLOCK_TIME_AT + 8)
        off_s = 1 + self.faults.choice("skewed", SKEW_MOST_S)
        data[at] = (int.from_bytes(data[at], "little") + off_s).to_bytes(8, "little")
        answer["result"]["value"]["data"][0] = base64.b64encode(data).decode()
        return answer


def _reply(answer: dict[str, Any]) -> Reply:
    return Reply(200, json.dumps(answer).encode(), {"content-type": "application/json"})


def _options(params: list[Any]) -> dict[str, Any]:
    return dict(params[1]) if len(params) > 1 and isinstance(params[1], dict) else {}


def _behind(old: dict[str, Any], least_slot: int | None) -> dict[str, Any]:
    """What a node that lags says: an error to whom names the slot that it has seen, old accounts to everybody else."""
    if least_slot is not None and int(old["result"]["context"]["slot"]) < least_slot:
        fault = {"code": MIN_CONTEXT_SLOT_NOT_REACHED, "message": "Minimum context slot has not been reached"}
        return {"jsonrpc": "2.0", "error": fault}
    return old


def spoiled(data: bytes, variant: int) -> bytes:
    """Bytes of an account that are none: cut, empty, of another kind, one byte too many, turned over."""
    if variant == 0:
        return data[: len(data) // 2]
    if variant == 1:
        return b""
    if variant == 2:
        return bytes(8) + data[8:]
    if variant == 3:
        return data + b"\0"
    return data[:8] + bytes(byte ^ 0xFF for byte in data[8:])


def _spoil(result: dict[str, Any], name: str, faults: Faults) -> None:
    """Spoil one account of an answer: its bytes, or their length as another version of the program would."""
    value = result["value"]
    entries = value if isinstance(value, list) else [value]
    accounts = [entry.get("account", entry) for entry in entries if entry]
    if not accounts:
        return
    account = accounts[faults.choice(name, len(accounts))]
    data = base64.b64decode(account["data"][0])
    changed = spoiled(data, faults.choice(name, 5)) if name == "garbled" else data + bytes(64)
    account["data"][0] = base64.b64encode(changed).decode()


class FaultySocket:
    """What of a subscription's messages arrives, how often and in which order."""

    def __init__(self, faults: Faults, *, now: Callable[[], float]) -> None:
        self.faults = faults
        self._now = now
        self._held: str | None = None
        self._silent = False

    def pass_on(self, message: str) -> list[str]:
        """What arrives for one message of the node. Raises `Dropped` where the connection ends."""
        now_s = self._now()
        if self._silent or self.faults.fires("silent", now_s):
            # This connection never says anything again: only its reader can end it.
            self._silent = True
            return []
        if self.faults.fires("cut", now_s):
            raise Dropped
        if "Notification" not in message:
            return [message]
        if self.faults.fires("missed", now_s):
            return []
        found = [message]
        if self.faults.fires("repeated", now_s):
            found = [message, message]
        if self.faults.fires("torn", now_s):
            found = [message[: len(message) // 2]]
        if self._held is not None:
            found, self._held = [*found, self._held], None
        elif self.faults.fires("reordered", now_s):
            self._held = message
            found = []
        if self.faults.fires("flooded", now_s):
            found += _flood(message)
        return found


def _flood(message: str) -> list[str]:
    """F-22: notifications of thousands of accounts that nobody knows, of the slot that a message tells."""
    result = json.loads(message)["params"]["result"]
    slot = result.get("slot") or result.get("context", {}).get("slot", 0)
    account = {"data": ["", "base64"], "owner": str(Pubkey.default()), "lamports": 0, "executable": False}
    flood = []
    for number in range(FLOOD):
        value = {"pubkey": str(Pubkey.from_bytes(number.to_bytes(32, "big"))), "account": account}
        params = {"subscription": 0, "result": {"context": {"slot": slot}, "value": value}}
        flood.append(json.dumps({"jsonrpc": "2.0", "method": "programNotification", "params": params}))
    return flood
