"""Terms of the three standard markets and two collaterals, from the parameter table by tier, and terms files (TOML).

The table (initial margin, tier bounds, open-interest scale, liquidation fees, oracle limits) holds defaults proposed
for BTC/ETH and SOL; they want calibration on data before any real use. Units as in the accounts: atoms, bps, ms, lots.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evertide_cli.errors import ConfigProblem

if TYPE_CHECKING:
    from solders.pubkey import Pubkey

    from evertide import CollateralTerms, ExchangeTerms, MarketTerms, OracleRules

USDC = 1_000_000
SOL = 1_000_000_000
SYMBOL_BYTES = 16


@dataclass(frozen=True, slots=True)
class Tier:
    """One column of the parameter table. Bounds in whole USD, ratios in bps, ages in ms."""

    initial_ratio_bps: int
    bound_usd: tuple[int, int, int, int]
    open_interest_usd: tuple[int, int]
    liquidation_fee_bps: int
    insurance_fee_bps: int
    divergence_bps: int
    confidence_bps: int
    mark_radius_bps: int
    band_bps: int
    stress_bps: int
    insurance_day_usd: int
    stale_margin_ms: int = 45_000
    stale_fill_ms: int = 4_000


MAJOR = Tier(
    initial_ratio_bps=250,
    bound_usd=(1_000_000, 5_000_000, 20_000_000, 60_000_000),
    open_interest_usd=(300_000_000, 1_000_000_000),
    liquidation_fee_bps=25,
    insurance_fee_bps=15,
    divergence_bps=1_000,
    confidence_bps=50,
    mark_radius_bps=50,
    band_bps=250,
    stress_bps=80,
    insurance_day_usd=1_000_000,
)
LARGE = Tier(
    initial_ratio_bps=400,
    bound_usd=(500_000, 2_000_000, 8_000_000, 25_000_000),
    open_interest_usd=(150_000_000, 400_000_000),
    liquidation_fee_bps=40,
    insurance_fee_bps=20,
    divergence_bps=1_200,
    confidence_bps=75,
    mark_radius_bps=75,
    band_bps=300,
    stress_bps=130,
    insurance_day_usd=500_000,
)


@dataclass(frozen=True, slots=True)
class MarketPlan:
    """A standard market: tick in quote atoms per whole base unit, lot in 1e-9 base units, size limits in lots."""

    symbol: str
    tier: Tier
    tick_size_atoms: int
    lot_size_e9: int
    position_max_lots: int
    open_interest_max_lots: int
    impact_notional_atoms: int


MARKETS = (
    MarketPlan("BTC-PERP", MAJOR, 1_000_000, 100_000, 5_000_000, 500_000_000, 20_000 * USDC),
    MarketPlan("ETH-PERP", MAJOR, 100_000, 1_000_000, 5_000_000, 500_000_000, 15_000 * USDC),
    MarketPlan("SOL-PERP", LARGE, 10_000, 10_000_000, 5_000_000, 500_000_000, 8_000 * USDC),
)


def local_oracle(signer: Pubkey, tier: Tier) -> OracleRules:
    """A feed whose prices are arguments signed by `signer`; local exchanges only."""
    from evertide import OracleKind, OracleRules, constants

    return OracleRules(
        account=signer,
        feed_id=bytes(32),
        kind=int(OracleKind.LOCAL),
        samples_min=0,
        confidence_max_bps=tier.confidence_bps,
        volatility_max_bps=tier.divergence_bps,
        twap_step_max_bps=500,
        stale_margin_ms=tier.stale_margin_ms,
        stale_fill_ms=tier.stale_fill_ms,
        refused=bytes(constants.DEFAULT_ACTION_MATRIX),
    )


def market_terms(plan: MarketPlan, signer: Pubkey) -> MarketTerms:
    """Terms of a standard market on a local exchange."""
    from evertide import MarketTerms

    tier = plan.tier
    return MarketTerms(
        oracle=local_oracle(signer, tier),
        symbol=plan.symbol.encode().ljust(SYMBOL_BYTES, b"\0"),
        tick_size_atoms=plan.tick_size_atoms,
        lot_size_e9=plan.lot_size_e9,
        order_size_min_lots=1,
        position_max_lots=plan.position_max_lots,
        open_interest_max_lots=plan.open_interest_max_lots,
        impact_notional_atoms=plan.impact_notional_atoms,
        insurance_day_max_atoms=tier.insurance_day_usd * USDC,
        tier_bound_usd=tier.bound_usd,
        tier_ratio_bps=tuple(tier.initial_ratio_bps * factor for factor in (1, 2, 4, 10)),
        open_interest_lower_usd=tier.open_interest_usd[0],
        open_interest_upper_usd=tier.open_interest_usd[1],
        profit_weight_bps=10_000,
        liquidation_fee_bps=tier.liquidation_fee_bps,
        insurance_fee_bps=tier.insurance_fee_bps,
        mark_radius_bps=tier.mark_radius_bps,
        band_bps=tier.band_bps,
        breaker_bps=500,
        breaker_window_s=300,
        breaker_cooldown_s=60,
        interest_rate_e9=100_000,
        market_slippage_bps=100,
        stress_move_bps=tier.stress_bps,
        flags=0,
    )


def collateral_terms(kind: str, signer: Pubkey) -> CollateralTerms:
    """Terms of the local exchange's `USDC` (quote) or `SOL` collateral."""
    from evertide import CollateralTerms

    quote = kind == "USDC"
    return CollateralTerms(
        oracle=local_oracle(signer, LARGE),
        deposit_cap_atoms=10**9 * USDC if quote else 10**6 * SOL,
        user_cap_atoms=10**8 * USDC if quote else 10**5 * SOL,
        weight_initial_bps=10_000 if quote else 8_000,
        weight_maintenance_bps=10_000 if quote else 9_000,
        scale_thousand_usd=0 if quote else 10_000,
        liquidation_discount_bps=0 if quote else 300,
    )


