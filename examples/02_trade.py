"""Trade: deposit, place a post-only bid and a reduce-only rule, change it, cancel it, withdraw.

    python examples/02_trade.py --rpc-url http://127.0.0.1:8899 --keypair trader-1.json

The keypair file holds a funded trader (`evertide localnet up` writes some). Price rows must be fresh: keep
`evertide keeper run` running beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from decimal import Decimal
from pathlib import Path

from solders.keypair import Keypair

from evertide import AccountNotFound, EvertideClient, NewOrder, TimeInForce, user_address
from evertide.errors import InitialMarginTooLow


async def main(rpc_url: str, keypair: Keypair) -> None:
    async with EvertideClient(rpc_url, payer=keypair) as client:
        user = user_address(keypair.pubkey())
        try:
            await client.user(user)
        except AccountNotFound:
            await client.create_user()
        deposit = await client.deposit("250.50")
        print(f"deposited 250.50 USDC for {deposit.compute_units} compute units, confirmed in {deposit.confirm_ms} ms")

        market = await client.market("SOL")
        index = (market.index_price_q32 >> 32) * 10**9 // market.terms.lot_size_e9
        price = Decimal(index * 9 // 10 // market.terms.tick_size_atoms * market.terms.tick_size_atoms) / 10**6
        bid = NewOrder(market="SOL", side="bid", size="1.5", price=price, time_in_force=TimeInForce.POST_ONLY)
        placed = await client.place_orders(user, [bid])
        order = placed.orders[0]
        print(f"order {order.order_id} rests: {order.size_lots} lots at {order.price_ticks} ticks")

        # The same request again changes nothing: the client order id makes placing idempotent.
        again = NewOrder(
            market="SOL", side="bid", size="1.5", price=price, time_in_force=TimeInForce.POST_ONLY,
            client_order_id=order.client_order_id,
        )  # fmt: skip
        repeated = await client.place_orders(user, [again])
        print(f"placed again: the same order {repeated.orders[0].order_id}, sent {repeated.confirmed is not None}")

        smaller = NewOrder(market="SOL", side="bid", size=1, price=price, time_in_force=TimeInForce.POST_ONLY)
        await client.modify_order(user, order.order_id, smaller)
        try:
            huge = NewOrder(market="SOL", side="bid", size=40_000, price=price, time_in_force=TimeInForce.POST_ONLY)
            await client.place_orders(user, [huge])
        except InitialMarginTooLow as error:
            print(f"refused: {error.rule}: {error.left} against {error.right} atoms")
        cancelled = await client.cancel_orders(user)
        print(f"cancelled {len(cancelled.events[0].orders)} order")
        await client.withdraw("250.50")
        print("withdrew 250.50 USDC")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rpc-url", default="http://127.0.0.1:8899")
    parser.add_argument("--keypair", type=Path, required=True)
    given = parser.parse_args()
    asyncio.run(main(given.rpc_url, Keypair.from_bytes(bytes(json.loads(given.keypair.read_text())))))
