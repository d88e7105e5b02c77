"""The program through anchorpy: fetch an account, and build an instruction with its coder.

python examples/06_through_anchorpy.py --rpc-url http://127.0.0.1:8899
"""

from __future__ import annotations

import argparse
import asyncio

from evertide import EvertideClient, exchange_address, risk_cache_address


async def main(rpc_url: str) -> None:
    async with EvertideClient(rpc_url) as client:
        program = client.program()
        try:
            exchange = await program.account["Exchange"].fetch(exchange_address())
            print(f"anchorpy reads {exchange.market_count} markets, opened {bool(exchange.opened)}")
            cache = await program.account["RiskCache"].fetch(risk_cache_address())
            print(f"first mark: {cache.markets[0].mark_price_q32} (Q32 atoms per lot)")
        finally:
            await program.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rpc-url", default="http://127.0.0.1:8899")
    asyncio.run(main(parser.parse_args().rpc_url))
