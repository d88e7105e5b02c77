"""The same client without async: each call waits for its answer.

python examples/05_without_async.py --rpc-url http://127.0.0.1:8899 --keypair trader-1.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from solders.keypair import Keypair

from evertide import atoms_to_usdc, position_views
from evertide.sync import EvertideClient


def main(rpc_url: str, keypair: Keypair) -> None:
    with EvertideClient(rpc_url, payer=keypair) as client:
        cache, now_ms = client.risk_cache(), client.chain_time_ms()
        for address, user in client.users_of(keypair.pubkey()).items():
            print(f"{address}: {atoms_to_usdc(user.quote_atoms):f} USDC")
            for position in position_views(user, cache, now_ms=now_ms):
                gain = atoms_to_usdc(position.unrealised_atoms)
                print(f"  market {position.market_index}: {position.size_lots} lots, unrealised {gain:f} USDC")
            health = client.view_health(address)
            print(f"  free collateral {atoms_to_usdc(health.free_collateral_atoms):f} USDC")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rpc-url", default="http://127.0.0.1:8899")
    parser.add_argument("--keypair", type=Path, required=True)
    given = parser.parse_args()
    main(given.rpc_url, Keypair.from_bytes(bytes(json.loads(given.keypair.read_text()))))
