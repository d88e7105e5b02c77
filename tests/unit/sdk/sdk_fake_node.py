"""A node made of rules, behind httpx.MockTransport: blocks, statuses and every kind of trouble on request."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

Handler = Callable[[list[Any]], Any]
VALID_BLOCKS = 150


class Refuse(Exception):
    """Answer with a JSON-RPC error."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.body = {"code": code, "message": message} | ({} if data is None else {"data": data})


class FakeNode:
    """`lands_after` polls a sent transaction is confirmed; None: never. `on[method]` replaces a method's answer."""

    def __init__(self) -> None:
        self.height = 1000
        self.height_step = 0
        self.lands_after: int | None = 1
        self.err: Any = None
        self.calls: list[tuple[str, list[Any]]] = []
        self.sent: list[bytes] = []
        self.options: list[dict[str, Any]] = []
        self.polls = 0
        self.on: dict[str, Handler] = {}
        self.transport = httpx.MockTransport(self.answer)

    def count(self, method: str) -> int:
        return sum(1 for name, _ in self.calls if name == method)

    def answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        method, params = body["method"], body["params"]
        self.calls.append((method, params))
        handler = self.on.get(method, getattr(self, method, None))
        assert handler is not None, f"the fake node does not serve {method}"
        try:
            result = handler(params)
        except Refuse as refusal:
            return httpx.Response(200, json={"jsonrpc": "2.0", "id": body["id"], "error": refusal.body})
        if isinstance(result, httpx.Response):
            return result
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": body["id"], "result": result})

    def getLatestBlockhash(self, _: list[Any]) -> Any:
        text = str(Hash(bytes(Pubkey.create_with_seed(Pubkey.default(), str(self.height), Pubkey.default()))))
        value = {"blockhash": text, "lastValidBlockHeight": self.height + VALID_BLOCKS}
        return {"context": {"slot": self.height}, "value": value}

    def getBlockHeight(self, _: list[Any]) -> int:
        self.height += self.height_step
        return self.height

    def getRecentPrioritizationFees(self, _: list[Any]) -> list[Any]:
        return []

    def simulateTransaction(self, _: list[Any]) -> Any:
        value = {"err": None, "logs": [], "unitsConsumed": 1000, "returnData": None}
        return {"context": {"slot": self.height}, "value": value}

    def sendTransaction(self, params: list[Any]) -> str:
        wire = base64.b64decode(params[0])
        self.sent.append(wire)
        self.options.append(params[1])
        return str(VersionedTransaction.from_bytes(wire).signatures[0])

    def getSignatureStatuses(self, params: list[Any]) -> Any:
        self.polls += 1
        landed = self.lands_after is not None and self.sent and self.polls >= self.lands_after
        status = {"slot": 77, "confirmations": 1, "err": self.err, "confirmationStatus": "confirmed"}
        return {"context": {"slot": self.height}, "value": [status if landed else None for _ in params[0]]}

    def getTransaction(self, params: list[Any]) -> Any:
        meta = {
            "err": self.err,
            "logMessages": ["Program log: evertide: 3 4"],
            "fee": 5000,
            "computeUnitsConsumed": 950,
            "innerInstructions": [],
        }
        message = {"accountKeys": [str(Pubkey.default())]}
        return {"slot": 77, "meta": meta, "transaction": {"signatures": [params[0]], "message": message}}
