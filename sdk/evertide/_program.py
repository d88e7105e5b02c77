"""The program through anchorpy. The only module that imports it, and only from its submodules.

anchorpy reads the legacy form of the IDL and encodes through `dataclasses.asdict`, which needs the pickling that
`_trap` restores.
"""

from __future__ import annotations

from typing import Any

from anchorpy.program.core import Program
from anchorpy.provider import Provider, Wallet
from anchorpy_core.idl import Idl
from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Commitment
from solana.rpc.types import TxOpts
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from . import _trap  # noqa: F401
from ._errors import UsageError
from ._pda import PROGRAM_ID
from ._resources import legacy_idl_path


def program(provider: Any, program_id: Pubkey = PROGRAM_ID) -> Any:
    """An anchorpy `Program` of the exchange with an anchorpy `Provider`: `.account`, `.rpc`, `.instruction`, `.type`.

    `fetch_multiple` uses JSON-RPC batches, which not every node serves; `EvertideClient` reads many accounts without.
    """
    if provider is None:
        # anchorpy would take the key of whoever runs this from the home directory.
        raise UsageError("program needs a provider of anchorpy")
    return Program(Idl.from_json(legacy_idl_path().read_text()), program_id, provider)


def program_for(rpc_url: str, payer: Keypair | None, commitment: str, program_id: Pubkey = PROGRAM_ID) -> Any:
    """A `Program` with a provider of its own: `await program.close()` closes its connection."""
    wallet = Wallet(payer if payer is not None else Keypair())
    options = TxOpts(skip_preflight=False, preflight_commitment=Commitment(commitment))
    connection = AsyncClient(rpc_url, commitment=Commitment(commitment), timeout=10.0)
    return program(Provider(connection, wallet, options), program_id)
