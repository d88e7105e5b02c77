"""From signed orders to signed transactions: parsed, verified, margined, matched, packed, at a steady rate.

One process on one core does all of it, in turns of 10 ms: what has arrived is validated order by order, matched in one
call of the book, and built into transactions that are ready to send. The latency of an order is from its scheduled
arrival to the bytes of the transactions of its turn, so that a turn that is late counts against all who wait.
"""

from __future__ import annotations

import gc
import time
from collections import Counter

import numpy as np
from solders.instruction import Instruction
from solders.keypair import Keypair

from evertide import PACKET_BYTES_MAX, SignedOrder, SignedOrderInvalid, instructions, verify_order
from evertide._signed import SignedTerms, ed25519_instruction
from evertide._transaction import budget, message, signed_wire, with_budget
from evertide_engine._generated.constants import MAKERS_MAX, MarginKind
from evertide_engine.book import OPERATION, Book, Code
from evertide_engine.layouts import ORDERS, USER
from evertide_engine.margin import value
from evertide_keepers.packing import Load, packed, units_of
from evertide_keepers.settings import MatcherSettings

from .accounts import NOW_MS, ONE, discriminated
from .exchange import TICK_ATOMS, risk_cache
from .measure import NS, Measure, Target, WorkDiffers, processor_ns, timing_of
from .run import Run
from .signed_flow import GENESIS_HASH, POOR, Arrival, Fault, Flow, Trader, traders

TABLE = "end to end"
TURN_NS = 10_000_000
TRADERS = 2_000
SIGNED_PER_TRANSACTION = 3
"""Four of four accounts are 1,325 bytes."""
PRIORITY_FEE_MICRO_LAMPORTS = 1_000
BLOCKHASH = "1" * 32
RICH_ATOMS = 10**12
CAPACITY, BASE_TICKS = 1 << 17, 0
BURST_TURN = 10
"""Orders of one turn where the next one begins as soon as the last is done."""

RULES = {
    "another cluster": Fault.DOMAIN,
    "the signature is not": Fault.SIGNATURE,
    "its last moment": Fault.WINDOW,
}
"""What the SDK says of an order that it refuses."""


