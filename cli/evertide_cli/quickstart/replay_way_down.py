"""The events of liquidation, bankruptcy and deleveraging, replayed: see `replay`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .books import Bankruptcy, Books, CollateralSale, Liquidation, MarketBook
from .flows import pay_keeper, settle, take_fills
from .index import value_ceil, value_floor

CANCELLED, VOID, ENDED = 1, 2, 3
OPENED, RESOLVED = 1, 2


def _begin(books: Books) -> None:
    """Note what the insurance fund held before the first step down."""
    if not (books.liquidations or books.bankruptcies or books.sales):
        books.insurance_before_atoms = books.insurance_atoms


def _orders_liquidated(books: Books, event: Any) -> None:
    if event.rung == CANCELLED:
        books.orders_cancelled_in_danger += len(event.orders)
        books.compare(event, "equity not below cancel margin", 0, int(event.equity_atoms >= event.requirement_atoms))
    elif event.rung == VOID:
        books.liquidations_begun += 1
        books.compare(event, "equity not below maintenance", 0, int(event.equity_atoms >= event.requirement_atoms))
    elif event.rung == ENDED:
        books.liquidations_ended += 1
        books.compare(event, "equity below maintenance", 0, int(event.equity_atoms < event.requirement_atoms))


def _charged_beyond(books: Books, event: Any, fees_atoms: int) -> None:
    """Fees of a liquidation are at most the equity that was left."""
    books.compare(event, "fees beyond equity", 0, max(0, fees_atoms - max(event.equity_atoms, 0)))


def _position_liquidated(books: Books, event: Any) -> None:
    _begin(books)
    book = books.markets[event.market_index]
    user, liquidator = str(event.user), str(event.liquidator)
    if event.backstop:
        book.index.close_dropped(book.mark_q32)
    book.fund(user, event.user_funding_atoms)
    book.fund(liquidator, event.liquidator_funding_atoms)
    moved, price = abs(event.size_lots), event.price_q32
    fees = event.liquidator_fee_atoms + event.insurance_fee_atoms
    if moved:
        # A long is paid the floor, a short pays the ceiling; the other party pays or gets the same.
        long = event.size_lots > 0
        paid = value_floor(moved, price) if long else -value_ceil(moved, price)
        book.index.change(user, -event.size_lots)
        book.index.change(liquidator, event.size_lots)
        book.cash[user] += paid - fees
        book.cash[liquidator] += event.liquidator_fee_atoms - paid
        book.insurance_fees_atoms += event.insurance_fee_atoms
        way = "backstop" if event.backstop else "transfer"
        _note(books, event, way, moved, value_floor(moved, price), event.liquidator_fee_atoms)
    if event.deleveraged_lots:
        book.close(user, book.index.close_against(user, event.deleveraged_lots, price))
        notional = value_floor(event.deleveraged_lots, price)
        _note(books, event, "deleveraged", event.deleveraged_lots, notional, 0)
    if event.backstop:
        book.index.reset()
    _charged_beyond(books, event, fees)
    books.compare(event, "user lots", event.user_position_lots_after, book.lots[user])
    books.compare(event, "user cash", event.user_cash_atoms_after, book.cash[user])
    books.compare(event, "liquidator lots", event.liquidator_position_lots_after, book.lots[liquidator])
    books.compare(event, "liquidator cash", event.liquidator_cash_atoms_after, book.cash[liquidator])
    books.compare(event, "pending fees", event.pending_fees_atoms, book.pending_fees_atoms)
    books.compare_interest(event, event.open_interest_lots)
    books.liquidations_ended += event.ended


def _note(books: Books, event: Any, way: str, lots: int, notional_atoms: int, fee_atoms: int) -> None:
    """One line of the table of liquidations."""
    books.liquidations.append(
        Liquidation(
            way=way,
            market_index=event.market_index,
            user=str(event.user),
            lots=lots,
            notional_atoms=notional_atoms,
            liquidator_fee_atoms=fee_atoms,
            insurance_fee_atoms=0 if way == "deleveraged" else event.insurance_fee_atoms,
            whole=event.user_position_lots_after == 0,
            time_ms=event.time_ms,
        )
    )


def _liquidation_matched(books: Books, event: Any) -> None:
    _begin(books)
    book = books.markets[event.market_index]
    user = str(event.user)
    book.fund(user, event.user_funding_atoms)
    take_fills(books, event, user, event.ask)
    book.cash[user] -= event.insurance_fee_atoms
    book.insurance_fees_atoms += event.insurance_fee_atoms
    pay_keeper(book, event, event.keeper_reward_atoms)
    fee = sum(fill.taker_fee_atoms for fill in event.fills)
    lots = sum(fill.size_lots for fill in event.fills)
    notional = sum(fill.size_lots * fill.price_ticks for fill in event.fills) * book.atoms_per_lot_tick
    _note(books, event, "orders", lots, notional, fee)
    books.compare(event, "user lots", event.user_position_lots_after, book.lots[user])
    books.compare(event, "user cash", event.user_cash_atoms_after, book.cash[user])
    books.compare(event, "pending fees", event.pending_fees_atoms, book.pending_fees_atoms)
    books.compare_interest(event, event.open_interest_lots)
    books.liquidations_ended += event.ended


def _collateral_liquidated(books: Books, event: Any) -> None:
    _begin(books)
    user, liquidator = str(event.user), str(event.liquidator)
    asset = books.assets[event.collateral_index]
    asset.by_user[user] -= event.amount_atoms
    asset.by_user[liquidator] += event.amount_atoms
    books.change_quote(event, user, event.paid_atoms, event.user_quote_atoms_after)
    books.change_quote(event, liquidator, -event.paid_atoms, event.liquidator_quote_atoms_after)
    books.sales.append(
        CollateralSale(
            user, liquidator, event.collateral_index, event.amount_atoms, event.paid_atoms, event.discount_bps
        )
    )
    books.compare(event, "user collateral", event.user_collateral_atoms_after, asset.by_user[user])
    books.compare(event, "liquidator collateral", event.liquidator_collateral_atoms_after, asset.by_user[liquidator])
    books.note_totals(event, {"sum of balances": event.total_atoms, "sum of debts": event.debt_atoms})
    books.liquidations_ended += event.ended


def _losers(book: MarketBook, side: int, atoms: int) -> dict[str, int]:
    """Who of a side bears what deleveraging took, by size; the rounding falls on the largest."""
    sizes = {}
    for user, lots in book.lots.items():
        if lots and (lots < 0) == bool(side):
            numerator, denominator = book.index.now(user)
            sizes[user] = numerator // denominator
    total = sum(sizes.values())
    if not total or atoms <= 0:
        return {}
    borne = {user: atoms * size // total for user, size in sizes.items()}
    borne[max(sizes, key=lambda user: (sizes[user], user))] += atoms - sum(borne.values())
    return {user: loss for user, loss in borne.items() if loss}


def _bankruptcy(books: Books, event: Any) -> None:
    _begin(books)
    book = books.markets[event.market_index]
    user = str(event.user)
    book.index.close_dropped(book.mark_q32)
    book.fund(user, event.user_funding_atoms)
    if event.step == RESOLVED:
        _resolve(books, book, user, event)
    book.index.reset()
    book.count_dust()
    if event.step == OPENED:
        book.open_bankruptcies.add(user)
    else:
        book.open_bankruptcies.discard(user)
    books.compare(event, "bankruptcies open", event.bankruptcies_open, len(book.open_bankruptcies))
    books.change_quote(event, user, event.settled_atoms, event.user_quote_atoms_after)
    books.compare(event, "user cash", event.user_cash_atoms_after, book.cash[user])
    books.compare(event, "pool", event.pool_atoms, book.pool_atoms)
    books.compare(event, "pending fees", event.pending_fees_atoms, book.pending_fees_atoms)
    books.compare(event, "recorded deficit", event.market_deficit_atoms, book.deficit_atoms)
    books.note_totals(event, {"insurance balance": event.insurance_balance_atoms})
    books.note_totals(event, {"insurance tranche": event.insurance_tranche_atoms})
    for number, side in enumerate(book.index.sides):
        books.compare(event, "A", event.a[number], side.a)
        books.compare(event, "epoch", event.epoch[number], side.epoch)
    books.compare_interest(event, event.open_interest_lots)
    books.note_totals(event, {"sum of balances": event.total_atoms, "sum of debts": event.debt_atoms})
    books.liquidations_ended += event.ended


def _resolve(books: Books, book: MarketBook, user: str, event: Any) -> None:
    """One market's share: fees, insurance within its limit, the other side, the tranche, the record."""
    losers: dict[str, int] = {}
    if event.closed_lots:
        long = event.closed_lots > 0
        losers = _losers(book, 1 if long else 0, event.deleveraged_atoms)
        books.compare(event, "lots closed", event.closed_lots, book.lots[user])
        book.close(user, book.index.close_against(user, abs(event.closed_lots), event.price_q32))
    covered = event.fees_atoms + event.insurance_atoms + event.tranche_atoms + event.recorded_atoms
    book.cash[user] += covered
    book.fees_borne_atoms += event.fees_atoms
    book.insurance_paid_atoms += event.insurance_atoms
    book.tranche_paid_atoms += event.tranche_atoms
    book.recorded_atoms += event.recorded_atoms
    books.tranche_atoms -= event.tranche_atoms
    settle(book, user, event.settled_atoms)
    before_others = event.share_atoms - event.fees_atoms - event.insurance_atoms
    left = max(before_others - event.deleveraged_atoms, 0)
    books.compare(event, "tranche and record", event.tranche_atoms + event.recorded_atoms, left)
    books.bankruptcies.append(
        Bankruptcy(
            market_index=event.market_index,
            user=user,
            deficit_atoms=event.deficit_atoms,
            share_atoms=event.share_atoms,
            fees_atoms=event.fees_atoms,
            insurance_atoms=event.insurance_atoms,
            deleveraged_atoms=event.deleveraged_atoms,
            tranche_atoms=event.tranche_atoms,
            recorded_atoms=event.recorded_atoms,
            closed_lots=event.closed_lots,
            losers=losers,
        )
    )


HANDLERS: dict[str, Callable[[Books, Any], None]] = {
    "OrdersLiquidated": _orders_liquidated,
    "PositionLiquidated": _position_liquidated,
    "LiquidationMatched": _liquidation_matched,
    "CollateralLiquidated": _collateral_liquidated,
    "BankruptcyResolved": _bankruptcy,
}
