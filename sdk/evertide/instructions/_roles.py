"""Instructions of the roles after opening: gates, pauses, statuses, successors."""

from __future__ import annotations

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from evertide._assemble import assemble
from evertide._generated.constants import MarketStatus
from evertide._pda import PROGRAM_ID, exchange_address, market_address, risk_cache_address


def _by_role(name: str, signer: Pubkey, program_id: Pubkey, **args: object) -> Instruction:
    return assemble(name, program_id, {"signer": signer, "exchange": exchange_address(program_id)}, args)


def set_market_status(
    *,
    signer: Pubkey,
    market_index: int,
    status: int = MarketStatus.REDUCE_ONLY,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Make a market reduce-only at once; every other status waits in a change. Root, risk or guardian."""
    accounts = {
        "signer": signer,
        "exchange": exchange_address(program_id),
        "risk_cache": risk_cache_address(program_id),
        "market": market_address(market_index, program_id),
    }
    return assemble("set_market_status", program_id, accounts, {"status": int(status)})


def gate_disable(*, signer: Pubkey, gate: int, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Close a gate (`Gate`) at once, and take back a request to open it. Root, risk or guardian."""
    return _by_role("gate_disable", signer, program_id, gate=int(gate))


def gate_enable(*, signer: Pubkey, gate: int, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Ask for a closed gate to open: root or risk. 72 h later and within 7 days: open it, anyone."""
    return _by_role("gate_enable", signer, program_id, gate=int(gate))


def pause(*, signer: Pubkey, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Stop new risk for 30 min, at most three times in any 24 h. Root, risk or guardian."""
    return _by_role("pause", signer, program_id)


def lift_pause(*, signer: Pubkey, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """End a pause: the guardian at any time, anyone after its end."""
    return _by_role("lift_pause", signer, program_id)


def name_successor(
    *, signer: Pubkey, role: int, successor: Pubkey | None, program_id: Pubkey = PROGRAM_ID
) -> Instruction:
    """Name who may claim a role (`Role`) after 72 h: root.

    None withdraws the one named: root, or the guardian for every role but its own.
    """
    named = Pubkey.default() if successor is None else successor
    return _by_role("name_successor", signer, program_id, role=int(role), successor=named)


def claim_role(*, signer: Pubkey, role: int, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Take a role as its named successor, from 72 h after the naming and for 7 days."""
    return _by_role("claim_role", signer, program_id, role=int(role))