class Refused(Exception):
    """An order that is not placed, with why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class Venue:
    """What a keeper holds of the exchange, and what it has made of the orders so far."""

    def __init__(self, known: list[Trader], orders_max: int) -> None:
        self.keeper = Keypair.from_seed(bytes([7]) * 32)
        self.keeper_address = self.keeper.pubkey()
        self.known = known
        self.row_of = {trader.user: row for row, trader in enumerate(known)}
        self.cache = risk_cache()[0]
        self.users = discriminated(len(known), "User", USER)
        keys = b"".join(bytes(trader.authority) for trader in known)
        self.users["authority"] = np.frombuffer(keys, np.uint8).reshape(len(known), 32)
        self.users["quote_atoms"], self.users["debt_index_q48"] = RICH_ATOMS, ONE
        self.users["quote_atoms"][POOR] = 0
        self.users["position_count"] = 1
        held = self.users["positions"][:, 0]
        held["market_plus_one"], held["a_snapshot"], held["atoms_per_lot_tick"] = 1, ONE, TICK_ATOMS
        self.held = held
        self.orders = discriminated(len(known), "Orders", ORDERS)
        self.orders["next_order_id"] = 1
        self.book = Book(CAPACITY, len(known), BASE_TICKS)
        # By the book's id: whose order it is, its side, and its id in its owner's account.
        self.row = np.zeros(orders_max + 1, np.int64)
        self.side = np.zeros(orders_max + 1, np.int64)
        self.chain_id = np.zeros(orders_max + 1, np.int64)
        self.next_id = 1
        self.refused: Counter[Fault] = Counter()
        self.accepted = self.fills = self.lots = 0
        self.place_transactions = self.match_transactions = self.largest = 0

    def use_nonce(self, row: int, nonce_ms: int) -> None:
        """The program's own rule: above the base, not among the 16 greatest used; a seventeenth raises the base."""
        account = self.orders[row]
        window = account["nonce_window"]
        if nonce_ms <= int(account["nonce_base_ms"]) or (window == nonce_ms).any():
            raise Refused(Fault.NONCE)
        least = int(window.argmin())
        if int(window[least]) > nonce_ms:
            account["nonce_base_ms"] = nonce_ms
            return
        account["nonce_base_ms"] = max(int(account["nonce_base_ms"]), int(window[least]))
        window[least] = nonce_ms

    def validate(self, text: str, now_ms: int) -> tuple[int, SignedOrder, SignedTerms]:
        """Everything that the program will check about an order. Raises `Refused`."""
        signed = SignedOrder.from_json(text)
        try:
            terms = verify_order(signed, genesis_hash=GENESIS_HASH, now_ms=now_ms)
        except SignedOrderInvalid as error:
            raise Refused(next(fault for words, fault in RULES.items() if words in error.rule)) from None
        row = self.row_of[signed.user]
        if self.users["authority"][row].tobytes() != bytes(signed.signer):
            raise Refused(Fault.SIGNER)
        self.use_nonce(row, terms.nonce_ms)
        self.open_lots(row, terms.ask, terms.size_lots, terms.price_ticks)
        if not value(self.users[row : row + 1], self.cache, MarginKind.INITIAL, now_ms).is_met()[0]:
            self.open_lots(row, terms.ask, -terms.size_lots, terms.price_ticks)
            raise Refused(Fault.MARGIN)
        return row, signed, terms

    def open_lots(self, row: int, ask: bool, lots: int, price_ticks: int) -> None:
        """Count an order among what is open, or take it off again."""
        position = self.held[row]
        name, worst, better = (
            ("open_ask_lots", "min_ask_ticks", min) if ask else ("open_bid_lots", "max_bid_ticks", max)
        )
        before = int(position[name])
        position[name] = before + lots
        if lots > 0:
            position[worst] = better(int(position[worst]), price_ticks) if before else price_ticks

    def match(self, accepted: list[tuple[int, SignedOrder, SignedTerms]], now_ms: int) -> dict[int, list[int]]:
        """One call of the book; positions follow. Makers' ids by the taker's, in the order of the fills."""
        array = np.zeros(len(accepted), OPERATION)
        first, self.next_id = self.next_id, self.next_id + len(accepted)
        ids = np.arange(first, self.next_id)
        rows = np.array([row for row, _, _ in accepted], np.int64)
        for name, column in (("price_ticks", "price_ticks"), ("lots", "size_lots"), ("time_in_force", "time_in_force")):
            array[name] = [getattr(terms, column) for _, _, terms in accepted]
        array["side"] = [terms.ask for _, _, terms in accepted]
        array["order_id"], array["owner"], array["now_ms"], array["code"] = ids, rows, now_ms, Code.LIMIT
        self.row[ids], self.side[ids] = rows, array["side"]
        for order_id, row in zip(ids.tolist(), rows.tolist(), strict=True):
            self.chain_id[order_id] = self.orders["next_order_id"][row]
            self.orders["next_order_id"][row] += 1
        fills, _ = self.book.run(array)
        takers, makers = fills["taker_id"].astype(np.int64), fills["maker_id"].astype(np.int64)
        lots, sold = fills["lots"], self.side[takers]
        signed = np.where(sold == 1, -lots, lots)
        cost = signed * fills["price_ticks"] * TICK_ATOMS
        for ids_of, sign in ((takers, 1), (makers, -1)):
            np.add.at(self.held["basis_lots"], self.row[ids_of], sign * signed)
            np.add.at(self.held["cash_atoms"], self.row[ids_of], -sign * cost)
            self.close(ids_of, lots)
        ended = self.book.cancellations
        self.close(ended["order_id"].astype(np.int64), ended["lots"])
        self.fills, self.lots = self.fills + len(fills), self.lots + int(lots.sum())
        met: dict[int, list[int]] = {}
        for taker, maker in zip(takers.tolist(), makers.tolist(), strict=True):
            met.setdefault(taker, []).append(maker)
        return met

    def close(self, ids: np.ndarray, lots: np.ndarray) -> None:
        """Lots that are open no more."""
        for side, name in ((0, "open_bid_lots"), (1, "open_ask_lots")):
            chosen = self.side[ids] == side
            np.subtract.at(self.held[name], self.row[ids[chosen]], lots[chosen].astype(np.uint64))

    def built(self, accepted: list[tuple[int, SignedOrder, SignedTerms]], met: dict[int, list[int]]) -> list[bytes]:
        """Transactions ready to send: placements first, then the matches, as many in one as it holds."""
        wires = []
        signed = [order for _, order, _ in accepted]
        for at in range(0, len(signed), SIGNED_PER_TRANSACTION):
            part = signed[at : at + SIGNED_PER_TRANSACTION]
            place = instructions.place_signed_orders(keeper=self.keeper_address, orders=part, instruction_index=0)
            wires.append(self.wire([ed25519_instruction(part), place], None))
        self.place_transactions += len(wires)
        steps = [
            (taker, makers[at : at + MAKERS_MAX])
            for taker, makers in met.items()
            for at in range(0, len(makers), MAKERS_MAX)
        ]
        loads = [self.load(taker, makers) for taker, makers in steps]
        for batch in packed(loads, MatcherSettings().batch_max):
            units = sum(loads[at].units for at in batch)
            wires.append(self.wire([self.match_instruction(*steps[at]) for at in batch], units))
            self.match_transactions += 1
        self.largest = max(self.largest, *map(len, wires))
        return wires

    def load(self, taker: int, makers: list[int]) -> Load:
        """What one match takes of a transaction."""
        rows = [int(self.row[taker]), *self.row[makers].tolist()]
        parties = list(set(rows))
        units = units_of(self.users["position_count"][parties].tolist(), [0] * len(parties))
        return Load(rows[0], tuple(rows[1:]), units, 0)

    def match_instruction(self, taker: int, makers: list[int]) -> Instruction:
        """`match_orders` of a taker and its makers, best first."""
        refs = [(self.known[int(self.row[maker])].user, int(self.chain_id[maker])) for maker in makers]
        return instructions.match_orders(
            keeper=self.keeper_address,
            market_index=0,
            taker_user=self.known[int(self.row[taker])].user,
            taker_order_id=int(self.chain_id[taker]),
            makers=refs,
        )

    def wire(self, steps: list[Instruction], units: int | None) -> bytes:
        """A signed transaction."""
        all_steps = with_budget(steps, budget(units, PRIORITY_FEE_MICRO_LAMPORTS))
        return signed_wire(message(self.keeper_address, all_steps, BLOCKHASH), [self.keeper])[0]

    def turn(self, texts: list[str], now_ms: int) -> list[bytes]:
        """Everything about the orders of one turn."""
        accepted = []
        for text in texts:
            try:
                accepted.append(self.validate(text, now_ms))
            except Refused as refusal:
                self.refused[refusal.fault] += 1
        if not accepted:
            return []
        self.accepted += len(accepted)
        return self.built(accepted, self.match(accepted, now_ms))

    def require_whole(self, arrivals: list[Arrival]) -> None:
        """What was planted was refused and nothing else, nothing was created, every transaction fits."""
        planted = Counter(arrival.fault for arrival in arrivals if arrival.fault is not None)
        if self.refused != planted or self.accepted != len(arrivals) - planted.total():
            raise WorkDiffers(f"end to end: refused {dict(self.refused)}, planted {dict(planted)}")
        resting = sum(lots for side in (0, 1) for _, _, lots in self.book.orders(side))
        opened = int(self.held["open_bid_lots"].sum()) + int(self.held["open_ask_lots"].sum())
        if int(self.held["basis_lots"].sum()) or int(self.held["cash_atoms"].sum()) or resting != opened:
            raise WorkDiffers(f"end to end: {resting} lots rest, {opened} count as open; positions must sum to nothing")
        if self.largest > PACKET_BYTES_MAX:
            raise WorkDiffers(f"end to end: a transaction of {self.largest} bytes, at most {PACKET_BYTES_MAX}")

    def facts(self) -> dict[str, int | str]:
        """What was done."""
        return {
            "accepted": self.accepted,
            "refused": self.refused.total(),
            "fills": self.fills,
            "lots": self.lots,
            "transactions placing": self.place_transactions,
            "transactions matching": self.match_transactions,
            "bytes at most": self.largest,
        }


