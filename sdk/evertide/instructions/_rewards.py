"""Instructions that pay builders and referrers what fills made markets owe them."""

from __future__ import annotations

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from evertide._assemble import assemble
from evertide._pda import PROGRAM_ID, collateral_address, exchange_address, market_address, orders_address


def pay_builder(
    *,
    market_index: int,
    entry: int,
    recipient: Pubkey,
    authority: Pubkey | None = None,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Pay the builder of an `entry` of the table (0 to 7) what a market owes it; `recipient` is the entry's account.

    While the market's deficit is open it is paid only with `authority`, the recipient's owner, who signs: the part
    that the pool backs; the rest is given up against the deficit.
    """
    accounts: dict[str, Pubkey | None] = {
        "exchange": exchange_address(program_id),
        "market": market_address(market_index, program_id),
        "quote": collateral_address(0, program_id),
        "recipient": recipient,
        "authority": authority,
    }
    return assemble("pay_builder", program_id, accounts, {"entry": entry})


def pay_referrer(
    *,
    market_index: int,
    user: Pubkey,
    recipient: Pubkey,
    authority: Pubkey | None = None,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Pay the referrer of `user`, whose account is `recipient`, out of a market what `user` owes it.

    `authority` as in `pay_builder`; here the owner of `user` may sign too.
    """
    accounts: dict[str, Pubkey | None] = {
        "exchange": exchange_address(program_id),
        "market": market_address(market_index, program_id),
        "quote": collateral_address(0, program_id),
        "user": user,
        "orders": orders_address(user, program_id),
        "recipient": recipient,
        "authority": authority,
    }
    return assemble("pay_referrer", program_id, accounts)
