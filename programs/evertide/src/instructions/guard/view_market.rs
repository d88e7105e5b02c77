//! `view_market`: prices, funding and open interest as return data.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{Market};

#[derive(Accounts)]
pub struct ViewMarket {
    pub market: Account<Market>,
}

pub fn view_market(_ctx: &mut Context<ViewMarket>) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
