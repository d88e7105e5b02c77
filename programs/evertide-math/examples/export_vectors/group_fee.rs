//! Fees and their split.

use evertide_math::fees::{self, FeeClaims, FeeTier, KeeperBounds};

use crate::registry::{atoms, bps, millis, narrow, ppm, unshaped, Function, Kind};
use Kind::{Amount, Atoms, Bps, Millis, Ppm, U64};

pub fn functions() -> Vec<Function> {
    let mut all = fee_functions();
    all.extend(split_functions());
    all
}

fn fee_functions() -> Vec<Function> {
    vec![
        Function {
            name: "fee",
            inputs: &[Amount, Ppm],
            outputs: 1,
            shape: unshaped,
            run: |v| Ok(vec![fees::fee(atoms(v[0])?, ppm(v[1])?)?.get().into()]),
        },
        Function {
            name: "discounted_fee",
            inputs: &[Atoms, Bps],
            outputs: 1,
            shape: unshaped,
            run: |v| Ok(vec![fees::discounted(atoms(v[0])?, bps(v[1])?)?.get().into()]),
        },
        Function {
            name: "fee_tier",
            inputs: &[U64, U64, U64, U64, U64],
            outputs: 1,
            shape: |v, random| {
                v[1..5].sort_unstable();
                if random.one_in(2) {
                    v[0] = v[1 + (random.word() % 4) as usize] + random.between(-1, 0);
                }
            },
            run: |v| {
                let mut tiers = [FeeTier::default(); fees::FEE_TIERS];
                for (number, tier) in tiers.iter_mut().enumerate() {
                    tier.volume_usd = narrow(v[1 + number])?;
                    tier.taker = ppm(number as i128)?;
                }
                Ok(vec![fees::tier_of(&tiers, narrow(v[0])?)?.taker.get().into()])
            },
        },
    ]
}

fn split_functions() -> Vec<Function> {
    vec![
        Function {
            name: "keeper_share",
            inputs: &[Amount, Amount, Amount, Millis],
            outputs: 1,
            shape: |v, random| {
                v[0] = random.between(0, 1 << 30);
                v[1] = random.between(0, 20_000);
                v[2] = v[1] + random.between(0, 1_000_000);
                v[3] = random.between(-1, 70_000);
            },
            run: |v| {
                let bounds = KeeperBounds { least: atoms(v[1])?, most: atoms(v[2])? };
                Ok(vec![fees::keeper_share(atoms(v[0])?, &bounds, millis(v[3])?)?.get().into()])
            },
        },
        Function {
            name: "keeper_share_at",
            inputs: &[Amount, Bps, Amount, Amount, Millis],
            outputs: 1,
            shape: |v, random| {
                v[0] = random.between(0, 1 << 30);
                v[1] = random.between(0, 5_000);
                v[2] = random.between(0, 20_000);
                v[3] = v[2] + random.between(0, 1_000_000);
                v[4] = random.between(-1, 70_000);
            },
            run: |v| {
                let bounds = KeeperBounds { least: atoms(v[2])?, most: atoms(v[3])? };
                Ok(vec![fees::keeper_share_at(atoms(v[0])?, bps(v[1])?, &bounds, millis(v[4])?)?.get().into()])
            },
        },
        Function {
            name: "split_fee",
            inputs: &[Amount, Amount, Amount, Amount, Amount, Amount],
            outputs: 6,
            shape: |v, random| {
                v.iter_mut().for_each(|claim| *claim = random.between(0, 1 << 24));
                v[0] *= 8;
            },
            run: |v| {
                let split = fees::split(&FeeClaims {
                    taker_fee: atoms(v[0])?,
                    maker_fee: atoms(v[1])?,
                    builder_fee: atoms(v[2])?,
                    rebate: atoms(v[3])?,
                    keeper: atoms(v[4])?,
                    referrer: atoms(v[5])?,
                })?;
                Ok([split.charged, split.rebate, split.builder, split.keeper, split.referrer, split.protocol]
                    .map(|part| part.get().into())
                    .to_vec())
            },
        },
        Function {
            name: "decayed_volume",
            inputs: &[U64, Millis],
            outputs: 1,
            shape: unshaped,
            run: |v| Ok(vec![fees::decayed_volume(narrow(v[0])?, millis(v[1])?)?.into()]),
        },
    ]
}
