"""What is looked at beside the keepers: clocks, SOL, the program, sinks; and what a start refuses."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import httpx
import keeper_world as kw
import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from evertide import LAYOUT_VERSION, PROGRAM_ID, EvertideClient, RpcClient, RpcPool
from evertide._pda import UPGRADEABLE_LOADER_ID, collateral_address, exchange_address, program_data_address
from evertide._resources import manifest_path, program_path
from evertide_keepers import (
    ConfigError,
    Environment,
    KeeperConfig,
    MatcherSettings,
    Spine,
    VersionMismatch,
    WrongChain,
    handshake,
    lookout,
)
from evertide_keepers.clock import ChainTime
from evertide_keepers.lookout import Lookout

KEY = Keypair.from_seed(bytes(range(32)))
MINT = Pubkey.new_unique()
SYSTEM = Pubkey.default()


class Cluster:
    """Accounts with their owners, a balance, a genesis hash."""

    def __init__(self) -> None:
        exchange, quote = kw.exchange(), kw.quote()
        self.genesis, self.balance, self.is_down = "genesis", 10**9, False
        self.accounts: dict[Pubkey, tuple[bytes, Pubkey, bool]] = {
            PROGRAM_ID: (b"program", UPGRADEABLE_LOADER_ID, True),
            program_data_address(): (self.deployed(7, program_path().read_bytes()), UPGRADEABLE_LOADER_ID, False),
            exchange_address(): (exchange.tobytes(), PROGRAM_ID, False),
            collateral_address(0): (self.quoted(quote), PROGRAM_ID, False),
        }
        self.transport = httpx.MockTransport(self.answer)

    @staticmethod
    def deployed(slot: int, code: bytes) -> bytes:
        return (3).to_bytes(4, "little") + slot.to_bytes(8, "little") + bytes(33) + code

    @staticmethod
    def quoted(record: Any) -> bytes:
        record["mint"][0] = list(bytes(MINT))
        return bytes(record.tobytes())

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.is_down:
            raise httpx.ConnectError("refused")
        body = json.loads(request.content)
        method, params = body["method"], body["params"]
        result: Any = {"getGenesisHash": self.genesis, "getSlot": 5}.get(method)
        if method == "getBalance":
            result = {"context": {"slot": 5}, "value": self.balance}
        elif method == "getAccountInfo":
            result = {"context": {"slot": 5}, "value": self.account(Pubkey.from_string(params[0]), params[1])}
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": body["id"], "result": result})

    def account(self, key: Pubkey, config: dict[str, Any]) -> Any:
        if key not in self.accounts:
            return None
        data, owner, executable = self.accounts[key]
        part = config.get("dataSlice", {"offset": 0, "length": len(data)})
        text = base64.b64encode(data[part["offset"] : part["offset"] + part["length"]]).decode()
        return {"data": [text, "base64"], "owner": str(owner), "lamports": 1, "executable": executable}

    def client(self) -> EvertideClient:
        pool = RpcPool([RpcClient("http://n.test", transport=self.transport)])
        return EvertideClient("http://n.test", payer=KEY, rpc=pool)


def config(**more: Any) -> KeeperConfig:
    return KeeperConfig(rpc_url="http://n.test", **more)


async def test_the_right_chain_program_and_exchange_are_accepted() -> None:
    cluster = Cluster()
    digest = json.loads(manifest_path().read_text())["program_sha256"]
    async with cluster.client() as client:
        build = await handshake.check(
            config(genesis_hash="genesis", quote_mint=str(MINT), program_sha256=digest), client.rpc
        )
        assert (build.deployed_slot, build.sha256, build.is_known) == (7, digest, True)
        code = program_path().read_bytes() + b"\1" + bytes(10_000)
        cluster.accounts[program_data_address()] = (Cluster.deployed(9, code), UPGRADEABLE_LOADER_ID, False)
        other = await handshake.check(config(), client.rpc)
        assert (other.deployed_slot, other.is_known) == (9, False)
        assert other.sha256 == hashlib.sha256(code.rstrip(b"\0")).hexdigest()


@pytest.mark.parametrize(
    ("change", "more", "error", "words"),
    [
        ({}, {"genesis_hash": "another"}, WrongChain, "genesis hash: found genesis, needed another"),
        ({PROGRAM_ID: None}, {}, WrongChain, "program: found no account"),
        ({PROGRAM_ID: (b"", SYSTEM, False)}, {}, WrongChain, "program: found no executable account"),
        ({}, {"program_sha256": "00"}, VersionMismatch, "SHA-256 of the program: found .*, needed 00"),
        ({exchange_address(): None}, {}, WrongChain, "exchange: found no account"),
        ({exchange_address(): (b"x", SYSTEM, False)}, {}, WrongChain, "owner of the exchange"),
        ({}, {"quote_mint": str(SYSTEM)}, WrongChain, f"quote mint: found {MINT}, needed {SYSTEM}"),
        ({collateral_address(0): None}, {"quote_mint": str(MINT)}, WrongChain, "no quote asset"),
    ],
)
async def test_a_start_refuses_what_was_not_meant(change: Any, more: Any, error: Any, words: str) -> None:
    """F-27: cluster, program, mint."""
    cluster = Cluster()
    for key, value in change.items():
        cluster.accounts.pop(key)
        if value is not None:
            cluster.accounts[key] = value
    async with cluster.client() as client:
        with pytest.raises(error, match=words) as caught:
            await handshake.check(config(**more), client.rpc)
    assert caught.value.exit_code == 2


async def test_an_exchange_of_another_layout_is_refused() -> None:
    """F-25: the version handshake."""
    cluster, record = Cluster(), kw.exchange()
    record["version"] = LAYOUT_VERSION + 1
    cluster.accounts[exchange_address()] = (record.tobytes(), PROGRAM_ID, False)
    async with cluster.client() as client:
        with pytest.raises(VersionMismatch, match=f"found {LAYOUT_VERSION + 1}, needed {LAYOUT_VERSION}"):
            await handshake.check(config(), client.rpc)


async def test_a_key_without_sol_and_an_account_of_others_are_refused() -> None:
    """F-18, F-27: the wrong key."""
    cluster, user = Cluster(), kw.user()
    where = Pubkey.new_unique()
    async with cluster.client() as client:
        settings = {"matcher": MatcherSettings(keeper_user=str(where))}
        chosen = config(settings=settings)
        with pytest.raises(ConfigError, match=r"matcher.keeper_user: found .*, no account of the exchange"):
            await handshake.check_accounts(chosen, client.rpc, KEY.pubkey())
        cluster.accounts[where] = (user.tobytes(), PROGRAM_ID, False)
        with pytest.raises(ConfigError, match=f"needed an account that {KEY.pubkey()} may act for"):
            await handshake.check_accounts(chosen, client.rpc, KEY.pubkey())
        user["delegate"][0] = list(bytes(KEY.pubkey()))
        cluster.accounts[where] = (user.tobytes(), PROGRAM_ID, False)
        await handshake.check_accounts(chosen, client.rpc, KEY.pubkey())
        bad = config(settings={"matcher": MatcherSettings(keeper_user="nobody")})
        with pytest.raises(ConfigError, match=r"matcher.keeper_user: found nobody, needed an address"):
            await handshake.check_accounts(bad, client.rpc, KEY.pubkey())
        cluster.balance = 0
        with pytest.raises(ConfigError, match="found 0 lamports, needed SOL"):
            await handshake.check_accounts(config(), client.rpc, KEY.pubkey())


async def looking(cluster: Cluster, client: EvertideClient, wall_ms: list[int], **more: Any) -> tuple[Spine, Lookout]:
    build = await handshake.check(config(), client.rpc)
    spine = Spine(client)
    spine.state.time = ChainTime(kw.SLOT, kw.NOW_MS)
    return spine, Lookout(spine, config(**more), Environment(wall_ms=lambda: wall_ms[0]), build)


def active(spine: Spine) -> set[str]:
    return {kind for kind, _ in spine.alarms.active}


async def test_little_sol_and_clocks_apart_are_told_and_untold() -> None:
    """F-17, F-18."""
    cluster, wall_ms = Cluster(), [kw.NOW_MS + 10_000]
    async with cluster.client() as client:
        spine, watching = await looking(cluster, client, wall_ms)
        await watching.look()
        assert active(spine) == set() and (spine.drift_ms, spine.balance_lamports) == (10_000, 10**9)
        wall_ms[0], cluster.balance = kw.NOW_MS - 10_001, 49_999_999
        await watching.look()
        assert active(spine) == {"clock_drift", "low_balance"}
        assert "found -10001 ms, needed at most 10000" in next(
            one.message for one in spine.alarms.active.values() if one.kind == "clock_drift"
        )
        cluster.is_down = True
        await watching.look()
        assert active(spine) >= {"clock_drift", "low_balance"}, "silence clears nothing"
        client.rpc.endpoints[0].closed_until_s = 0  # type: ignore[attr-defined]
        cluster.is_down, wall_ms[0], cluster.balance = False, kw.NOW_MS, 10**9
        await watching.look()
        assert active(spine) == set()


async def test_a_chain_without_slots_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """F-10."""
    cluster, at_s = Cluster(), 100.0
    monkeypatch.setattr(lookout, "now_s", lambda: at_s)
    async with cluster.client() as client:
        spine, watching = await looking(cluster, client, [kw.NOW_MS])
        await watching.look()
        at_s += lookout.STALL_S + 1
        await watching.look()
        assert active(spine) == {"chain_stalled"}
        spine.state.time = ChainTime(kw.SLOT + 1, kw.NOW_MS)
        await watching.look()
        assert active(spine) == set()


async def test_a_program_that_is_replaced_stops_everything() -> None:
    """F-25."""
    cluster = Cluster()
    async with cluster.client() as client:
        spine, watching = await looking(cluster, client, [kw.NOW_MS])
        await watching.look()
        cluster.accounts[program_data_address()] = (Cluster.deployed(8, b"new"), UPGRADEABLE_LOADER_ID, False)
        with pytest.raises(VersionMismatch, match="slot of the program's deployment: found 8, needed 7"):
            await watching.look()
        assert active(spine) == {"program_changed"}
