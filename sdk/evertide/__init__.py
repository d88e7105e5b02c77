"""Evertide: the Python SDK of a perpetual futures exchange on Solana.

    from evertide import EvertideClient, NewOrder

    async with EvertideClient("http://127.0.0.1:8899", payer=keypair) as client:
        market = await client.market("BTC-PERP")

Money is exact: Decimal, int or decimal text at the edge, integers inside, floats refused. `evertide.instructions` has
one builder per instruction, `evertide.errors` one class per error, `evertide.events` one per event, `evertide.math`
the exchange's arithmetic, `evertide.audit` replays of its events, `evertide.strategies` strategies and what runs them,
and `evertide.sync` the client without async. Every name is imported on first use, so that `import evertide` costs next
to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import audit as audit
    from . import errors as errors
    from . import events as events
    from . import instructions as instructions
    from . import strategies as strategies
    from . import sync as sync
    from ._changes import ChangeView as ChangeView
    from ._changes import UnknownParameter as UnknownParameter
    from ._changes import change_key as change_key
    from ._changes import change_view as change_view
    from ._changes import listing_key as listing_key
    from ._changes import parameter as parameter
    from ._changes import parameter_of as parameter_of
    from ._changes import proposed_value as proposed_value
    from ._client import EvertideClient as EvertideClient
    from ._client_keeper import settled_atoms as settled_atoms
    from ._client_queue import stake_worth as stake_worth
    from ._client_trader import Placed as Placed
    from ._commitments import HiddenOrder as HiddenOrder
    from ._commitments import committed_order_id as committed_order_id
    from ._commitments import order_commitment as order_commitment
    from ._errors import *  # noqa: F403
    from ._events import LandedEvent as LandedEvent
    from ._events import SequenceChecker as SequenceChecker
    from ._events import decode_event as decode_event
    from ._events import transaction_events as transaction_events
    from ._failure import program_error as program_error
    from ._feed import follow as follow
    from ._generated import constants as constants
    from ._generated.accounts import *  # noqa: F403
    from ._generated.constants import ChangeClass as ChangeClass
    from ._generated.constants import ChangeStatus as ChangeStatus
    from ._generated.constants import Gate as Gate
    from ._generated.constants import LinkedChange as LinkedChange
    from ._generated.constants import MarketStatus as MarketStatus
    from ._generated.constants import OracleKind as OracleKind
    from ._generated.constants import OrderKind as OrderKind
    from ._generated.constants import Role as Role
    from ._generated.constants import SelfTradeRule as SelfTradeRule
    from ._generated.constants import SkipReason as SkipReason
    from ._generated.constants import TimeInForce as TimeInForce
    from ._generated.constants import TriggerSource as TriggerSource
    from ._generated.constants import WakeOutcome as WakeOutcome
    from ._generated.parameters import PARAMETERS as PARAMETERS
    from ._generated.parameters import Parameter as Parameter
    from ._generated.types import *  # noqa: F403
    from ._ladder import Ladder as Ladder
    from ._ladder import LadderRung as LadderRung
    from ._ladder import LiquidationView as LiquidationView
    from ._ladder import ladder as ladder
    from ._ladder import liquidation_view as liquidation_view
    from ._layouts import decode_many as decode_many
    from ._layouts import dtype as dtype
    from ._lookup_tables import create_lookup_table as create_lookup_table
    from ._lookup_tables import exchange_addresses as exchange_addresses
    from ._lookup_tables import extend_lookup_table as extend_lookup_table
    from ._lookup_tables import fetch_lookup_table as fetch_lookup_table
    from ._order_groups import bracket as bracket
    from ._order_groups import one_cancels_other as one_cancels_other
    from ._order_groups import scale as scale
    from ._order_terms import OrderTerms as OrderTerms
    from ._order_terms import effective_ticks as effective_ticks
    from ._order_terms import order_terms as order_terms
    from ._order_terms import pegs_ready as pegs_ready
    from ._orders import NewOrder as NewOrder
    from ._orders import by_all as by_all
    from ._orders import by_client_order_ids as by_client_order_ids
    from ._orders import by_market as by_market
    from ._orders import by_order_ids as by_order_ids
    from ._orders import by_side as by_side
    from ._orders import is_ask as is_ask
    from ._orders import is_immediate as is_immediate
    from ._orders import is_live as is_live
    from ._orders import is_void as is_void
    from ._orders import new_client_order_id as new_client_order_id
    from ._orders import placement as placement
    from ._orders import rests as rests
    from ._outcome import Confirmed as Confirmed
    from ._outcome import Failed as Failed
    from ._outcome import Outcome as Outcome
    from ._outcome import SendOptions as SendOptions
    from ._outcome import Simulation as Simulation
    from ._pda import PROGRAM_ID as PROGRAM_ID
    from ._pda import TOKEN_PROGRAM_ID as TOKEN_PROGRAM_ID
    from ._pda import associated_token_address as associated_token_address
    from ._pda import backstop_address as backstop_address
    from ._pda import change_address as change_address
    from ._pda import collateral_address as collateral_address
    from ._pda import event_authority_address as event_authority_address
    from ._pda import exchange_address as exchange_address
    from ._pda import insurance_address as insurance_address
    from ._pda import market_address as market_address
    from ._pda import orders_address as orders_address
    from ._pda import program_data_address as program_data_address
    from ._pda import risk_cache_address as risk_cache_address
    from ._pda import stake_address as stake_address
    from ._pda import to_address as to_address
    from ._pda import user_address as user_address
    from ._pda import vault_address as vault_address
    from ._permissions import Permission as Permission
    from ._program import program as program
    from ._reading import Book as Book
    from ._reading import Level as Level
    from ._reading import Resting as Resting
    from ._reading import decode as decode
    from ._reading import symbol as symbol
    from ._refresh import Feeds as Feeds
    from ._rewards import BuilderView as BuilderView
    from ._rewards import UnknownBuilder as UnknownBuilder
    from ._rewards import builder_views as builder_views
    from ._roles import GateView as GateView
    from ._roles import PauseView as PauseView
    from ._roles import RoleView as RoleView
    from ._roles import gate_views as gate_views
    from ._roles import pause_view as pause_view
    from ._roles import role_views as role_views
    from ._rpc import AccountInfo as AccountInfo
    from ._rpc import RpcClient as RpcClient
    from ._rpc import memcmp as memcmp
    from ._rpc_pool import RpcPool as RpcPool
    from ._sender import Sender as Sender
    from ._signed import ED25519_PROGRAM_ID as ED25519_PROGRAM_ID
    from ._signed import SignedOrder as SignedOrder
    from ._signed import SignedOrderInvalid as SignedOrderInvalid
    from ._signed import SignedTerms as SignedTerms
    from ._signed import ed25519_instruction as ed25519_instruction
    from ._signed import sign_order as sign_order
    from ._signed import signed_order_domain as signed_order_domain
    from ._signed import signed_terms as signed_terms
    from ._signed import verify_order as verify_order
    from ._transaction import COMPUTE_UNITS_MAX as COMPUTE_UNITS_MAX
    from ._transaction import PACKET_BYTES_MAX as PACKET_BYTES_MAX
    from ._units import atoms_to_token as atoms_to_token
    from ._units import atoms_to_usdc as atoms_to_usdc
    from ._units import bps_to_ratio as bps_to_ratio
    from ._units import e9_to_ratio as e9_to_ratio
    from ._units import lots_to_size as lots_to_size
    from ._units import price_q32_to_decimal as price_q32_to_decimal
    from ._units import price_to_ticks as price_to_ticks
    from ._units import size_to_lots as size_to_lots
    from ._units import ticks_to_price as ticks_to_price
    from ._units import to_decimal as to_decimal
    from ._units import token_to_atoms as token_to_atoms
    from ._units import usdc_to_atoms as usdc_to_atoms
    from ._unsigned import DecodedAccount as DecodedAccount
    from ._unsigned import DecodedInstruction as DecodedInstruction
    from ._unsigned import UnsignedTransaction as UnsignedTransaction
    from ._unsigned import decode_transaction as decode_transaction
    from ._views import PositionView as PositionView
    from ._views import Valuation as Valuation
    from ._views import position_view as position_view
    from ._views import position_views as position_views
    from ._views import valuation as valuation
    from ._what_if import Health as Health
    from ._what_if import WhatIf as WhatIf
    from ._what_if import max_liquidatable as max_liquidatable
    from .instructions._changes import ChangeTarget as ChangeTarget

__version__ = "0.1.0"

_NAMES = {
    "_commitments": "HiddenOrder committed_order_id order_commitment",
    "_client_queue": "stake_worth",
    "instructions._changes": "ChangeTarget",
    "_generated.parameters": "PARAMETERS Parameter",
    "_changes": "ChangeView UnknownParameter change_key change_view listing_key parameter parameter_of proposed_value",
    "_order_terms": "OrderTerms effective_ticks order_terms pegs_ready",
    "_order_groups": "bracket one_cancels_other scale",
    "_client": "EvertideClient",
    "_client_keeper": "settled_atoms",
    "_client_trader": "Placed",
    "_events": "LandedEvent SequenceChecker decode_event transaction_events",
    "_failure": "program_error",
    "_feed": "follow",
    "_ladder": "Ladder LadderRung LiquidationView ladder liquidation_view",
    "_layouts": "decode_many dtype",
    "_lookup_tables": "create_lookup_table exchange_addresses extend_lookup_table fetch_lookup_table",
    "_orders": "NewOrder by_all by_client_order_ids by_market by_order_ids by_side is_ask is_immediate is_live is_void "
    "new_client_order_id placement rests",
    "_outcome": "Confirmed Failed Outcome SendOptions Simulation",
    "_pda": "PROGRAM_ID TOKEN_PROGRAM_ID associated_token_address backstop_address change_address collateral_address "
    "event_authority_address exchange_address insurance_address market_address orders_address program_data_address "
    "risk_cache_address stake_address to_address user_address vault_address",
    "_permissions": "Permission",
    "_program": "program",
    "_reading": "Book Level Resting decode symbol",
    "_refresh": "Feeds",
    "_rewards": "BuilderView UnknownBuilder builder_views",
    "_roles": "GateView PauseView RoleView gate_views pause_view role_views",
    "_rpc": "AccountInfo RpcClient memcmp",
    "_rpc_pool": "RpcPool",
    "_sender": "Sender",
    "_signed": "ED25519_PROGRAM_ID SignedOrder SignedOrderInvalid SignedTerms ed25519_instruction sign_order "
    "signed_order_domain signed_terms verify_order",
    "_transaction": "COMPUTE_UNITS_MAX PACKET_BYTES_MAX",
    "_units": "atoms_to_token atoms_to_usdc bps_to_ratio e9_to_ratio lots_to_size price_q32_to_decimal price_to_ticks "
    "size_to_lots ticks_to_price to_decimal token_to_atoms usdc_to_atoms",
    "_unsigned": "DecodedAccount DecodedInstruction UnsignedTransaction decode_transaction",
    "_views": "PositionView Valuation position_view position_views valuation",
    "_what_if": "Health WhatIf max_liquidatable",
}
_PLACES = {name: module for module, names in _NAMES.items() for name in names.split()}
_MODULES = ("audit", "errors", "events", "instructions", "math", "strategies", "sync")
# Whole modules whose public names are also names of the package, in this order.
_OPEN_MODULES = ("_errors", "_generated.types", "_generated.accounts", "_generated.constants")


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name == "constants":
        return import_module("._generated.constants", __name__)
    value: Any
    if name in _PLACES:
        value = getattr(import_module(f".{_PLACES[name]}", __name__), name)
    elif name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    else:
        for place in _OPEN_MODULES:
            module = import_module(f".{place}", __name__)
            if hasattr(module, name):
                value = getattr(module, name)
                break
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Every public name."""
    found = {*_PLACES, *_MODULES, "constants"}
    for place in _OPEN_MODULES:
        found |= {name for name in vars(import_module(f".{place}", __name__)) if name[0].isupper()}
    return sorted(found)
