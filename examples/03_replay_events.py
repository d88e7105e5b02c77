"""Replay every event since the first, check that none is missing, and compare the balances with the accounts.

    python examples/03_replay_events.py --rpc-url http://127.0.0.1:8899

One request for each transaction: meant for a local network. Ends with code 1 when a balance differs.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter

from solders.pubkey import Pubkey

from evertide import EvertideClient, SequenceChecker
from evertide.events import Deposited, PnlSettled, UserClosed, Withdrawn


async def main(rpc_url: str) -> int:
    async with EvertideClient(rpc_url) as client:
        history = await client.event_history()
        SequenceChecker().check_all(history)
        print(f"{len(history)} events, no gap:")
        for name, count in Counter(landed.name for landed in history).most_common():
            print(f"  {count:6} {name}")
        quote_atoms: dict[Pubkey, int] = {}
        for landed in history:
            event = landed.event
            if isinstance(event, Deposited | Withdrawn) and event.collateral_index == 0:
                quote_atoms[event.user] = event.balance_atoms
            elif isinstance(event, PnlSettled):
                quote_atoms[event.user] = event.quote_atoms
            elif isinstance(event, UserClosed):
                quote_atoms.pop(event.user, None)
        users = await client.fetch_all_by_address("User")
        wrong = [address for address, user in users.items() if quote_atoms.get(address, 0) != user.quote_atoms]
        print(f"{len(users)} users: {len(users) - len(wrong)} balances equal the replayed ones")
        return 1 if wrong else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rpc-url", default="http://127.0.0.1:8899")
    sys.exit(asyncio.run(main(parser.parse_args().rpc_url)))
