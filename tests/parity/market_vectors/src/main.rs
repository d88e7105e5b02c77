//! Accrues markets as the program does: standard input to standard output.
//!
//! In: for each market the time as 8 bytes, little-endian, then the bytes of its account, discriminator first. Out: for
//! each a byte, 1 where the program accepts, and the bytes of the account, which the program changes only then.

use std::io::{Error, ErrorKind, Read, Write};
use std::mem::size_of;

use evertide::engine::funding::accrue;
use evertide::guards::Now;
use evertide::state::Market;

const TIME_BYTES: usize = 8;
const DISCRIMINATOR_BYTES: usize = 8;

fn main() -> Result<(), Error> {
    let mut given = Vec::new();
    std::io::stdin().read_to_end(&mut given)?;
    let record = TIME_BYTES + DISCRIMINATOR_BYTES + size_of::<Market>();
    if given.len() % record != 0 {
        let why = format!("{} bytes are no whole number of records of {record}", given.len());
        return Err(Error::new(ErrorKind::InvalidData, why));
    }
    let mut out = std::io::stdout().lock();
    for each in given.chunks_exact(record) {
        let (time, account) = each.split_at(TIME_BYTES);
        let (discriminator, state) = account.split_at(DISCRIMINATOR_BYTES);
        let ms = i64::from_le_bytes(time.try_into().map_err(Error::other)?);
        let before: Market = bytemuck::pod_read_unaligned(state);
        let mut market = before;
        let accepted = accrue(&mut market, Now { ms, slot: 0 }).is_ok();
        let after = if accepted { &market } else { &before };
        out.write_all(&[u8::from(accepted)])?;
        out.write_all(discriminator)?;
        out.write_all(bytemuck::bytes_of(after))?;
    }
    Ok(())
}
