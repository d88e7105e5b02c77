"""Which rows of the risk cache an action reads, which of them are too old, and the instructions that renew them.

New risk and withdrawals need every row they read less than `ROW_AGE_MAX_MS` old. A market's row is renewed by
`accrue_market` as long as its index price is still valid; a price that is itself too old needs `update_oracle`, for
which the client must have a feed: an account of Pyth or Switchboard, or a price source together with the key that
signs for a local feed. Without one the answer is `StaleRisk`, never a price made up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from . import instructions as build
from ._errors import StaleRisk, UnitOutOfRange
from ._generated import constants
from ._generated.accounts import RiskCache, User
from ._generated.types import CollateralRow, LocalPrice, MarketRow, OracleRules, Position
from .math import OracleAction, is_allowed

# Rows are renewed this long before they become too old: a transaction takes a while to land.
REFRESH_MARGIN_MS = 4_000

_Row = TypeVar("_Row")

PriceSource: TypeAlias = "Callable[[str, int], Awaitable[LocalPrice]]"
"""From ("market" or "collateral", index) to a price to sign now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feeds:
    """What the client may use to bring new prices in."""

    #: Gives prices of local feeds; the client must hold the key that signs for them.
    price_source: PriceSource | None = None
    #: Pyth feed id (32 bytes) to the account with its updates.
    pyth_accounts: Mapping[bytes, Pubkey] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StaleRow:
    """One row that an action reads and that must be renewed. `refused`: its price itself may not value an account."""

    kind: str
    index: int
    age_ms: int
    price_age_ms: int
    refused: bool


def rows_read(user: User, markets: Iterable[int] = (), collaterals: Iterable[int] = ()) -> tuple[set[int], set[int]]:
    """Market and collateral indices that valuing this user reads, plus those named."""
    held = {position.market_plus_one - 1 for position in user.positions if _is_valued(position)}
    owned = {slot.collateral_index for slot in user.collaterals if slot.collateral_index and slot.amount_atoms}
    return held | set(markets), owned | {index for index in collaterals if index}


def _is_valued(position: Position) -> bool:
    counted = position.basis_lots or position.open_bid_lots or position.open_ask_lots
    return bool(position.market_plus_one and counted)


def carries_risk(user: User) -> bool:
    """Whether the program values the user on a withdrawal: a size, an open order, an unsettled loss or a debt."""
    at_risk = (held.basis_lots or held.open_order_count or held.cash_atoms < 0 for held in user.positions)
    return user.quote_atoms < 0 or any(at_risk)


def stale_rows(cache: RiskCache, markets: Iterable[int], collaterals: Iterable[int], now_ms: int) -> list[StaleRow]:
    """Rows that are, or are about to be, too old to act on, or whose price the program refuses for margin.

    Raises `UnitOutOfRange` for an index that no row has.
    """
    named: list[tuple[str, int, MarketRow | CollateralRow]] = []
    named += [("market", index, _row(cache.markets, "market index", index)) for index in sorted(markets)]
    named += [
        ("collateral", index, _row(cache.collaterals, "collateral index", index)) for index in sorted(collaterals)
    ]
    found = []
    for kind, index, row in named:
        age_ms = now_ms - row.updated_ms
        refused = not is_allowed(OracleAction.MARGIN, row.validity)
        if refused or age_ms >= constants.ROW_AGE_MAX_MS - REFRESH_MARGIN_MS:
            found.append(StaleRow(kind, index, age_ms, now_ms - row.publish_time_ms, refused))
    return found


def _row(rows: Sequence[_Row], name: str, index: int) -> _Row:
    if index < 0:
        raise UnitOutOfRange(name, index, 0, above=False)
    if index >= len(rows):
        raise UnitOutOfRange(name, index, len(rows) - 1, above=True)
    return rows[index]


async def refresh(row: StaleRow, rules: OracleRules, feeds: Feeds, held: frozenset[Pubkey]) -> list[Instruction]:
    """Instructions that renew one row. Raises `StaleRisk` when the client has no means.

    A market whose price will still do is renewed by `accrue_market` alone; a collateral's row always needs a price.
    """
    needs_price = row.refused or row.price_age_ms >= rules.stale_margin_ms - REFRESH_MARGIN_MS
    if row.kind == "market" and not needs_price:
        return [build.accrue_market(market_index=row.index)]
    update = await _oracle_update(row, rules, feeds, held)
    if update is None:
        limit_ms = rules.stale_margin_ms if needs_price else constants.ROW_AGE_MAX_MS
        raise StaleRisk(f"{row.kind} {row.index}", row.price_age_ms if needs_price else row.age_ms, limit_ms)
    return [update, build.accrue_market(market_index=row.index)] if row.kind == "market" else [update]


async def _oracle_update(
    row: StaleRow, rules: OracleRules, feeds: Feeds, held: frozenset[Pubkey]
) -> Instruction | None:
    market_index = row.index if row.kind == "market" else None
    collateral_index = row.index if row.kind == "collateral" else None

    def update(oracle: Pubkey, price: LocalPrice | None = None) -> Instruction:
        return build.update_oracle(
            oracle=oracle, price=price, market_index=market_index, collateral_index=collateral_index
        )

    if rules.kind == constants.OracleKind.LOCAL:
        if feeds.price_source is None or rules.account not in held:
            return None
        price = await feeds.price_source(row.kind, row.index)
        return update(rules.account, price)
    if rules.kind == constants.OracleKind.SWITCHBOARD:
        return update(rules.account)
    account = feeds.pyth_accounts.get(rules.feed_id)
    return None if account is None else update(account)
