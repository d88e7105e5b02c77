"""Local signed prices: from micro-USD to `update_oracle`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from evertide_cli.terms import MARKETS

if TYPE_CHECKING:
    from solders.instruction import Instruction
    from solders.pubkey import Pubkey

    from .chain import Chain
    from .market_setup import Cast

CONFIDENCE_BPS = 2
SOL_COLLATERAL_INDEX = 1
SOL_SYMBOL = "SOL-PERP"


def confidence_micro(price_micro: int) -> int:
    """Confidence of a tape's price: 2 bps, rounded up."""
    return -(-price_micro * CONFIDENCE_BPS // 10_000)


def price_instructions(oracle: Pubkey, prices: Mapping[str, int], publish_time_ms: int) -> list[Instruction]:
    """`update_oracle` for each market, and for the SOL collateral by the price of SOL."""
    from evertide import LocalPrice, instructions

    made: list[Instruction] = []
    for index, plan in enumerate(MARKETS):
        price = prices[plan.symbol]
        local = LocalPrice(price=price, confidence=confidence_micro(price), publish_time_ms=publish_time_ms)
        made.append(instructions.update_oracle(oracle=oracle, market_index=index, price=local))
        if plan.symbol == SOL_SYMBOL:
            made.append(instructions.update_oracle(oracle=oracle, collateral_index=SOL_COLLATERAL_INDEX, price=local))
    return made


async def publish(chain: Chain, roles: Cast, prices: Mapping[str, int]) -> None:
    """Publish prices at the chain's present time."""
    made = price_instructions(roles.oracle.pubkey(), prices, await chain.now_ms())
    for instruction in made:
        await chain.send(roles.oracle, instruction)
