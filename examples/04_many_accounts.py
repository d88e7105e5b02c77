"""All users as one numpy array: who holds what, without a Python object for each account.

python examples/04_many_accounts.py --rpc-url http://127.0.0.1:8899
"""

from __future__ import annotations

import argparse
import asyncio
import time

import numpy as np

from evertide import EvertideClient, atoms_to_usdc, decode_many


async def main(rpc_url: str) -> None:
    async with EvertideClient(rpc_url) as client:
        found = await client.accounts_info("User")
        started = time.perf_counter_ns()
        users = decode_many("User", [info.data for info in found])
        print(f"decoded {len(users)} users in {(time.perf_counter_ns() - started) // 1000} microseconds")
        print(f"quote: {atoms_to_usdc(int(users['quote_atoms'].sum())):f} USDC")
        positions = users["positions"]
        held = positions["market_plus_one"] != 0
        for plus_one in np.unique(positions["market_plus_one"][held]):
            lots = positions["basis_lots"][positions["market_plus_one"] == plus_one]
            longs, shorts = int(lots[lots > 0].sum()), -int(lots[lots < 0].sum())
            print(f"market {plus_one - 1}: {longs} lots long, {shorts} lots short in {lots.size} slots")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rpc-url", default="http://127.0.0.1:8899")
    asyncio.run(main(parser.parse_args().rpc_url))