def steady(known: list[Trader], arrivals: list[Arrival]) -> tuple[Venue, list[int], int, float]:
    """Orders as they arrive: the venue, the latency of each, the whole time in ns, and the share of a core used."""
    venue, latencies, at = Venue(known, len(arrivals)), [], 0
    gc.collect()
    busy, begun = time.process_time_ns(), time.perf_counter_ns()
    while at < len(arrivals):
        now = time.perf_counter_ns() - begun
        if arrivals[at].at_ns > now:
            time.sleep((arrivals[at].at_ns + TURN_NS - now) / NS)
            now = time.perf_counter_ns() - begun
        end = at
        while end < len(arrivals) and arrivals[end].at_ns <= now:
            end += 1
        venue.turn([arrival.text for arrival in arrivals[at:end]], NOW_MS + now // 1_000_000)
        done = time.perf_counter_ns() - begun
        latencies += [done - arrival.at_ns for arrival in arrivals[at:end]]
        at = end
    whole = time.perf_counter_ns() - begun
    return venue, latencies, whole, (time.process_time_ns() - busy) / whole


def burst(known: list[Trader], arrivals: list[Arrival]) -> tuple[Venue, list[int]]:
    """The same one turn after the other without a pause: processor time of each turn."""
    venue, elapsed = Venue(known, len(arrivals)), []
    for at in range(0, len(arrivals), BURST_TURN):
        part = arrivals[at : at + BURST_TURN]
        texts, now_ms = [arrival.text for arrival in part], NOW_MS + part[-1].at_ns // 1_000_000
        start = processor_ns()
        venue.turn(texts, now_ms)
        elapsed.append(processor_ns() - start)
    return venue, elapsed


def measures(run: Run) -> list[Measure]:
    """The steady rate, and how fast it goes without pauses."""
    per_s, seconds = run.sizes.orders_per_s, run.sizes.sustained_s
    known = traders(TRADERS)
    arrivals = Flow(known, per_s).arrivals(per_s * seconds)
    few = arrivals[: max(len(arrivals) // 6, BURST_TURN)]
    burst(known, few[:BURST_TURN])
    hurried, elapsed = burst(known, few)
    hurried.require_whole(few)
    venue, latencies, whole, share = steady(known, arrivals)
    venue.require_whole(arrivals)
    return [
        Measure(
            table=TABLE,
            name=f"{per_s:,} signed orders a second for {seconds} s",
            count=len(arrivals),
            unit="orders",
            seconds=whole / NS,
            timing=timing_of(latencies),
            target=Target(least_per_second=1_000.0) if per_s >= 1_000 else None,
            facts={**venue.facts(), "share of one core": f"{share:.0%}"},
        ),
        Measure(
            table=TABLE,
            name=f"without a pause, {BURST_TURN} orders a turn",
            count=len(few),
            unit="orders",
            seconds=sum(elapsed) / NS,
            timing=timing_of(elapsed),
            facts=hurried.facts(),
        ),
    ]
