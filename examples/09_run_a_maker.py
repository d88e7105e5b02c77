"""The same maker on a network: it quotes for some steps, then takes its quotes back.

    python examples/09_run_a_maker.py --rpc-url http://127.0.0.1:8899 --keypair trader-1.json --steps 20

A real cluster is another address and another key. Price rows must be fresh: keep `evertide keeper run` running beside
it. Should this program die, its orders do too, a minute later: the dead man's switch is armed before the first of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from decimal import Decimal
from pathlib import Path

from solders.keypair import Keypair

from evertide import EvertideClient, atoms_to_usdc
from evertide.strategies import (
    AvellanedaStoikovMaker,
    Intents,
    MakerSettings,
    RunLimits,
    RunSettings,
    View,
    run_on_chain,
)


class TalkingMaker(AvellanedaStoikovMaker):
    """The maker, saying what it has in the book."""

    def on_clock(self, view: View) -> Intents:
        market = view.market(self.settings.market)
        quotes = ", ".join(f"{order.side} {order.size_lots} at {order.price_ticks}" for order in market.orders)
        print(f"index {market.index_ticks} ticks, position {market.position_lots} lots, quotes: {quotes or 'none yet'}")
        return super().on_clock(view)


async def main(rpc_url: str, keypair: Keypair, steps: int) -> None:
    # Half a spread of 5 bps around the index, 1 SOL on each side, at most 5 SOL either way.
    settings = MakerSettings(
        market="SOL",
        order_size=Decimal(1),
        position_max=Decimal(5),
        half_spread_min_bps=Decimal(5),
        anchor="index",
    )
    # The run ends by itself when it has lost 50 USDC.
    limits = RunLimits(loss_max_atoms=50_000_000)
    async with EvertideClient(rpc_url, payer=keypair) as client:
        report = await run_on_chain(
            TalkingMaker(settings), client, RunSettings(interval_ms=300, steps_max=steps, limits=limits)
        )
    print(f"{report.placed} placed, {report.modified} changed, {report.fills} fills, left open: {report.left_open}")
    print(f"equity {atoms_to_usdc(report.equity_end_atoms):f} USDC")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rpc-url", default="http://127.0.0.1:8899")
    parser.add_argument("--keypair", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=20)
    given = parser.parse_args()
    asyncio.run(main(given.rpc_url, Keypair.from_bytes(bytes(json.loads(given.keypair.read_text()))), given.steps))
