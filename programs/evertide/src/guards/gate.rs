//! Gates and pauses: they stop new risk only, never cancels, deposits, reductions, liquidations, cranks or
//! bucketed withdrawals.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::Exchange;

/// Longest life of one pause, ms.
pub const PAUSE_MS: i64 = 30 * 60_000;

/// What a gate can close: the bit numbers of `Exchange::gates_closed`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Gate {
    /// Creating users.
    CreateUser = 0,
    /// Placing orders that are not reduce-only.
    PlaceOrders = 1,
    /// Fills that increase a position.
    MatchOrders = 2,
    /// Withdrawals beyond the floor, through the open lane.
    OpenLane = 3,
}

impl Gate {
    /// The gate of a bit number.
    pub fn of(number: u8) -> Result<Self> {
        match number {
            0 => Ok(Self::CreateUser),
            1 => Ok(Self::PlaceOrders),
            2 => Ok(Self::MatchOrders),
            3 => Ok(Self::OpenLane),
            _ => Err(EvertideError::GateUnknown.into()),
        }
    }

    /// Its bit in `gates_closed`.
    pub fn bit(self) -> u64 {
        1 << (self as u8)
    }
}

/// Refuses when the gate is closed or a pause runs.
pub fn require_gate(exchange: &Exchange, gate: Gate, now_ms: i64) -> Result<()> {
    require!(!is_closed(exchange, gate, now_ms), EvertideError::GateClosed);
    Ok(())
}

/// Whether the gate is closed, by itself or by a running pause.
pub fn is_closed(exchange: &Exchange, gate: Gate, now_ms: i64) -> bool {
    let closed = exchange.gates_closed & gate.bit() != 0;
    let pause_end_ms = exchange.pause_start_ms.saturating_add(PAUSE_MS);
    closed || (exchange.pause_start_ms != 0 && now_ms < pause_end_ms)
}

/// Refuses until `open_exchange`.
pub fn require_opened(exchange: &Exchange) -> Result<()> {
    require!(exchange.opened != 0, EvertideError::ExchangeNotOpen);
    Ok(())
}

/// Refuses after `open_exchange`.
pub fn require_bootstrap(exchange: &Exchange) -> Result<()> {
    require!(exchange.opened == 0, EvertideError::ExchangeAlreadyOpen);
    Ok(())
}
