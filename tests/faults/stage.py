"""A whole keeper process on a chain in memory, in made-up time: begun, killed, begun anew, and judged.

What every fault test asserts is `Stage.judge`: nothing was done twice, nothing was decided on stale accounts, no keeper
fell silent, and no key is in anything that was written.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import keeper_world as kw
from model_chain import Chain
from model_node import GENESIS, Node, Socket, Transport
from model_world import furnish
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from virtual_loop import Killed, VirtualLoop, run

from evertide import (
    EvertideClient,
    RpcClient,
    RpcPool,
    SendOptions,
    orders_address,
    user_address,
)
from evertide_keepers import KeeperConfig
from evertide_keepers.environment import Environment
from evertide_keepers.runner import run as run_keepers
from evertide_keepers.spine import Spine
from faulty_rpc import Faults

SECRET = "s3cr3t-of-this-node"
STALE_SLOTS_MOST = 40
"""A decision on accounts older than this is one on stale accounts."""
RESTART_S = 1.0
KEEPERS = ("cache", "matcher", "settler", "trigger")


@dataclass(frozen=True, slots=True)
class Decision:
    """One batch of actions handed to sending: when, by whom, and how old what it was decided on was."""

    at_s: float
    keeper: str
    keys: tuple[str, ...]
    age_slots: int


@dataclass
class Sink:
    """A journal's file in memory. `full_at`: bytes after which the disk is full."""

    kept: bytearray = field(default_factory=bytearray)
    full_at: int | None = None
    dead: bool = False

    def write(self, data: bytes) -> None:
        if self.dead:
            return
        if self.full_at is not None and len(self.kept) + len(data) > self.full_at:
            raise OSError(28, "No space left on device")
        self.kept += data

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing to release."""


@dataclass
class Stage:
    """One world and the keepers on it. `seed` decides everything that chance decides."""

    seed: int = 0
    nodes: int = 1
    keepers: tuple[str, ...] = KEEPERS
    config: dict[str, Any] = field(default_factory=dict)
    key: Keypair = field(default_factory=lambda: Keypair.from_seed(bytes([9]) * 32))
    journal: bool = False
    journal_full_at: int | None = None
    now_s: float = 0.0
    wall_off_ms: int = 0
    decisions: list[Decision] = field(default_factory=list)
    sinks: list[Sink] = field(default_factory=list)
    reports: list[Any] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    spine: Spine | None = None
    starts: int = 0
    steps: int = 0
    """Steps of the loop of the last life."""

    def __post_init__(self) -> None:
        self._loop: VirtualLoop | None = None
        self._transports: list[Transport] = []
        self.chain = Chain(lambda: self.now_s if self._loop is None else self._loop.time())
        self.node = [Node(self.chain) for _ in range(self.nodes)]
        self.faults = [Faults(f"{self.seed}/{number}") for number in range(self.nodes)]
        furnish(self.chain)

    # What happens on the chain beside the keepers.

    def trader(self, number: int, record: Any, *rows: dict[str, Any]) -> Pubkey:
        """A user with orders, at the addresses that the program derives."""
        owner = Pubkey.from_bytes(record["authority"][0].tobytes())
        user = user_address(owner)
        self.chain.put(user, record.tobytes())
        recent = {"placed_slot": self.chain.slot - 100, "placed_ms": self.chain.unix_s * 1000 - 40_000}
        self.chain.put(orders_address(user), kw.orders(user, *({**recent, **row} for row in rows)).tobytes())
        return user

    def crossing(self, number: int = 0, lots: int = 30) -> tuple[Pubkey, Pubkey]:
        """A resting ask and a bid that crosses it: one piece of work for a matcher. Makers' and takers' accounts."""
        maker = self.trader(number, kw.user(number=2 * number), {"flags": 1, "size_lots": 100})
        late = {"placed_slot": self.chain.slot - 5, "time_in_force": 0, "size_lots": lots}
        return maker, self.trader(number, kw.user(number=2 * number + 1), late)

    # Lives of the process.

    def live(self, seconds: float, *, kill_at: int | None = None, script: Callable[[], Any] | None = None) -> bool:
        """Run the keepers for so long, or until they die at a step; whether they lived. `script` runs beside them."""
        self.starts += 1
        loop = self._loop = VirtualLoop(self.now_s, kill_at)
        handler = _Catcher(self.log)
        logging.getLogger().addHandler(handler)
        try:
            self.reports.append(run(self._main(seconds, script), loop, self._die))
            return True
        except Killed:
            return False
        finally:
            logging.getLogger().removeHandler(handler)
            self.now_s, self.steps, self._loop = loop.time(), loop.steps, None
            loop.close()

    def _die(self) -> None:
        """Nothing of this life reaches anything any more."""
        for transport in self._transports:
            transport.dead = True
        for sink in self.sinks:
            sink.dead = True

    async def _main(self, seconds: float, script: Callable[[], Any] | None) -> Any:
        transports = {url(number): Transport(node, faults) for number, (node, faults) in self._pairs()}
        self._transports = list(transports.values())
        sink = Sink(full_at=self.journal_full_at)
        self.sinks.append(sink)

        async def connect(address: str) -> Socket:
            number = next(at for at in range(self.nodes) if address.startswith(url(at).replace("http", "ws")))
            return Socket(self.node[number], self.faults[number])

        environment = Environment(
            transport=lambda address: transports[address],
            connect=connect,
            wall_ms=lambda: self.chain.unix_s * 1000 + self.wall_off_ms,
            random=random.Random(f"{self.seed}/{self.starts}"),
            open_sink=lambda path: sink,
            warm_up=lambda: None,
        )
        clients = [RpcClient(address, transport=transport) for address, transport in transports.items()]
        pool = RpcPool(clients, source=environment.random)
        options = SendOptions(details=False)
        client = EvertideClient(url(0), payer=self.key, ws_url=ws_url(0), options=options, rpc=pool, connect=connect)
        stop = asyncio.Event()
        with self._watched():
            keepers = asyncio.ensure_future(run_keepers(self._config(), stop, client, environment=environment))
            beside = None if script is None else asyncio.ensure_future(script())
            # Until the script has seen what it waits for, or for all of the time where there is none.
            await asyncio.wait([keepers, *filter(None, [beside])], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if beside is not None:
                finished = beside.done()
                beside.cancel()
                await asyncio.wait([beside])
                assert finished or keepers.done(), f"what the script waits for did not come within {seconds:.0f} s"
                if finished:
                    beside.result()
            stop.set()
            report = await keepers
            await client.close()
            return report

    def _pairs(self) -> list[tuple[int, tuple[Node, Faults]]]:
        return list(enumerate(zip(self.node, self.faults, strict=True)))

    def _config(self) -> KeeperConfig:
        addresses = tuple(url(number) for number in range(self.nodes))
        config = KeeperConfig(
            rpc_urls=addresses,
            ws_urls=tuple(ws_url(number) for number in range(self.nodes)),
            genesis_hash=GENESIS,
            keepers=self.keepers,
            journal=f"journal-{self.starts}.jsonl" if self.journal else None,
        )
        return replace(config, **self.config)

    def _watched(self) -> Any:
        """Note every decision on its way to sending, with the age of the accounts that it was made on."""
        stage, execute, start = self, Spine.execute, Spine.start

        async def started(spine: Spine) -> None:
            stage.spine = spine
            await start(spine)

        async def noted(spine: Spine, keeper: str, actions: Any, *more: Any, **others: Any) -> Any:
            if actions:
                age = stage.chain.slot - spine.state.time.slot
                keys = tuple(action.key for action in actions)
                assert stage._loop is not None
                stage.decisions.append(Decision(stage._loop.time(), keeper, keys, age))
            return await execute(spine, keeper, actions, *more, **others)

        return _Patched(Spine, {"execute": noted, "start": started})

    async def until_filled(self, user: Pubkey, lots: int = 30) -> None:
        """Wait until so many lots of a taker's order are filled, on a branch that stays."""
        while self.filled(user) < lots:  # noqa: ASYNC110 - the chain has no event
            await asyncio.sleep(0.2)

    def filled(self, user: Pubkey) -> int:
        """Lots that matches of now filled of a taker's orders."""
        orders = str(orders_address(user))
        return sum(work.amount for work in self.chain.works("match_orders") if work.subject[0] == orders)

    # What must hold whatever failed.

    def judge(self) -> None:
        """Assert the four things of every fault test."""
        self.chain.advance()
        filled: dict[tuple[str, ...], int] = {}
        for work in self.chain.works("match_orders"):
            filled[work.subject] = filled.get(work.subject, 0) + work.amount
        for subject, lots in filled.items():
            assert lots <= 100, f"{subject} was filled {lots} lots, beyond its size"
        stale = [one for one in self.decisions if one.age_slots > STALE_SLOTS_MOST]
        assert not stale, f"decided on stale accounts: {stale[:3]}"
        written = b"".join(bytes(sink.kept) for sink in self.sinks) + "\n".join(self.log).encode()
        written += str(self.reports).encode()
        for form in secrets_of(self.key):
            assert form not in written, "a key is in what was written"

    def alarms(self) -> dict[str, str]:
        """Alarms that are raised now: kind and message."""
        assert self.spine is not None
        return {kind: alarm.message for (kind, _), alarm in self.spine.alarms.active.items()}

    def health(self) -> dict[str, Any]:
        """The health report of now."""
        assert self.spine is not None
        return self.spine.health.report(self.spine.state.time.unix_ms)


class _Patched:
    """Attributes of a class replaced for the length of a block."""

    def __init__(self, owner: type, values: dict[str, Any]) -> None:
        self._owner, self._values = owner, values
        self._before = {name: getattr(owner, name) for name in values}

    def __enter__(self) -> None:
        for name, value in self._values.items():
            setattr(self._owner, name, value)

    def __exit__(self, *more: object) -> None:
        for name, value in self._before.items():
            setattr(self._owner, name, value)


class _Catcher(logging.Handler):
    def __init__(self, log: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.append(self.format(record))


def url(number: int) -> str:
    """Address of a node, with a key in it as paid nodes have."""
    return f"http://node-{number}.local:8899/?api-key={SECRET}"


def ws_url(number: int) -> str:
    """The same for subscriptions."""
    return url(number).replace("http", "ws")


def secrets_of(key: Keypair) -> list[bytes]:
    """What must be in no log: the key in every form, and the node's key."""
    raw = bytes(key)
    return [raw[:32], raw[:32].hex().encode(), str(key).encode(), str(list(raw))[1:-1].encode(), SECRET.encode()]