def exchange_terms() -> ExchangeTerms:
    """Terms of a local exchange: four fee tiers, no withdrawal floor."""
    from evertide import ExchangeTerms, FeeTier, constants

    ladder = ((0, 40, 5), (5_000_000, 35, 2), (25_000_000, 30, 0), (100_000_000, 25, -3))
    tiers = [
        FeeTier(volume_atoms=volume * USDC, taker_fee_tenth_bps=taker, maker_fee_tenth_bps=maker)
        for volume, taker, maker in ladder
    ]
    unused = [FeeTier(volume_atoms=0, taker_fee_tenth_bps=0, maker_fee_tenth_bps=0)]
    return ExchangeTerms(
        fee_tiers=tuple(tiers + unused * (constants.FEE_TIERS_MAX - len(tiers))),
        fee_tier_count=len(tiers),
        withdrawal_floor_bps=0,
        lane_share_bps=100,
        keeper_share_bps=1_000,
        referrer_share_bps=1_500,
        insurance_share_bps=2_000,
        debt_cap_bps=1_000,
        debt_interest_bps=1_000,
        keeper_reward_min_atoms=1_000,
        keeper_reward_max_atoms=1 * USDC,
        lane_atoms=10_000 * USDC,
        user_notional_max_atoms=0,
        exchange_notional_max_atoms=0,
    )


def to_plain(terms: Any) -> dict[str, Any]:
    """Terms as plain values for TOML or JSON: addresses as base58, bytes as hex, symbols as text."""
    plain: dict[str, Any] = {}
    for item in dataclasses.fields(terms):
        value = getattr(terms, item.name)
        if item.name.startswith("padding"):
            continue
        if dataclasses.is_dataclass(value):
            plain[item.name] = to_plain(value)
        elif isinstance(value, (tuple, list)):
            plain[item.name] = [to_plain(part) if dataclasses.is_dataclass(part) else part for part in value]
        elif isinstance(value, bytes):
            plain[item.name] = value.rstrip(b"\0").decode() if item.name == "symbol" else value.hex()
        else:
            plain[item.name] = value if isinstance(value, (int, str)) else str(value)
    return plain


def read_terms(path: Path, kind: str) -> Any:
    """Terms from a TOML file; `kind` is the name of the SDK's class. Raises ConfigProblem."""
    import evertide

    try:
        values = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigProblem(f"cannot read terms file {path}: {error.strerror}", path=path) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigProblem(f"terms file {path} is not TOML: {error}", path=path) from None
    return _build(getattr(evertide, kind), values, str(path))


def _build(kind: Any, values: Mapping[str, Any], where: str) -> Any:
    import evertide

    wanted = {item.name: item for item in dataclasses.fields(kind) if not item.name.startswith("padding")}
    if unknown := sorted(set(values) - set(wanted)):
        raise ConfigProblem(f"{where}: unknown field {unknown[0]!r} of {kind.__name__}", field=unknown[0])
    if missing := sorted(set(wanted) - set(values)):
        raise ConfigProblem(f"{where}: field {missing[0]!r} of {kind.__name__} is missing", field=missing[0])
    built: dict[str, Any] = {}
    for name, value in values.items():
        if name == "oracle":
            built[name] = _build(evertide.OracleRules, _table(value, name, where), f"{where} [oracle]")
        elif name == "fee_tiers":
            built[name] = tuple(
                _build(evertide.FeeTier, _table(tier, name, where), f"{where} [{name}]") for tier in value
            )
        else:
            built[name] = _scalar(name, value, where)
    return kind(**built)


def _table(value: Any, name: str, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigProblem(f"{where}: {name} must be a table, found {value!r}", field=name)
    return value


def _scalar(name: str, value: Any, where: str) -> Any:
    """A field's value in the SDK's type: text becomes an address, bytes or a symbol by the field's name."""
    from solders.pubkey import Pubkey

    if isinstance(value, (bool, float)):
        raise ConfigProblem(f"{where}: {name} must be a whole number, found {value!r}", field=name)
    if isinstance(value, list):
        return tuple(_scalar(name, part, where) for part in value)
    if not isinstance(value, str):
        return value
    try:
        if name == "account":
            return Pubkey.from_string(value)
        if name == "symbol":
            return value.encode().ljust(SYMBOL_BYTES, b"\0")
        return bytes.fromhex(value)
    except ValueError as error:
        raise ConfigProblem(f"{where}: {name} {value!r} is not valid: {error}", field=name) from None
