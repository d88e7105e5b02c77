"""The client without async: the same names, blocking. Each client has a thread with an event loop of its own.

    from evertide.sync import EvertideClient

    with EvertideClient("http://127.0.0.1:8899", payer=keypair) as client:
        market = client.market("BTC-PERP")

Not for use inside a running event loop; there the async client is the right one.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

from solders.pubkey import Pubkey

from evertide import _client
from evertide._errors import UsageError
from evertide._events import LandedEvent, SequenceChecker

Given = ParamSpec("Given")
Result = TypeVar("Result")


class _Loop:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="evertide-sync", daemon=True)
        self.thread.start()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Wait for a coroutine. A KeyboardInterrupt cancels it."""
        if not self.thread.is_alive():
            work.close()
            raise UsageError("this client is closed")
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def stop(self) -> None:
        """End the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        if not self.thread.is_alive():
            self.loop.close()


def _blocking(
    method: Callable[Concatenate[_client.EvertideClient, Given], Coroutine[Any, Any, Result]],
) -> Callable[Concatenate[EvertideClient, Given], Result]:
    """The same method, waiting for its result; parameters and docstring are the original's."""

    @functools.wraps(method)
    def call(self: EvertideClient, /, *args: Given.args, **more: Given.kwargs) -> Result:
        return self._loop.run(method(self._inner, *args, **more))

    return call


