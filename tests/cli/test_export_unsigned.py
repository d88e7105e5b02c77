"""`--export-unsigned`: what a multisig holder of a role gets to sign, and what is refused."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_console import Console, run_net

from evertide import EvertideClient, UnsignedTransaction
from evertide_cli import main as entry
from evertide_cli.keys import read_keypair

OTHER = "SysvarRent111111111111111111111111111111111"


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a refusal with code 2."""
    capsys.readouterr()
    assert entry.run(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_words_that_exclude_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "present.json"
    file.write_text("mine")
    export = ["admin", "accrue-debt", "--export-unsigned", str(file)]
    assert "never overwritten" in refused(export, capsys)
    assert file.read_text() == "mine"
    export[-1] = str(tmp_path / "new.json")
    assert "exclude each other" in refused([*export, "--dry-run"], capsys)
    assert "needs --export-unsigned" in refused(["admin", "accrue-debt", "--acting-as", OTHER], capsys)
    assert "nothing to write" in refused(["admin", "show", *export[2:]], capsys)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"hello there", "neither its JSON nor base64"),
        (b"{}", "not an exported transaction"),
        (b"\xff\xfe", "not text"),
        (b"AAAA", "not a transaction"),
        (b"A" * ((1 << 20) + 1), "1048577 bytes"),
    ],
)
def test_files_that_are_no_transactions(
    content: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    assert words in refused(["admin", "inspect-unsigned", str(file)], capsys)
    assert "cannot read" in refused(["admin", "inspect-unsigned", str(tmp_path / "none")], capsys)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    yield from run_net(tmp_path_factory.mktemp("export-net") / "net")


@pytest.fixture
def console(net: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Console:
    return Console(net, capsys)


@pytest.mark.localnet
def test_an_exported_transaction_is_the_one_that_the_holder_signs(console: Console, tmp_path: Path) -> None:
    file = tmp_path / "limits.json"
    owner = read_keypair(console.net["keys"]["trader 1"])
    words = f"account set-limits --ratio-bps 700 --export-unsigned {file} --acting-as {owner.pubkey()}"
    # Exported by somebody else, without the owner's key.
    told = console.ok(words, "keeper")
    assert told["signers"] == [str(owner.pubkey())]
    assert "succeeds" in told["simulated"]
    assert console.ok("account show")["user"]["user_ratio_bps"] == 0

    shown = console.ok(f"admin inspect-unsigned {file}")
    (step,) = shown["instructions"]
    assert (step["name"], step["arguments"]["user_ratio_bps"]) == ("set_limits", 700)
    assert "set_limits" in console.shown(f"admin inspect-unsigned {file}")

    made = UnsignedTransaction.from_json(file.read_text())
    raw = tmp_path / "raw"
    raw.write_text(base64.b64encode(made.wire).decode())
    assert console.ok(f"admin inspect-unsigned {raw}")["instructions"] == shown["instructions"]

    async def sign_and_send() -> None:
        async with EvertideClient(console.net["rpc_url"], payer=owner) as client:
            compiled = made.compiled
            keys = compiled.account_keys
            from solders.instruction import AccountMeta, Instruction

            steps = [
                Instruction(
                    keys[item.program_id_index],
                    bytes(item.data),
                    [
                        AccountMeta(keys[at], compiled.is_signer(at), compiled.is_maybe_writable(at))
                        for at in item.accounts
                    ],
                )
                for item in compiled.instructions
            ]
            await client.send(steps)

    asyncio.run(sign_and_send())
    assert console.ok("account show")["user"]["user_ratio_bps"] == 700


@pytest.mark.localnet
def test_a_roles_transaction_is_for_its_holder_and_a_refusal_is_told(console: Console, tmp_path: Path) -> None:
    file = tmp_path / "open.json"
    told = console.ok(f"admin open-exchange --export-unsigned {file}", "trader 1")
    root = console.ok("admin show")["roles"][0]
    assert told["signers"] == [root] != [console.ok("account addresses")["authority"]]
    assert "fails now: ExchangeAlreadyOpen" in told["simulated"]
    assert json.loads(file.read_text())["instructions"][0]["name"] == "open_exchange"
    # What sends by itself, or makes no transaction, writes nothing.
    for words, rule in (("keeper match", "sends by itself"), ("account settle", "makes no single transaction")):
        again = tmp_path / "again.json"
        console.capsys.readouterr()
        assert entry.run(console.words(f"{words} --export-unsigned {again}", "trader 1")) == 2
        assert rule in console.capsys.readouterr().err
        assert not again.exists()
