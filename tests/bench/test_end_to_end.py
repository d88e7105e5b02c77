"""The way from signed orders to transactions: what must be refused is, and what is built is what was asked for."""

from __future__ import annotations

import pytest
from solders.transaction import VersionedTransaction

from bench import end_to_end
from bench.accounts import NOW_MS
from bench.end_to_end import Refused, Venue
from bench.measure import WorkDiffers
from bench.signed_flow import BAD_EVERY, Fault, Flow, traders
from evertide import PACKET_BYTES_MAX, PROGRAM_ID, decode_transaction

COUNT = 40


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.value)
def test_each_fault_is_refused_as_what_it_is(fault: Fault) -> None:
    flow = Flow(traders(COUNT), 1_000)
    venue = Venue(flow.known, COUNT)
    good = flow.arrivals(1)[0]
    venue.validate(good.text, NOW_MS)
    spoilt = flow.spoilt(fault, flow.known[2], flow.terms(NOW_MS + 1))
    before = venue.users.copy()
    with pytest.raises(Refused) as refusal:
        venue.validate(spoilt.to_json(), NOW_MS + 1)
    assert refusal.value.fault is fault
    assert (venue.users["positions"]["open_bid_lots"] == before["positions"]["open_bid_lots"]).all()
    assert (venue.users["positions"]["open_ask_lots"] == before["positions"]["open_ask_lots"]).all()


def test_a_seventeenth_nonce_raises_the_base_to_the_least() -> None:
    venue = Venue(traders(2), 1)
    for nonce_ms in range(100, 116):
        venue.use_nonce(1, nonce_ms)
    assert int(venue.orders["nonce_base_ms"][1]) == 0
    venue.use_nonce(1, 120)
    assert int(venue.orders["nonce_base_ms"][1]) == 100
    for used in (100, 101, 120):
        with pytest.raises(Refused):
            venue.use_nonce(1, used)
    venue.use_nonce(1, 119)
    assert int(venue.orders["nonce_base_ms"][1]) == 101


def test_transactions_are_signed_fit_and_name_every_order() -> None:
    flow = Flow(traders(COUNT), 1_000)
    arrivals = flow.arrivals(BAD_EVERY - 1)
    venue = Venue(flow.known, len(arrivals))
    wires = [
        wire
        for at in range(0, 90, 10)
        for wire in venue.turn([one.text for one in arrivals[at : at + 10]], NOW_MS + 99)
    ]
    venue.require_whole(arrivals[:90])
    placed, matched, makers = 0, 0, 0
    for wire in wires:
        assert len(wire) <= PACKET_BYTES_MAX
        assert all(VersionedTransaction.from_bytes(wire).verify_with_results())
        for step in decode_transaction(wire, PROGRAM_ID):
            if step.name == "place_signed_orders":
                placed += len(step.arguments["orders"])
            elif step.name == "match_orders":
                matched += 1
                makers += len(step.arguments["makers"])
    assert placed == venue.accepted == 90
    assert makers == venue.fills > 10 and matched <= makers


def test_a_venue_whose_sums_are_off_is_not_reported() -> None:
    flow = Flow(traders(COUNT), 1_000)
    arrivals = flow.arrivals(20)
    venue, elapsed = end_to_end.burst(flow.known, arrivals)
    venue.require_whole(arrivals)
    assert len(elapsed) == 2
    venue.held["basis_lots"][1] += 1
    with pytest.raises(WorkDiffers, match="positions must sum to nothing"):
        venue.require_whole(arrivals)
