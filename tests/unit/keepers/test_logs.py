"""Logs: one JSON object a line, no secret anywhere, nobody waits for them."""

from __future__ import annotations

import io
import json
import logging
import threading
import time
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.keypair import Keypair

from evertide import RpcClient
from evertide.errors import TransportError, UsageError
from evertide_keepers import ConfigError, HermesSource, KeeperConfig, SourceError
from evertide_keepers.logs import REDACTED, DroppingQueue, Logging, Redactor, log
from evertide_keepers.secrecy import collect, of_key

KEY = Keypair.from_seed(bytes(range(32)))
URL = "https://someone:hunter2secret@node.test:8899/v1/0123456789abcdef?api-key=topsecretvalue"
SECRETS = ("hunter2secret", "0123456789abcdef", "topsecretvalue", str(KEY), bytes(KEY).hex())


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_an_object_with_its_fields() -> None:
    stream = io.StringIO()
    logging_ = Logging(stream=stream)
    log(logging.WARNING, "alarm", kind="low_balance", amounts=[1, 2])
    log(logging.DEBUG, "unseen")
    logging_.close()
    (line,) = lines_of(stream)
    assert line.pop("time").endswith("Z")
    assert line == {"level": "warning", "event": "alarm", "kind": "low_balance", "amounts": [1, 2]}


def test_no_secret_of_a_key_or_an_address_gets_through() -> None:
    stream = io.StringIO()
    logging_ = Logging(collect([URL], [KEY]), stream=stream)
    for secret in [*SECRETS, *of_key(KEY), URL]:
        log(logging.INFO, f"said {secret}", field=secret, nested={"deep": [secret]})
    try:
        raise ValueError(f"{URL} {KEY}")
    except ValueError:
        logging.getLogger("evertide.keepers").exception("failed")
    logging.getLogger("httpx").info("HTTP Request: POST %s", URL)
    logging_.close()
    text = stream.getvalue()
    assert REDACTED in text and "node.test" in text
    for secret in [*SECRETS, *of_key(KEY)]:
        assert secret not in text and json.dumps(secret)[1:-1] not in text


@given(st.lists(st.text(st.characters(codec="ascii"), min_size=6), max_size=5), st.text(), st.text())
def test_what_is_known_is_taken_out_wherever_it_stands(secrets: list[str], before: str, after: str) -> None:
    redact = Redactor(secrets)
    for secret in secrets:
        rest = redact(before + secret + after).replace(REDACTED, "")
        assert secret not in rest or secret in before + after


async def test_no_error_of_a_node_a_source_or_a_configuration_shows_a_secret() -> None:
    found: list[Exception] = []

    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"cannot reach {request.url} of {URL}")

    for transport in (httpx.MockTransport(broken), httpx.MockTransport(lambda _: httpx.Response(403, text="no"))):
        async with RpcClient(URL, transport=transport) as rpc:
            with pytest.raises(TransportError) as caught:
                await rpc.get_slot()
            found.append(caught.value)
        source = HermesSource(URL, {"A": "ab"}, transport=transport)
        with pytest.raises(SourceError) as refused:
            await source.prices(["A"], 1)
        found.append(refused.value)
        await source.close()
    with pytest.raises(ConfigError) as config:
        KeeperConfig(rpc_url=URL.replace("https", "gopher"))
    with pytest.raises(UsageError) as usage:
        RpcClient(URL.replace("https", "gopher"))
    for error in [*found, config.value, usage.value]:
        text = f"{error} {error!r} {vars(error)!r}"
        assert not any(secret in text for secret in SECRETS), text


class Blocked(io.StringIO):
    """A stream that hangs until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()

    def write(self, text: str) -> int:
        assert self.free.wait(10)
        return super().write(text)


def test_a_reader_that_hangs_holds_nobody_up_and_what_was_dropped_is_told() -> None:
    """F-35: bounded, counted, told by the next line that gets through."""
    stream = Blocked()
    logging_ = Logging(stream=stream, lines_max=5)
    for number in range(100):
        log(logging.INFO, "line", number=number)
    dropped = logging_.dropped
    assert 90 <= dropped <= 95
    stream.free.set()
    for _ in range(200):
        if stream.getvalue().count("\n") >= 100 - dropped:
            break
        time.sleep(0.01)
    log(logging.INFO, "after")
    logging_.close()
    assert lines_of(stream)[-1]["lines_dropped"] == dropped


def test_a_stream_that_fails_counts_its_lines() -> None:
    """F-35: a full disk behind standard error."""
    with open("/dev/full", "w", buffering=1) as stream:
        logging_ = Logging(stream=stream)
        log(logging.INFO, "lost")
        logging_.close()
        assert logging_.dropped == 1
        stream.close = lambda: None  # type: ignore[method-assign]


def test_an_end_waits_for_a_hanging_reader_only_so_long() -> None:
    stream = Blocked()
    logging_ = Logging(stream=stream)
    log(logging.INFO, "line")
    logging_.close(wait_s=0.05)
    stream.free.set()
    assert not any(isinstance(one, DroppingQueue) for one in logging.getLogger("evertide.keepers").handlers)
