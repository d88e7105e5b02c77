"""An RPC proxy that enforces before Surfpool what a real node enforces and Surfpool does not.

- A sent transaction is simulated against the state of now, then lands at the next slot: nobody sees its effects before.
- Preflight knows only blockhashes of its own commitment, and the default commitment is `finalized`.
- At most 100 accounts and 256 signatures in one call; JSON-RPC batches are served; cheats do not exist.
- Signatures are verified, packets have at most 1,232 bytes, a landed transaction cannot be sent again.
"""

from __future__ import annotations

import base64
import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from solders.transaction import VersionedTransaction

PACKET_BYTES = 1_232
KEYS_MAX = 100
SIGNATURES_MAX = 256
RANKS = {"processed": 0, "confirmed": 1, "finalized": 2}
SLOTS_UNTIL = {"processed": 0, "confirmed": 1, "finalized": 32}
INVALID_PARAMS = -32602
METHOD_NOT_FOUND = -32601
PREFLIGHT_FAILED = -32002
BAD_SIGNATURE = -32003


class Refusal(Exception):
    """An error answer."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.answer = {"code": code, "message": message} | ({} if data is None else {"data": data})


class StrictProxy:
    """The proxy's state; `url` is where it listens. Use `strict_proxy()` to run one."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self._http = httpx.Client(timeout=30, trust_env=False)
        self._lock = threading.Lock()
        self._queue: deque[str] = deque()
        self._pending: set[str] = set()
        # Blockhash to (rank of the commitment that it was asked with, slot at which it was given out).
        self._blockhashes: dict[str, tuple[int, int]] = {}
        self._stopped = threading.Event()
        self.refusals: list[dict[str, Any]] = []
        self.dropped: list[dict[str, Any]] = []
        self.url = ""

    def ask(self, method: str, params: list[Any]) -> dict[str, Any]:
        """One call upstream, the whole answer."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return dict(self._http.post(self.upstream, json=body).json())

    def slot(self) -> int:
        return int(self.ask("getSlot", [{"commitment": "processed"}])["result"])

    def serve(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request."""
        head = {"jsonrpc": "2.0", "id": request.get("id")}
        try:
            answer = self._answer(str(request.get("method")), list(request.get("params") or []))
        except Refusal as refusal:
            self.refusals.append(refusal.answer)
            return {**head, "error": refusal.answer}
        return {**answer, **head}

    def _answer(self, method: str, params: list[Any]) -> dict[str, Any]:
        if method.startswith("surfnet_"):
            raise Refusal(METHOD_NOT_FOUND, "Method not found")
        if method == "getMultipleAccounts" and len(params[0]) > KEYS_MAX:
            raise Refusal(INVALID_PARAMS, f"Too many inputs provided; max {KEYS_MAX}")
        if method == "getSignatureStatuses" and len(params[0]) > SIGNATURES_MAX:
            raise Refusal(INVALID_PARAMS, f"Too many inputs provided; max {SIGNATURES_MAX}")
        if method == "sendTransaction":
            return {"result": self._send(params)}
        if method == "simulateTransaction":
            self._check_simulation(params)
        answer = self.ask(method, params)
        if method == "getLatestBlockhash" and "result" in answer:
            self._remember_blockhash(answer["result"], options_of(params, 0))
        return answer

    def _remember_blockhash(self, result: dict[str, Any], options: dict[str, Any]) -> None:
        rank = RANKS[options.get("commitment", "finalized")]
        blockhash = result["value"]["blockhash"]
        with self._lock:
            known = self._blockhashes.get(blockhash)
            if known is None or known[0] < rank:
                self._blockhashes[blockhash] = (rank, self.slot())

    def _require_blockhash(self, transaction: VersionedTransaction, commitment: str) -> None:
        blockhash = str(transaction.message.recent_blockhash)
        with self._lock:
            known = self._blockhashes.get(blockhash)
        if known is not None:
            rank, given_slot = known
            if rank >= RANKS[commitment] or self.slot() - given_slot >= SLOTS_UNTIL[commitment]:
                return
        data = {"err": "BlockhashNotFound", "logs": [], "accounts": None, "unitsConsumed": 0}
        raise Refusal(PREFLIGHT_FAILED, "Transaction simulation failed: Blockhash not found", data)

    def _check_simulation(self, params: list[Any]) -> None:
        options = options_of(params, 1)
        if not options.get("replaceRecentBlockhash"):
            transaction = decode(params[0], options)
            self._require_blockhash(transaction, options.get("commitment", "finalized"))

    def _send(self, params: list[Any]) -> str:
        options = options_of(params, 1)
        transaction = decode(params[0], options)
        signature = str(transaction.signatures[0])
        if not all(transaction.verify_with_results()):
            raise Refusal(BAD_SIGNATURE, "Transaction signature verification failure")
        if not options.get("skipPreflight"):
            self._preflight(transaction, params[0], options, signature)
        wire = base64.b64encode(bytes(transaction)).decode()
        with self._lock:
            if signature not in self._pending:
                self._pending.add(signature)
                self._queue.append(wire)
        return signature

    def _preflight(self, transaction: VersionedTransaction, wire: str, options: dict[str, Any], signature: str) -> None:
        commitment = options.get("preflightCommitment", "finalized")
        if self.ask("getSignatureStatuses", [[signature]])["result"]["value"][0] is not None:
            data = {"err": "AlreadyProcessed", "logs": [], "accounts": None, "unitsConsumed": 0}
            message = "Transaction simulation failed: This transaction has already been processed"
            raise Refusal(PREFLIGHT_FAILED, message, data)
        self._require_blockhash(transaction, commitment)
        encoding = {"encoding": options.get("encoding", "base58"), "commitment": commitment}
        answer = self.ask("simulateTransaction", [wire, encoding])
        if "error" in answer:
            fault = answer["error"]
            raise Refusal(PREFLIGHT_FAILED, str(fault["message"]), fault.get("data") or {"err": None, "logs": []})
        value = answer["result"]["value"]
        if value["err"] is not None:
            raise Refusal(PREFLIGHT_FAILED, f"Transaction simulation failed: {value['err']}", value)

    def pump(self) -> None:
        """Until stopped: at each new slot forward what was sent in the slot before."""
        seen = self.slot()
        while not self._stopped.wait(0.003):
            slot = self.slot()
            if slot == seen:
                continue
            seen = slot
            with self._lock:
                batch = list(self._queue)
                self._queue.clear()
            for wire in batch:
                answer = self.ask("sendTransaction", [wire, {"encoding": "base64", "skipPreflight": True}])
                if "error" in answer:
                    # A node has long answered the sender; such a transaction is never seen again.
                    self.dropped.append(answer["error"])

    def stop(self) -> None:
        self._stopped.set()


