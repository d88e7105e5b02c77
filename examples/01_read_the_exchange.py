"""Read the exchange: markets with prices and funding, the book, the insurance fund.

    python examples/01_read_the_exchange.py --rpc-url http://127.0.0.1:8899

Needs a running network, e.g. `evertide localnet up`. Reads only: no key is needed.
"""

from __future__ import annotations

import argparse
import asyncio

from evertide import (
    EvertideClient,
    atoms_to_usdc,
    e9_to_ratio,
    lots_to_size,
    price_q32_to_decimal,
    symbol,
    ticks_to_price,
)


async def main(rpc_url: str) -> None:
    async with EvertideClient(rpc_url) as client:
        exchange = await client.exchange()
        print(f"exchange: {exchange.market_count} markets, {exchange.collateral_count} collaterals")
        for market in await client.markets():
            terms = market.terms
            index = price_q32_to_decimal(market.index_price_q32, lot_size_e9=terms.lot_size_e9)
            mark = price_q32_to_decimal(market.mark_price_q32, lot_size_e9=terms.lot_size_e9)
            funding = e9_to_ratio(market.funding_rate_e9) * 100
            print(f"{symbol(market)}: index {index:f}, mark {mark:f}, funding {funding:f} % per hour")
            book = await client.book(market.index)
            for name, levels in (("ask", book.asks[:3][::-1]), ("bid", book.bids[:3])):
                for level in levels:
                    price = ticks_to_price(level.price_ticks, tick_size_atoms=terms.tick_size_atoms)
                    size = lots_to_size(level.size_lots, lot_size_e9=terms.lot_size_e9)
                    print(f"  {name} {price:f} x {size:f} ({level.order_count})")
        print(f"insurance: {atoms_to_usdc((await client.insurance()).balance_atoms):f} USDC")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rpc-url", default="http://127.0.0.1:8899")
    asyncio.run(main(parser.parse_args().rpc_url))
