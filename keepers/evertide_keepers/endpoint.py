"""GET /health, /report and /metrics over plain HTTP on this machine."""

from __future__ import annotations

import asyncio
import errno
import json
from typing import TYPE_CHECKING

from .errors import PortInUse

if TYPE_CHECKING:
    from .spine import Spine

REQUEST_TIMEOUT_S = 5.0
HEAD_BYTES_MAX = 8192
CONNECTIONS_MAX = 32
HOST = "127.0.0.1"


async def serve(spine: Spine, port: int) -> asyncio.Server:
    """Serve on 127.0.0.1; port 0 takes a free one. Raises `PortInUse`."""
    open_now = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now
        open_now += 1
        try:
            if open_now > CONNECTIONS_MAX:
                return
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
            status, kind, body = respond(spine, head.split(b"\r\n", 1)[0].decode("ascii", "replace"))
            lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close"]
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            open_now -= 1
            writer.close()

    try:
        return await asyncio.start_server(answer, HOST, port, limit=HEAD_BYTES_MAX)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise PortInUse("health_port", f"{HOST}:{port}, which somebody else listens on", "a free port") from None


def respond(spine: Spine, request: str) -> tuple[str, str, bytes]:
    """`(status, content type, body)` of a request line."""
    if request.startswith("GET /health "):
        report = spine.report()
        status = "200 OK" if report["healthy"] else "503 Service Unavailable"
        return status, "application/json", json.dumps(report).encode()
    if request.startswith("GET /report "):
        return "200 OK", "application/json", json.dumps(spine.books.report()).encode()
    if request.startswith("GET /metrics "):
        return "200 OK", "text/plain; version=0.0.4", spine.metrics.text()
    return "404 Not Found", "text/plain", b"GET /health, /report or /metrics\n"
