"""Prometheus metrics of a process of keepers, read off what it knows at the moment of a scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from evertide import RpcPool
from evertide._time import now_s

if TYPE_CHECKING:
    from .spine import Spine

Row = tuple[list[str], float]
MS = 1_000
SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 90.0)

COUNTERS: dict[str, tuple[str, list[str]]] = {
    "evertide_keeper_steps": ("Steps by keeper", ["keeper"]),
    "evertide_keeper_actions": ("Confirmed actions by keeper and name", ["keeper", "action"]),
    "evertide_keeper_refusals": ("Failed actions by keeper and error", ["keeper", "error"]),
    "evertide_keeper_undone": ("Confirmed actions that are not on the finalized chain", ["keeper"]),
    "evertide_keeper_paid_lamports": ("Fees of final transactions", ["keeper"]),
    "evertide_keeper_earned_quote_atoms": ("Rewards of final transactions, quote atoms", ["keeper"]),
    "evertide_feed_gaps": ("Times that the subscription was lost", []),
    "evertide_feed_snapshots": ("Snapshots read", []),
    "evertide_feed_rewinds": ("Times that the chain went back", []),
    "evertide_node_requests": ("Requests by node", ["node"]),
    "evertide_node_errors": ("Requests that failed by the node's fault", ["node"]),
    "evertide_node_fail_overs": ("Requests that went on to another node", []),
    "evertide_priority_fees_lamports": ("Priority fees bid by transactions that landed", []),
    "evertide_journal_failures": ("Times that the journal could not be written", []),
    "evertide_log_lines_dropped": ("Lines that the log dropped", []),
    "evertide_alarms": ("Alarms raised by kind", ["kind"]),
}
GAUGES: dict[str, tuple[str, list[str]]] = {
    "evertide_keeper_healthy": ("1: the keeper confirms the work that it plans", ["keeper"]),
    "evertide_keeper_confirmed_age_seconds": ("Chain time since the last confirmed action; absent before", ["keeper"]),
    "evertide_keeper_waiting_seconds": ("Chain time that planned work has waited", ["keeper"]),
    "evertide_healthy": ("1: the whole process is", []),
    "evertide_synced_age_seconds": ("Since a node was last read from; absent before", []),
    "evertide_accounts_below_maintenance": ("Accounts below maintenance margin", []),
    "evertide_oldest_unhealthy_account_seconds": ("Age of the oldest account below maintenance margin", []),
    "evertide_isolated_accounts": ("Accounts that cannot be read", []),
    "evertide_feed_hint_age_seconds": ("For how long the oldest hint waits to be read", []),
    "evertide_oracle_age_seconds": ("Age of the oldest market's price", []),
    "evertide_chain_slot": ("Slot of the chain's clock", []),
    "evertide_clock_drift_seconds": ("This machine's clock less the chain's", []),
    "evertide_payer_balance_lamports": ("What the key that pays has; absent before it is known", []),
    "evertide_sends_in_flight": ("Transactions under way", []),
    "evertide_sends_waiting": ("Actions that wait for a place among them", []),
    "evertide_node_slot": ("Slot by node, as last compared", ["node"]),
    "evertide_node_usable": ("1: the node can be asked", ["node"]),
    "evertide_journal_bytes": ("Bytes of the journal's present file", []),
    "evertide_alarm_active": ("Alarms of a kind that are raised now", ["kind"]),
}
HISTOGRAMS: dict[str, tuple[str, list[str]]] = {
    "evertide_keeper_step_seconds": ("Length of a step, sending included", ["keeper"]),
    "evertide_keeper_plan_seconds": ("Length of a plan", ["keeper"]),
}


def exported() -> set[str]:
    """Names as a scrape shows them."""
    counters = {f"{name}_total" for name in COUNTERS}
    parts = {f"{name}_{part}" for name in HISTOGRAMS for part in ("bucket", "count", "sum")}
    return counters | set(GAUGES) | parts


class Metrics(Collector):
    """The metrics of one spine."""

    def __init__(self, spine: Spine) -> None:
        self._spine = spine
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)
        self.step_seconds, self.plan_seconds = (
            Histogram(name, text, labels, registry=self.registry, buckets=SECONDS)
            for name, (text, labels) in HISTOGRAMS.items()
        )

    def text(self) -> bytes:
        """In Prometheus' format."""
        return generate_latest(self.registry)

    def describe(self) -> Iterable[Any]:
        """Nothing ahead of a scrape."""
        return []

    def collect(self) -> Iterator[Any]:
        """Every family with its present values."""
        values = {**self._keepers(), **self._process(), **self._nodes()}
        for name, (text, labels) in COUNTERS.items():
            counter = CounterMetricFamily(name, text, labels=labels)
            for found, value in values.get(name, []):
                counter.add_metric(found, value)
            yield counter
        for name, (text, labels) in GAUGES.items():
            gauge = GaugeMetricFamily(name, text, labels=labels)
            for found, value in values.get(name, []):
                gauge.add_metric(found, value)
            yield gauge

    def _keepers(self) -> dict[str, list[Row]]:
        now_ms = self._spine.state.time.unix_ms
        found: dict[str, list[Row]] = {}
        for name, record in self._spine.health.keepers.items():
            age_ms = None if record.last_confirmed_ms is None else now_ms - record.last_confirmed_ms
            waiting_ms = 0 if record.waiting_since_ms is None else now_ms - record.waiting_since_ms
            for metric, value in (
                ("evertide_keeper_steps", record.steps),
                ("evertide_keeper_healthy", int(record.is_healthy(now_ms))),
                ("evertide_keeper_confirmed_age_seconds", None if age_ms is None else age_ms / MS),
                ("evertide_keeper_waiting_seconds", waiting_ms / MS),
            ):
                if value is not None:
                    found.setdefault(metric, []).append(([name], value))
        for name, account in self._spine.books.accounts.items():
            found.setdefault("evertide_keeper_actions", []).extend(
                ([name, action], count) for action, count in account.done.items()
            )
            found.setdefault("evertide_keeper_refusals", []).extend(
                ([name, error], count) for error, count in account.refused.items()
            )
            for metric, value in (
                ("evertide_keeper_undone", account.undone),
                ("evertide_keeper_paid_lamports", account.paid_lamports),
                ("evertide_keeper_earned_quote_atoms", account.earned_atoms),
            ):
                found.setdefault(metric, []).append(([name], value))
        return found

    def _process(self) -> dict[str, list[Row]]:
        spine, state = self._spine, self._spine.state
        now_ms, feed, journal = state.time.unix_ms, spine.feed, spine.journal
        synced_s = None if feed.synced_s is None else now_s() - feed.synced_s
        single: dict[str, float | None] = {
            "evertide_healthy": int(spine.report()["healthy"]),
            "evertide_synced_age_seconds": synced_s,
            "evertide_accounts_below_maintenance": len(spine.health.below_since_ms),
            "evertide_oldest_unhealthy_account_seconds": spine.health.oldest_ms(now_ms) / MS,
            "evertide_isolated_accounts": len(state.isolated),
            "evertide_feed_gaps": feed.gaps,
            "evertide_feed_snapshots": feed.snapshots,
            "evertide_feed_rewinds": feed.rewinds,
            "evertide_feed_hint_age_seconds": feed.hint_age_ms / MS,
            "evertide_oracle_age_seconds": spine.oracle_age_ms() / MS,
            "evertide_chain_slot": state.time.slot,
            "evertide_clock_drift_seconds": None if spine.drift_ms is None else spine.drift_ms / MS,
            "evertide_payer_balance_lamports": spine.balance_lamports,
            "evertide_sends_in_flight": spine.sending,
            "evertide_sends_waiting": spine.gate.waiting,
            "evertide_priority_fees_lamports": spine.fees.spent_lamports,
            "evertide_journal_bytes": None if journal is None else journal.bytes_written,
            "evertide_journal_failures": 0 if journal is None else journal.failures,
            "evertide_log_lines_dropped": spine.log_lines_dropped(),
        }
        found: dict[str, list[Row]] = {name: [([], value)] for name, value in single.items() if value is not None}
        kinds = spine.alarms.raised
        active = [kind for kind, _ in spine.alarms.active]
        found["evertide_alarms"] = [([kind], count) for kind, count in kinds.items()]
        found["evertide_alarm_active"] = [([kind], active.count(kind)) for kind in kinds]
        return found

    def _nodes(self) -> dict[str, list[Row]]:
        pool = self._spine.client.rpc
        if not isinstance(pool, RpcPool):
            return {}
        at_s, slots = now_s(), self._spine.node_slots
        return {
            "evertide_node_requests": [([one.name], one.requests) for one in pool.endpoints],
            "evertide_node_errors": [([one.name], one.errors) for one in pool.endpoints],
            "evertide_node_usable": [([one.name], int(one.can_be_asked(at_s))) for one in pool.endpoints],
            "evertide_node_slot": [([name], slot) for name, slot in slots.items()],
            "evertide_node_fail_overs": [([], pool.fail_overs)],
        }
