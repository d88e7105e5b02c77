//! The account whose field a change moves.

use anchor_lang::prelude::*;

use super::{fields, values, ChangeTarget, Field, FieldKind, Place, Value};
use crate::engine::quote::QUOTE_INDEX;
use crate::engine::rewards;
use crate::engine::row::{write_collateral_terms, write_market_status, write_market_terms};
use crate::error::EvertideError;
use crate::guards::bounds;
use crate::instructions::trader::deposit::STATUS_NO_DEPOSITS;
use crate::require_cmp;
use crate::state::{Collateral, Exchange, Market, MarketStatus, RiskCache};

/// One of the three accounts that hold parameters.
pub enum Subject<'a> {
    Exchange(&'a mut Exchange),
    Market(&'a mut Market),
    Collateral(&'a mut Collateral),
}

impl<'a> Subject<'a> {
    /// The market or the asset that is given, the exchange when none is; with its address.
    pub fn of(
        exchange: &'a mut Account<Exchange>,
        market: &'a mut Option<Account<Market>>,
        collateral: &'a mut Option<Account<Collateral>>,
    ) -> Result<(Address, Self)> {
        match (market, collateral) {
            (None, None) => Ok((*exchange.address(), Self::Exchange(exchange))),
            (Some(market), None) => Ok((*market.address(), Self::Market(market))),
            (None, Some(collateral)) => Ok((*collateral.address(), Self::Collateral(collateral))),
            _ => Err(EvertideError::TargetAmbiguous.into()),
        }
    }

    fn with_exchange<T>(&self, read: impl Fn(&Exchange) -> Result<T>) -> Result<T> {
        match self {
            Self::Exchange(exchange) => read(exchange),
            _ => Err(EvertideError::ChangeTargetWrong.into()),
        }
    }

    fn target(&self) -> ChangeTarget {
        match self {
            Self::Exchange(_) => ChangeTarget::Exchange,
            Self::Market(_) => ChangeTarget::Market,
            Self::Collateral(_) => ChangeTarget::Collateral,
        }
    }

    /// Refuses a field of another kind of account.
    pub fn require_holds(&self, field: &Field) -> Result<()> {
        require!(self.target() == field.target, EvertideError::ChangeTargetWrong);
        Ok(())
    }

    /// The field's value now; of 32 bytes the first 8.
    pub fn current(&self, field: &Field) -> Result<i64> {
        let (offset, kind) = match field.place {
            Place::Terms(offset) => (offset, field.kind),
            Place::Listing => return Ok(0),
            Place::Builder(at) => return self.with_exchange(|exchange| rewards::current(exchange, at)),
            Place::Status => {
                return Ok(match self {
                    Self::Market(market) => i64::from(market.status),
                    Self::Collateral(asset) => i64::from(asset.status),
                    Self::Exchange(_) => 0,
                })
            }
        };
        match self {
            Self::Exchange(exchange) => values::read(&exchange.terms, offset, kind),
            Self::Market(market) => values::read(&market.terms, offset, kind),
            Self::Collateral(asset) => values::read(&asset.terms, offset, kind),
        }
    }

    /// Refuses a value with which the whole of the terms would leave their bounds or the solvency envelope.
    pub fn check(&self, field: &Field, value: &Value, local: bool) -> Result<()> {
        let unused = if field.kind == FieldKind::Key { value.number == 0 } else { value.key == [0; 32] };
        require!(unused, EvertideError::ChangeValueUnfit);
        let offset = match field.place {
            Place::Terms(offset) => offset,
            Place::Status => return self.check_status(value.number),
            Place::Builder(at) => return self.with_exchange(|exchange| rewards::check(exchange, at, &value.key)),
            Place::Listing => {
                require!(value.key != [0; 32], EvertideError::ChangeValueUnfit);
                return Ok(());
            }
        };
        match self {
            Self::Exchange(exchange) => {
                bounds::check_exchange_terms(&values::with(&exchange.terms, offset, field.kind, value)?, local)
            }
            Self::Market(market) => {
                let terms = values::with(&market.terms, offset, field.kind, value)?;
                bounds::check_market_terms(&terms, local).map(|_| ())
            }
            Self::Collateral(asset) => {
                let terms = values::with(&asset.terms, offset, field.kind, value)?;
                bounds::check_collateral_terms(&terms, asset.index == QUOTE_INDEX, local)
            }
        }
    }

    /// A market goes back and forth up to settling, from where it never comes back; an asset takes deposits or does not.
    fn check_status(&self, status: i64) -> Result<()> {
        require_cmp!(status, >=, 0_i64, EvertideError::ChangeValueUnfit);
        match self {
            Self::Market(market) => {
                require_cmp!(market.status, <, MarketStatus::Settling as u8, EvertideError::StatusFinal);
                require_cmp!(status, <=, MarketStatus::Settling as i64, EvertideError::MarketTermsOutOfBounds);
            }
            _ => require_cmp!(status, <=, i64::from(STATUS_NO_DEPOSITS), EvertideError::CollateralTermsOutOfBounds),
        }
        Ok(())
    }

    /// Writes a value that was checked, and the row that readers value by.
    pub fn set(&mut self, field: &Field, value: &Value, cache: &mut RiskCache) -> Result<()> {
        let offset = match (field.place, &mut *self) {
            (Place::Terms(offset), _) => offset,
            (Place::Builder(at), Self::Exchange(exchange)) => return rewards::set(exchange, at, &value.key),
            _ => return self.set_status(value.number, cache),
        };
        match self {
            Self::Exchange(exchange) => {
                exchange.terms = values::with(&exchange.terms, offset, field.kind, value)?;
                Ok(())
            }
            Self::Market(market) => {
                market.terms = values::with(&market.terms, offset, field.kind, value)?;
                write_market_terms(market, cache)
            }
            Self::Collateral(asset) => {
                asset.terms = values::with(&asset.terms, offset, field.kind, value)?;
                write_collateral_terms(asset, cache)
            }
        }
    }

    fn set_status(&mut self, status: i64, cache: &mut RiskCache) -> Result<()> {
        let status = u8::try_from(status).map_err(|_| EvertideError::ChangeValueUnfit)?;
        match self {
            Self::Market(market) => {
                market.status = status;
                write_market_status(market, cache)
            }
            Self::Collateral(asset) => {
                asset.status = status;
                Ok(())
            }
            Self::Exchange(_) => Err(EvertideError::ChangeIsListing.into()),
        }
    }

    /// Refuses where time that has passed would be charged by the new value: a market's funding that is not accrued up to
    /// now.
    pub fn require_accrued(&self, field: &Field, now_ms: i64) -> Result<()> {
        if let Self::Market(market) = self {
            if fields::moves_funding(field.number) && market.index_price_q32 != 0 {
                require_cmp!(market.accrued_ms, ==, now_ms, EvertideError::NotAccrued);
            }
        }
        Ok(())
    }
}
