"""How many matches one transaction holds: its bytes, the accounts it locks, the compute units that it may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evertide import COMPUTE_UNITS_MAX, PACKET_BYTES_MAX

LOCKS_MAX = 64
"""Accounts that one transaction may lock."""

KEY_BYTES = 32
# Signature with its count, version, header, number of keys, blockhash, numbers of instructions and of lookup tables.
FRAME_BYTES = 1 + 64 + 1 + 3 + 1 + KEY_BYTES + 1 + 1
# Instructions that set the compute limit (5 bytes of data) and its price (9), each with program, accounts and length.
BUDGET_BYTES = (3 + 5) + (3 + 9)
# Keeper, its account, exchange, risk cache, market, event authority, the program, the compute budget's program.
SHARED_KEYS = 8
# Program, lengths of accounts and data, nine accounts, and of data the discriminator, the order id, the makers' count.
MATCH_BYTES = 3 + 9 + 8 + 8 + 4
MAKER_BYTES = 9

# Above what docs/compute-units.md measures for 1 to 8 makers with 1 to 12 positions and 0 to 8 assets.
MATCH_UNITS, PARTY_UNITS, POSITION_UNITS, ASSET_UNITS = 6_000, 5_000, 2_000, 500


@dataclass(frozen=True, slots=True)
class Load:
    """What one match takes: rows of taker and makers, makers named, compute units at most, and the fees it brings."""

    taker_row: int
    maker_rows: tuple[int, ...]
    units: int
    charged_atoms: int
    alone: bool = False
    """It goes by itself: it failed with others, or may be dead before it lands."""

    @property
    def rows(self) -> set[int]:
        """Rows of all parties."""
        return {self.taker_row, *self.maker_rows}


def units_of(position_counts: Sequence[int], asset_counts: Sequence[int]) -> int:
    """Compute units that a match takes at most, from what each of its parties holds."""
    parties = len(position_counts)
    held = POSITION_UNITS * sum(position_counts) + ASSET_UNITS * sum(asset_counts)
    return MATCH_UNITS + PARTY_UNITS * parties + held


def bytes_of(loads: Sequence[Load]) -> int:
    """Bytes of a transaction with these matches of one market."""
    parties = set().union(*(load.rows for load in loads))
    keys = KEY_BYTES * (SHARED_KEYS + 2 * len(parties))
    data = 0
    for load in loads:
        distinct = len(set(load.maker_rows))
        # A taker that meets its own order names the slot of its own account.
        data += MATCH_BYTES + 2 * distinct + MAKER_BYTES * len(load.maker_rows)
    return FRAME_BYTES + BUDGET_BYTES + keys + data


def locks_of(loads: Sequence[Load]) -> int:
    """Accounts that such a transaction locks."""
    return SHARED_KEYS + 2 * len(set().union(*(load.rows for load in loads)))


def fits(loads: Sequence[Load]) -> bool:
    """Whether one transaction holds these matches."""
    units = sum(load.units for load in loads)
    return bytes_of(loads) <= PACKET_BYTES_MAX and locks_of(loads) <= LOCKS_MAX and units <= COMPUTE_UNITS_MAX


def packed(loads: Sequence[Load], batch_max: int) -> list[range]:
    """Consecutive matches of one market in as few transactions as hold them; what is to go alone does."""
    found: list[range] = []
    start = 0
    for at in range(1, len(loads) + 1):
        chosen = loads[start : at + 1]
        more = at < len(loads) and len(chosen) <= max(batch_max, 1)
        if more and not any(load.alone for load in chosen) and fits(chosen):
            continue
        found.append(range(start, at))
        start = at
    return found


def most_paid_first(batches: dict[int, list[tuple[range, int, int]]], matches_max: int) -> list[tuple[int, range]]:
    """Market and batch, those with the most fees for a compute unit first, until so many matches are chosen.

    `batches` are by market, each with its fees (atoms) and compute units. Those of one market keep their order: its
    better makers come first.
    """
    heads = {market: 0 for market in batches if batches[market]}
    chosen: list[tuple[int, range]] = []
    left = matches_max
    while heads and left > 0:
        market = max(heads, key=lambda at: (_worth(batches[at][heads[at]]), -at))
        batch = batches[market][heads[market]][0]
        batch = range(batch.start, min(batch.stop, batch.start + left))
        chosen.append((market, batch))
        left -= len(batch)
        heads[market] += 1
        if heads[market] == len(batches[market]):
            del heads[market]
    return chosen


def _worth(batch: tuple[range, int, int]) -> int:
    """Fees for a million compute units, atoms, rounded down."""
    return batch[1] * 1_000_000 // max(batch[2], 1)
