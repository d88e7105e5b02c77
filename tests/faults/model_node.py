"""A node of the chain in memory: JSON-RPC and subscriptions, as real ones answer."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from typing import Any

import httpx
from model_chain import BLOCKHASH_SLOTS, DEPTH, PURSE_LAMPORTS, Chain
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from evertide import PROGRAM_ID
from evertide._pda import program_data_address
from faulty_rpc import Dropped, Faults, FaultyRpc, FaultySocket

CLOCK = "SysvarC1ock11111111111111111111111111111111"
GENESIS = "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY"
LOADER = "BPFLoaderUpgradeab1e11111111111111111111111"
LATENCY_S = 0.01
POLL_S = 0.1
UNITS = 50_000


class Node:
    """Answers for one chain. `behind_slots`: a node that lags; `programs`: accounts of the loader by address."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.behind_slots = 0
        self.calls: list[str] = []
        self.programs: dict[str, dict[str, Any]] = {str(PROGRAM_ID): program_account(b"")}

    def deploy(self, slot: int) -> None:
        """The program was deployed at a slot, by the upgradeable loader."""
        where = program_data_address(PROGRAM_ID)
        head = (3).to_bytes(4, "little") + slot.to_bytes(8, "little") + bytes(33)
        self.programs[str(where)] = account_json(head + bytes(64), LOADER, {})

    async def forward(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request, after the way there and back."""
        await asyncio.sleep(LATENCY_S)
        answer = self.answer(request)
        await asyncio.sleep(LATENCY_S)
        return answer

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer, at once."""
        method, params = str(request["method"]), list(request.get("params") or [])
        self.calls.append(method)
        head = {"jsonrpc": "2.0", "id": request.get("id")}
        options = next((one for one in params if isinstance(one, dict)), {})
        slot = self._seen(options.get("commitment", "confirmed"))
        if slot < int(options.get("minContextSlot", 0)):
            return {**head, "error": {"code": -32016, "message": "Minimum context slot has not been reached"}}
        handler = getattr(self, method, None)
        if handler is None:
            return {**head, "error": {"code": -32601, "message": f"Method not found: {method}"}}
        try:
            return {**head, "result": handler(params, options)}
        except ValueError as error:
            return {**head, "error": {"code": -32602, "message": str(error)}}

    def _seen(self, commitment: str) -> int:
        return self.chain.slot - DEPTH[commitment] - self.behind_slots

    def _read(self, options: dict[str, Any]) -> tuple[int, dict[Pubkey, bytes]]:
        commitment = options.get("commitment", "confirmed")
        slot, accounts = self.chain.at(commitment)
        if self.behind_slots:
            slot = self._seen(commitment)
            accounts = next((found for since, found in reversed(self.chain._history) if since <= slot), {})
        return slot, accounts

    def _context(self, slot: int, value: Any) -> dict[str, Any]:
        return {"context": {"slot": slot, "apiVersion": "4.1.2"}, "value": value}

    def _account(self, key: str, accounts: dict[Pubkey, bytes], slot: int, options: dict[str, Any]) -> Any:
        if key == CLOCK:
            unix_s = self.chain.unix_s
            data = slot.to_bytes(8, "little") + bytes(24) + unix_s.to_bytes(8, "little")
            return account_json(data, "Sysvar1111111111111111111111111111111111111", options)
        if key in self.programs:
            return self.programs[key]
        data_or_none = accounts.get(Pubkey.from_string(key))
        return None if data_or_none is None else account_json(data_or_none, str(PROGRAM_ID), options)

    def getAccountInfo(self, params: list[Any], options: dict[str, Any]) -> Any:
        slot, accounts = self._read(options)
        return self._context(slot, self._account(params[0], accounts, slot, options))

    def getMultipleAccounts(self, params: list[Any], options: dict[str, Any]) -> Any:
        slot, accounts = self._read(options)
        return self._context(slot, [self._account(key, accounts, slot, options) for key in params[0]])

    def getProgramAccounts(self, params: list[Any], options: dict[str, Any]) -> Any:
        slot, accounts = self._read(options)
        filters = [
            (one["memcmp"]["offset"], base64.b64decode(one["memcmp"]["bytes"])) for one in options.get("filters", [])
        ]
        found = [
            {"pubkey": str(key), "account": account_json(data, str(PROGRAM_ID), options)}
            for key, data in accounts.items()
            if all(data[at : at + len(wanted)] == wanted for at, wanted in filters)
        ]
        return self._context(slot, found)

    def getSlot(self, params: list[Any], options: dict[str, Any]) -> int:
        return self._seen(options.get("commitment", "confirmed"))

    def getBlockHeight(self, params: list[Any], options: dict[str, Any]) -> int:
        return self._seen(options.get("commitment", "confirmed"))

    def getGenesisHash(self, params: list[Any], options: dict[str, Any]) -> str:
        return GENESIS

    def getHealth(self, params: list[Any], options: dict[str, Any]) -> str:
        return "ok"

    def getVersion(self, params: list[Any], options: dict[str, Any]) -> Any:
        return {"solana-core": "4.1.2", "feature-set": 1}

    def getBalance(self, params: list[Any], options: dict[str, Any]) -> Any:
        slot, _ = self._read(options)
        return self._context(slot, self.chain.lamports.get(Pubkey.from_string(params[0]), PURSE_LAMPORTS))

    def getLatestBlockhash(self, params: list[Any], options: dict[str, Any]) -> Any:
        slot = self._seen(options.get("commitment", "confirmed"))
        value = {"blockhash": self.chain.blockhash(slot), "lastValidBlockHeight": slot + BLOCKHASH_SLOTS}
        return self._context(slot, value)

    def getRecentPrioritizationFees(self, params: list[Any], options: dict[str, Any]) -> list[Any]:
        return []

    def simulateTransaction(self, params: list[Any], options: dict[str, Any]) -> Any:
        refused = self.chain.simulate(VersionedTransaction.from_bytes(base64.b64decode(params[0])))
        err = None if refused is None else error_json(int(refused.error.CODE))
        value = {"err": err, "logs": [], "unitsConsumed": UNITS, "returnData": None, "innerInstructions": []}
        return self._context(self.chain.slot, value)

    def sendTransaction(self, params: list[Any], options: dict[str, Any]) -> str:
        transaction = VersionedTransaction.from_bytes(base64.b64decode(params[0]))
        if not all(transaction.verify_with_results()):
            raise ValueError("Transaction signature verification failure")
        return self.chain.receive(transaction)

    def getSignatureStatuses(self, params: list[Any], options: dict[str, Any]) -> Any:
        values: list[Any] = []
        for signature in params[0]:
            found = self.chain.status(signature)
            if found is None or found.slot > self._seen("processed"):
                values.append(None)
                continue
            age = self.chain.slot - self.behind_slots - found.slot
            level = "finalized" if age >= DEPTH["finalized"] else "confirmed" if age >= 2 else "processed"
            err = None if found.code is None else error_json(found.code)
            confirmations = None if level == "finalized" else age
            values.append({"slot": found.slot, "confirmations": confirmations, "err": err, "confirmationStatus": level})
        return self._context(self.chain.slot, values)

    def getTransaction(self, params: list[Any], options: dict[str, Any]) -> Any:
        found = self.chain.status(params[0])
        if found is None:
            return None
        err = None if found.code is None else error_json(found.code)
        meta = {"err": err, "logMessages": [], "fee": 5_000, "computeUnitsConsumed": UNITS, "innerInstructions": []}
        message = {"accountKeys": [str(found.payer)]}
        return {"slot": found.slot, "meta": meta, "transaction": {"signatures": [params[0]], "message": message}}


def account_json(data: bytes, owner: str, options: dict[str, Any]) -> dict[str, Any]:
    """An account as JSON-RPC shows it."""
    part = options.get("dataSlice")
    shown = data if part is None else data[part["offset"] : part["offset"] + part["length"]]
    text = base64.b64encode(shown).decode()
    return {"data": [text, "base64"], "owner": owner, "lamports": 1_000_000, "executable": False, "rentEpoch": 0}


def program_account(data: bytes) -> dict[str, Any]:
    """The program's own account."""
    return {**account_json(data, LOADER, {}), "executable": True}


def error_json(code: int) -> Any:
    """An error of the program as a node tells it."""
    return {"InstructionError": [0, {"Custom": code}]}


class Socket:
    """A subscription to a node: what changed, slots, signatures; asked for, never pushed."""

    def __init__(self, node: Node, faults: Faults) -> None:
        loop = asyncio.get_running_loop()
        self.node = node
        self.open = True
        self._pass = FaultySocket(faults, now=loop.time)
        self._queue: deque[str] = deque()
        self._kinds: dict[str, tuple[int, dict[str, Any]]] = {}
        self._signatures: dict[str, int] = {}
        self._seen: dict[Pubkey, bytes] = {}
        self._slot = 0

    async def send(self, text: str) -> None:
        """A request: subscribe to something."""
        await asyncio.sleep(LATENCY_S)
        if not self.open:
            raise OSError("the connection is closed")
        request = json.loads(text)
        number, method, params = int(request["id"]), request["method"], request.get("params") or []
        options = next((one for one in params if isinstance(one, dict)), {})
        if method == "signatureSubscribe":
            self._signatures[params[0]] = number
        else:
            self._kinds[method] = (number, options)
            self._seen = dict(self.node._read(options)[1])
            self._slot = self.node._seen("processed")
        self._queue.append(json.dumps({"jsonrpc": "2.0", "id": number, "result": number}))

    async def recv(self) -> str:
        """The next message. Raises an OSError when the connection is lost."""
        while True:
            if not self.open:
                raise OSError("the connection is closed")
            if self._queue:
                return self._queue.popleft()
            await asyncio.sleep(POLL_S)
            try:
                for message in self._fresh():
                    self._queue.extend(self._pass.pass_on(message))
            except Dropped:
                self.open = False

    async def close(self) -> None:
        """The reader goes."""
        self.open = False

    def _fresh(self) -> list[str]:
        found: list[str] = []
        if "slotSubscribe" in self._kinds and self.node._seen("processed") > self._slot:
            self._slot = self.node._seen("processed")
            found.append(self._told("slot", self._kinds["slotSubscribe"][0], {"slot": self._slot}))
        if "programSubscribe" in self._kinds:
            number, options = self._kinds["programSubscribe"]
            slot, accounts = self.node._read(options)
            for key in [*accounts, *(key for key in self._seen if key not in accounts)]:
                data = accounts.get(key)
                if data != self._seen.get(key):
                    value = {"pubkey": str(key), "account": account_json(data or b"", str(PROGRAM_ID), options)}
                    found.append(self._told("program", number, {"context": {"slot": slot}, "value": value}))
            self._seen = dict(accounts)
        for signature, number in list(self._signatures.items()):
            status = self.node.chain.status(signature)
            if status is not None and self.node.chain.slot - status.slot >= DEPTH["confirmed"]:
                del self._signatures[signature]
                value = {"err": None}
                found.append(self._told("signature", number, {"context": {"slot": status.slot}, "value": value}))
        return found

    def _told(self, kind: str, subscription: int, result: Any) -> str:
        params = {"subscription": subscription, "result": result}
        return json.dumps({"jsonrpc": "2.0", "method": f"{kind}Notification", "params": params})


class Transport(httpx.AsyncBaseTransport):
    """The network between one process and one node, with its faults. A process that died sends nothing more."""

    def __init__(self, node: Node, faults: Faults) -> None:
        loop = asyncio.get_running_loop()
        self.dead = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._rpc = FaultyRpc(node.forward, faults, now=loop.time, sleep=asyncio.sleep, spawn=self._spawn)

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.dead:
            raise httpx.ConnectError("the process is dead")
        try:
            reply = await self._rpc.serve(json.loads(request.content))
        except Dropped:
            raise httpx.RemoteProtocolError("the connection ended without an answer") from None
        return httpx.Response(reply.status, content=reply.body, headers=reply.headers)