def options_of(params: list[Any], at: int) -> dict[str, Any]:
    """The options object of a call, empty without one."""
    return dict(params[at]) if len(params) > at and params[at] else {}


def decode(wire: str, options: dict[str, Any]) -> VersionedTransaction:
    """The transaction of a call. A node takes base58 unless told otherwise; nobody here should."""
    if options.get("encoding") != "base64":
        raise Refusal(INVALID_PARAMS, "base58 is slow and deprecated: send base64")
    raw = base64.b64decode(wire)
    if len(raw) > PACKET_BYTES:
        raise Refusal(INVALID_PARAMS, f"base64 encoded transaction too large: {len(raw)} bytes (max: {PACKET_BYTES})")
    try:
        return VersionedTransaction.from_bytes(raw)
    except ValueError as error:
        raise Refusal(INVALID_PARAMS, f"failed to deserialize transaction: {error}") from error


def handler_for(proxy: StrictProxy) -> type[BaseHTTPRequestHandler]:
    """The HTTP face of a proxy."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Small answers must not wait for the other side's delayed acknowledgement.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = [proxy.serve(each) for each in body] if isinstance(body, list) else proxy.serve(body)
            text = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            """Tests print what matters."""

    return Handler


@contextmanager
def strict_proxy(upstream: str) -> Iterator[StrictProxy]:
    """Run a proxy before a validator; `proxy.url` serves until the block ends."""
    proxy = StrictProxy(upstream)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(proxy))
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    threads = [threading.Thread(target=work, daemon=True) for work in (server.serve_forever, proxy.pump)]
    for thread in threads:
        thread.start()
    try:
        yield proxy
    finally:
        proxy.stop()
        server.shutdown()
        server.server_close()
        for thread in threads:
            thread.join(5)