class EvertideClient:
    """As `evertide.EvertideClient`, blocking. Takes the same options."""

    def __init__(self, rpc_url: str, **options: Any) -> None:
        self._loop = _Loop()
        try:
            self._inner = self._loop.run(_make(rpc_url, options))
        except BaseException:
            self._loop.stop()
            raise

    def __enter__(self) -> EvertideClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and the thread; closing twice is harmless."""
        if self._loop.thread.is_alive():
            self._loop.run(self._inner.close())
            self._loop.stop()

    def address(self) -> Pubkey:
        """The payer's address. Raises `SignerMissing`."""
        return self._inner.address()

    def held_keys(self) -> frozenset[Pubkey]:
        """Addresses that this client can sign for."""
        return self._inner.held_keys()

    def call_rpc(self, method: str, params: Sequence[Any] = ()) -> Any:
        """The `result` of one JSON-RPC request. Raises a `TransportError`."""
        return self._loop.run(self._inner.rpc.call(method, params))

    def follow_events(
        self, *, since: str | None = None, checker: SequenceChecker | None = None, poll_ms: int = 400
    ) -> Iterator[LandedEvent]:
        """Events of the whole program as they land, from the transaction after `since`; waits for each."""
        feed = self._inner.follow_events(since=since, checker=checker, poll_ms=poll_ms)
        while True:
            yield self._loop.run(_next(feed))

    account = _blocking(_client.EvertideClient.account)
    accounts_info = _blocking(_client.EvertideClient.accounts_info)
    accrue_debt = _blocking(_client.EvertideClient.accrue_debt)
    accrue_market = _blocking(_client.EvertideClient.accrue_market)
    advance_season = _blocking(_client.EvertideClient.advance_season)
    apply_ramp = _blocking(_client.EvertideClient.apply_ramp)
    apply_ramp_instructions = _blocking(_client.EvertideClient.apply_ramp_instructions)
    assert_health = _blocking(_client.EvertideClient.assert_health)
    assert_position = _blocking(_client.EvertideClient.assert_position)
    assert_sequence = _blocking(_client.EvertideClient.assert_sequence)
    audit_matching = _blocking(_client.EvertideClient.audit_matching)
    best_orders = _blocking(_client.EvertideClient.best_orders)
    book = _blocking(_client.EvertideClient.book)
    books = _blocking(_client.EvertideClient.books)
    builders = _blocking(_client.EvertideClient.builders)
    cancel_all_after = _blocking(_client.EvertideClient.cancel_all_after)
    cancel_change = _blocking(_client.EvertideClient.cancel_change)
    cancel_nonce = _blocking(_client.EvertideClient.cancel_nonce)
    cancel_orders = _blocking(_client.EvertideClient.cancel_orders)
    chain_clock = _blocking(_client.EvertideClient.chain_clock)
    chain_time_ms = _blocking(_client.EvertideClient.chain_time_ms)
    change = _blocking(_client.EvertideClient.change)
    change_target = _blocking(_client.EvertideClient.change_target)
    changes = _blocking(_client.EvertideClient.changes)
    check_invariants = _blocking(_client.EvertideClient.check_invariants)
    claim_role = _blocking(_client.EvertideClient.claim_role)
    claim_unstake = _blocking(_client.EvertideClient.claim_unstake)
    claim_withdraw = _blocking(_client.EvertideClient.claim_withdraw)
    claim_withdraw_instruction = _blocking(_client.EvertideClient.claim_withdraw_instruction)
    close_user = _blocking(_client.EvertideClient.close_user)
    collateral = _blocking(_client.EvertideClient.collateral)
    collaterals = _blocking(_client.EvertideClient.collaterals)
    collect_fees = _blocking(_client.EvertideClient.collect_fees)
    commit_order = _blocking(_client.EvertideClient.commit_order)
    create_lookup_table = _blocking(_client.EvertideClient.create_lookup_table)
    create_user = _blocking(_client.EvertideClient.create_user)
    deposit = _blocking(_client.EvertideClient.deposit)
    event_history = _blocking(_client.EvertideClient.event_history)
    exchange = _blocking(_client.EvertideClient.exchange)
    execute_change = _blocking(_client.EvertideClient.execute_change)
    execute_change_instructions = _blocking(_client.EvertideClient.execute_change_instructions)
    execute_slice = _blocking(_client.EvertideClient.execute_slice)
    execute_slice_instructions = _blocking(_client.EvertideClient.execute_slice_instructions)
    expire_orders = _blocking(_client.EvertideClient.expire_orders)
    export_unsigned = _blocking(_client.EvertideClient.export_unsigned)
    extend_account = _blocking(_client.EvertideClient.extend_account)
    fetch_all = _blocking(_client.EvertideClient.fetch_all)
    fetch_all_by_address = _blocking(_client.EvertideClient.fetch_all_by_address)
    fetch_arrays = _blocking(_client.EvertideClient.fetch_arrays)
    fill_auction = _blocking(_client.EvertideClient.fill_auction)
    fill_auction_instructions = _blocking(_client.EvertideClient.fill_auction_instructions)
    first_in_queue = _blocking(_client.EvertideClient.first_in_queue)
    fund_insurance = _blocking(_client.EvertideClient.fund_insurance)
    gate_disable = _blocking(_client.EvertideClient.gate_disable)
    gate_enable = _blocking(_client.EvertideClient.gate_enable)
    genesis_hash = _blocking(_client.EvertideClient.genesis_hash)
    hide_order = _blocking(_client.EvertideClient.hide_order)
    initialize_exchange = _blocking(_client.EvertideClient.initialize_exchange)
    insurance = _blocking(_client.EvertideClient.insurance)
    invariants_hold = _blocking(_client.EvertideClient.invariants_hold)
    ladder = _blocking(_client.EvertideClient.ladder)
    lift_pause = _blocking(_client.EvertideClient.lift_pause)
    liquidate_collateral = _blocking(_client.EvertideClient.liquidate_collateral)
    liquidate_collateral_instructions = _blocking(_client.EvertideClient.liquidate_collateral_instructions)
    liquidate_orders = _blocking(_client.EvertideClient.liquidate_orders)
    liquidate_position = _blocking(_client.EvertideClient.liquidate_position)
    liquidate_position_instructions = _blocking(_client.EvertideClient.liquidate_position_instructions)
    liquidate_to_backstop = _blocking(_client.EvertideClient.liquidate_to_backstop)
    liquidate_with_orders = _blocking(_client.EvertideClient.liquidate_with_orders)
    liquidation_view = _blocking(_client.EvertideClient.liquidation_view)
    list_collateral = _blocking(_client.EvertideClient.list_collateral)
    list_market = _blocking(_client.EvertideClient.list_market)
    listing_change = _blocking(_client.EvertideClient.listing_change)
    market = _blocking(_client.EvertideClient.market)
    markets = _blocking(_client.EvertideClient.markets)
    match_orders = _blocking(_client.EvertideClient.match_orders)
    modify_order = _blocking(_client.EvertideClient.modify_order)
    name_successor = _blocking(_client.EvertideClient.name_successor)
    open_exchange = _blocking(_client.EvertideClient.open_exchange)
    open_order = _blocking(_client.EvertideClient.open_order)
    orders = _blocking(_client.EvertideClient.orders)
    pause = _blocking(_client.EvertideClient.pause)
    pay_builder = _blocking(_client.EvertideClient.pay_builder)
    pay_builder_instructions = _blocking(_client.EvertideClient.pay_builder_instructions)
    pay_referrer = _blocking(_client.EvertideClient.pay_referrer)
    pay_referrer_instructions = _blocking(_client.EvertideClient.pay_referrer_instructions)
    place_orders = _blocking(_client.EvertideClient.place_orders)
    place_orders_instructions = _blocking(_client.EvertideClient.place_orders_instructions)
    place_signed_orders = _blocking(_client.EvertideClient.place_signed_orders)
    place_signed_orders_instructions = _blocking(_client.EvertideClient.place_signed_orders_instructions)
    placement = _blocking(_client.EvertideClient.placement)
    propose_change = _blocking(_client.EvertideClient.propose_change)
    propose_change_instructions = _blocking(_client.EvertideClient.propose_change_instructions)
    refresh_instructions = _blocking(_client.EvertideClient.refresh_instructions)
    request_unstake = _blocking(_client.EvertideClient.request_unstake)
    request_withdraw = _blocking(_client.EvertideClient.request_withdraw)
    request_withdraw_instructions = _blocking(_client.EvertideClient.request_withdraw_instructions)
    resolve_bankruptcy = _blocking(_client.EvertideClient.resolve_bankruptcy)
    reveal_order = _blocking(_client.EvertideClient.reveal_order)
    reveal_order_instructions = _blocking(_client.EvertideClient.reveal_order_instructions)
    risk_cache = _blocking(_client.EvertideClient.risk_cache)
    send = _blocking(_client.EvertideClient.send)
    set_delegate = _blocking(_client.EvertideClient.set_delegate)
    set_limits = _blocking(_client.EvertideClient.set_limits)
    set_market_status = _blocking(_client.EvertideClient.set_market_status)
    settle_market = _blocking(_client.EvertideClient.settle_market)
    settle_pnl = _blocking(_client.EvertideClient.settle_pnl)
    sign_order = _blocking(_client.EvertideClient.sign_order)
    simulate = _blocking(_client.EvertideClient.simulate)
    stake = _blocking(_client.EvertideClient.stake)
    stake_insurance = _blocking(_client.EvertideClient.stake_insurance)
    touch_position = _blocking(_client.EvertideClient.touch_position)
    transfer = _blocking(_client.EvertideClient.transfer)
    transfer_instructions = _blocking(_client.EvertideClient.transfer_instructions)
    trigger_order = _blocking(_client.EvertideClient.trigger_order)
    trigger_order_instructions = _blocking(_client.EvertideClient.trigger_order_instructions)
    try_send = _blocking(_client.EvertideClient.try_send)
    update_mark = _blocking(_client.EvertideClient.update_mark)
    update_oracle = _blocking(_client.EvertideClient.update_oracle)
    update_trailing = _blocking(_client.EvertideClient.update_trailing)
    use_lookup_table = _blocking(_client.EvertideClient.use_lookup_table)
    user = _blocking(_client.EvertideClient.user)
    users_of = _blocking(_client.EvertideClient.users_of)
    valued = _blocking(_client.EvertideClient.valued)
    verify_order = _blocking(_client.EvertideClient.verify_order)
    view_health = _blocking(_client.EvertideClient.view_health)
    view_market = _blocking(_client.EvertideClient.view_market)
    what_if = _blocking(_client.EvertideClient.what_if)
    withdraw = _blocking(_client.EvertideClient.withdraw)


async def _make(rpc_url: str, options: dict[str, Any]) -> _client.EvertideClient:
    return _client.EvertideClient(rpc_url, **options)


async def _next(feed: Any) -> LandedEvent:
    found: LandedEvent = await anext(feed)
    return found
