"""The exchange on the chain in memory: the keepers' unit tests build the accounts, here they get their addresses."""

from __future__ import annotations

import keeper_world as kw
from model_chain import FIRST_SLOT, FIRST_UNIX_S, Chain

from evertide import collateral_address, exchange_address, market_address, risk_cache_address


def furnish(chain: Chain) -> None:
    """An open exchange with one market, priced at the chain's first second."""
    assert (kw.SLOT, kw.NOW_MS) == (FIRST_SLOT, FIRST_UNIX_S * 1000)
    for address, record in (
        (exchange_address(), kw.exchange()),
        (risk_cache_address(), kw.risk_cache()),
        (collateral_address(0), kw.quote()),
        (market_address(0), kw.market()),
    ):
        chain.accounts[address] = record.tobytes()
    chain._history = [(0, dict(chain.accounts))]
