"""GET /health and GET /metrics over plain HTTP on this machine."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .spine import Spine

REQUEST_TIMEOUT_S = 5.0
HEAD_BYTES_MAX = 8192


async def serve(spine: Spine, port: int) -> asyncio.Server:
    """Serve on 127.0.0.1; port 0 takes a free one."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), REQUEST_TIMEOUT_S)
            status, kind, body = respond(spine, head.split(b"\r\n", 1)[0].decode("ascii", "replace"))
            lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close"]
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            await asyncio.wait_for(writer.drain(), REQUEST_TIMEOUT_S)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", port, limit=HEAD_BYTES_MAX)


def respond(spine: Spine, request: str) -> tuple[str, str, bytes]:
    """`(status, content type, body)` of a request line."""
    now_ms = spine.state.time.unix_ms
    if request.startswith("GET /health "):
        report = spine.health.report(now_ms)
        report["journal_error"] = None if spine.journal is None else spine.journal.error
        status = "200 OK" if report["healthy"] else "503 Service Unavailable"
        return status, "application/json", json.dumps(report).encode()
    if request.startswith("GET /metrics "):
        return "200 OK", "text/plain; version=0.0.4", spine.health.metrics(now_ms)
    return "404 Not Found", "text/plain", b"GET /health or GET /metrics\n"
