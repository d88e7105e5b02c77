"""A local Solana network: start and stop the validator, deploy through the real loader, cheat where a test may.

net = start(folder, rpc_port=0, ws_port=0, slot_ms=20, hold=True)
with RpcClient(net.rpc_url) as rpc:
    cheats = Cheatcodes(rpc, slot_ms=net.slot_ms)
    cheats.fund(payer.pubkey(), 10**12)
    deploy(rpc, program_path(), program_keypair(), payer)
stop(folder)
"""

from __future__ import annotations

from evertide._localnet.cheatcodes import Cheatcodes, ForbiddenCheatError, rent_lamports
from evertide._localnet.keys import local_keypair, program_keypair
from evertide._localnet.loader import DeployError, deploy
from evertide._localnet.process import (
    ANY_FREE_PORT,
    Localnet,
    LocalnetRunningError,
    default_directory,
    start,
    status,
    stop,
)
from evertide._localnet.rpc import LocalnetError, LocalnetRpcError, LocalnetUnreachableError, RpcClient
from evertide._localnet.validator import ValidatorMissingError, ensure_validator

__all__ = [
    "ANY_FREE_PORT",
    "Cheatcodes",
    "DeployError",
    "ForbiddenCheatError",
    "Localnet",
    "LocalnetError",
    "LocalnetRpcError",
    "LocalnetRunningError",
    "LocalnetUnreachableError",
    "RpcClient",
    "ValidatorMissingError",
    "default_directory",
    "deploy",
    "ensure_validator",
    "local_keypair",
    "program_keypair",
    "rent_lamports",
    "start",
    "status",
    "stop",
]
