//! Orders of every kind from dice, mostly sound ones, and now and then one that breaks a rule of its kind.

use super::{Machine, Rule};
use crate::{
    args::{KindArgs, OrderArgs},
    kinds::{conditional, iceberg, pegged, plain, reducing, scheduled, trailing, twap, Wish},
    state::{OrderKind, TimeInForce},
    terms::ticks,
};

/// Orders to be placed together, each with the name under which its fills are counted.
pub(super) struct Wished {
    pub wishes: Vec<Wish>,
    pub labels: Vec<&'static str>,
    pub group: u8,
}

impl Wished {
    fn one(wish: Wish, label: &'static str) -> Self {
        Self { wishes: vec![wish], labels: vec![label], group: 0 }
    }
}

/// Sorts of wishes.
const KINDS: u32 = 14;
/// Value of the dice from which on they say whether a wish is spoiled.
const SPOIL: u32 = 1 << 20;

/// Conditional kinds with the names of their fills.
const CONDITIONAL: [(OrderKind, &str); 4] = [
    (OrderKind::StopMarket, "stop-market"),
    (OrderKind::StopLimit, "stop-limit"),
    (OrderKind::TakeProfitMarket, "take-profit"),
    (OrderKind::TakeProfitLimit, "take-profit"),
];

impl Machine {
    /// Places one wish, or the two or three orders of a group.
    pub(super) fn place_wished(&mut self, row: usize, dice: [u32; 4]) {
        let wished = self.wished(row, dice);
        let first = self.world.orders(&self.traders[row]).next_order_id;
        let call = self.world.place_wishes(&self.traders[row], &wished.wishes, wished.group);
        if self.attempt(&call).is_some() {
            self.bear(row, first, &wished.labels);
            let orders: Vec<OrderArgs> = wished.wishes.into_iter().map(|(order, _)| order).collect();
            self.check_initial_margin(row, Some(&orders));
            if (dice[3] >> 10).is_multiple_of(3) {
                self.acting(Rule::Refresh, |machine| machine.refresh_all(1));
                for (order_id, order) in (first.max(1)..).zip(&orders) {
                    self.meet(row, order_id, order.market_index, dice[1] >> 9);
                }
            }
        }
    }

    /// Somebody of another owner takes what rests, at an index that is younger than the one who takes.
    fn meet(&mut self, row: usize, order_id: u64, market_index: u16, die: u32) {
        let quotes = self.quotes(market_index);
        let found = quotes.iter().find(|quote| quote.owner == row && quote.order.order_id == order_id);
        let Some(maker) = found.filter(|quote| quote.may_rest()) else { return };
        let authority = self.traders[row].authority;
        let others: Vec<usize> =
            self.living().into_iter().filter(|other| self.traders[*other].authority != authority).collect();
        let Some(&other) = others.get(die as usize % others.len().max(1)) else { return };
        let (buys, shown, lots) = (maker.is_ask(), maker.order.price_ticks, maker.order.size_lots);
        let price_ticks = if buys { shown + shown / 400 } else { shown - shown / 400 };
        let taker_id = self.world.orders(&self.traders[other]).next_order_id;
        let mut order = crate::traders::limit(market_index, !buys, price_ticks, lots.clamp(1, 5_000));
        order.time_in_force = TimeInForce::ImmediateOrCancel as u8;
        let call = self.world.place_orders(&self.traders[other], &[order]);
        if self.acting(Rule::Place, |machine| machine.attempt(&call)).is_none() {
            return;
        }
        self.acting(Rule::Refresh, |machine| machine.refresh_all(1));
        self.serve(other, taker_id, market_index, die);
    }

    /// A sound wish of this kind, by the number that `wished` knows it by.
    pub(super) fn place_kind(&mut self, row: usize, kind: u32, dice: [u32; 4]) {
        let [who, market, flavour, rest] = dice;
        let flavour = (flavour / KINDS).saturating_sub(1) * KINDS + kind;
        let sound = [who, market, flavour, rest & (SPOIL - 1) | SPOIL];
        self.acting(Rule::PlaceKind, |machine| machine.place_wished(row, sound));
    }

    fn wished(&self, row: usize, dice: [u32; 4]) -> Wished {
        let base = self.random_order(dice, 2);
        let held = self.size_of(row, base.market_index);
        let mut wished = match dice[2] % KINDS {
            kind @ 0..=3 => self.wished_conditional(&base, held, kind as usize, dice),
            4 | 5 => {
                let wish = trailing(base.ask, 5 + (dice[3] % 200) as u16, base.size_lots);
                Wished::one(self.at_market(wish, &base, dice), "trailing stop")
            }
            6 | 7 => self.wished_pegged(&base, dice),
            8 => {
                let count = 2 + (dice[3] % 4) as u16;
                let wish = twap(base.ask, base.size_lots + u64::from(count), count, 1 + dice[3] % 40);
                Wished::one(self.at_market(wish, &base, dice), "TWAP")
            }
            9 => {
                let display = (base.size_lots / 4).max(1);
                let wish = iceberg(base.ask, self.near(&base, 20), base.size_lots + 1, display);
                Wished::one(self.at_market(wish, &base, dice), "iceberg")
            }
            10 => self.wished_bracket(&base, dice),
            11 if held != 0 => self.wished_pair(&base, held, dice),
            12 => {
                let order = OrderArgs {
                    taker_phase_s: 5 + (dice[3] % 20) as u8,
                    auction_start_ticks: self.near(&base, -30),
                    ..self.plain_limit(&base, 30)
                };
                Wished::one(plain(order), "auction")
            }
            _ => {
                let wish = plain(self.plain_limit(&base, 30));
                let not_before_ms = self.world.now_ms() + i64::from(1 + dice[3] % 30) * 1_000;
                Wished::one(scheduled(wish, not_before_ms), "scheduled")
            }
        };
        if (dice[3] / SPOIL).is_multiple_of(7) {
            let at = (dice[3] >> 8) as usize % wished.wishes.len();
            spoil(&mut wished.wishes[at], dice[3] >> 23, self.world.now_ms());
        }
        wished
    }

    /// A good-till-cancelled limit order that reaches so many bps beyond the index.
    fn plain_limit(&self, base: &OrderArgs, reach_bps: i64) -> OrderArgs {
        let price_ticks = self.near(base, reach_bps);
        OrderArgs { market_index: base.market_index, ..crate::traders::limit(0, base.ask, price_ticks, base.size_lots) }
    }

    /// A price so many bps better for whoever meets the order than the index; negative: worse.
    fn near(&self, base: &OrderArgs, reach_bps: i64) -> u64 {
        let at = usize::from(base.market_index);
        let center = ticks(at, self.prices[at]) as i64;
        let off = center * reach_bps / 10_000;
        (if base.ask { center - off } else { center + off }) as u64
    }

    /// What the helpers made for the first market, in this one; sometimes with a client's id or watching another price.
    fn at_market(&self, (mut order, mut kind): Wish, base: &OrderArgs, dice: [u32; 4]) -> Wish {
        order.market_index = base.market_index;
        order.client_order_id = base.client_order_id;
        order.self_trade = base.self_trade;
        if (OrderKind::StopMarket as u8..=OrderKind::TrailingStop as u8).contains(&order.kind) {
            kind.trigger_source = [1, 1, 0, 2][(dice[3] >> 16) as usize % 4];
        }
        (order, kind)
    }

    /// Some way off the index on the side where it does not fire at once; of a holder mostly as an exit.
    fn wished_conditional(&self, base: &OrderArgs, held: i64, at: usize, dice: [u32; 4]) -> Wished {
        let (kind, label) = CONDITIONAL[at];
        let exit = held != 0 && !(dice[3] >> 4).is_multiple_of(3);
        let ask = if exit { held > 0 } else { base.ask };
        let distance = 2 + i64::from(dice[3] % 90);
        let takes_profit = at >= 2;
        // `near` moves a bid up: a stop that buys waits above, a take-profit that buys below.
        let base = OrderArgs { ask, ..base.clone() };
        let trigger_ticks = self.near(&base, if takes_profit { -distance } else { distance });
        let mut wish = self.at_market(conditional(kind, ask, trigger_ticks, base.size_lots), &base, dice);
        if wish.0.price_ticks != 0 {
            wish.0.price_ticks = self.near(&base, distance + 30);
        }
        Wished::one(if exit { reducing(wish) } else { wish }, label)
    }

    fn wished_pegged(&self, base: &OrderArgs, dice: [u32; 4]) -> Wished {
        let at = usize::from(base.market_index);
        let off = (ticks(at, self.prices[at]) * u64::from(dice[3] % 40) / 10_000) as i64;
        let offset = if base.ask { off } else { -off };
        let wish = pegged(base.ask, offset, self.near(base, 300), base.size_lots);
        Wished::one(self.at_market(wish, base, dice), "pegged")
    }

    /// An entry with its stop and its target.
    fn wished_bracket(&self, base: &OrderArgs, dice: [u32; 4]) -> Wished {
        let entry = plain(self.plain_limit(base, 10));
        let out = OrderArgs { ask: !base.ask, ..base.clone() };
        let stop = conditional(OrderKind::StopMarket, out.ask, self.near(&out, 60), base.size_lots);
        let trail = trailing(out.ask, 20 + (dice[3] % 80) as u16, base.size_lots);
        let stop = self.at_market(if dice[3].is_multiple_of(3) { trail } else { stop }, &out, dice);
        let mut target = self.plain_limit(&out, -20 - i64::from(dice[3] % 30));
        target.reduce_only = true;
        let mut stop = reducing(stop);
        stop.0.client_order_id = 0;
        let labels = vec!["bracket entry", "bracket exit", "bracket exit"];
        Wished { wishes: vec![entry, stop, plain(target)], labels, group: 1 }
    }

    /// Two exits of a position, of which one ends the other.
    fn wished_pair(&self, base: &OrderArgs, held: i64, dice: [u32; 4]) -> Wished {
        let out = OrderArgs { ask: held > 0, size_lots: held.unsigned_abs().min(base.size_lots), ..base.clone() };
        let mut target = self.plain_limit(&out, -5 - i64::from(dice[3] % 30));
        target.reduce_only = true;
        let stop = conditional(OrderKind::StopMarket, out.ask, self.near(&out, 50), out.size_lots);
        let mut stop = reducing(self.at_market(stop, &out, dice));
        stop.0.client_order_id = 0;
        let labels = vec!["one cancels the other"; 2];
        Wished { wishes: vec![plain(target), stop], labels, group: 2 }
    }

    /// Somebody of another owner rests an order that this one meets, as far as it can carry one.
    pub(super) fn offer_to(&mut self, row: usize, market_index: u16, buys: bool, lots: u64, die: u32) {
        let authority = self.traders[row].authority;
        let others: Vec<usize> =
            self.living().into_iter().filter(|other| self.traders[*other].authority != authority).collect();
        let Some(&maker) = others.get(die as usize % others.len().max(1)) else { return };
        let at = usize::from(market_index);
        let price_ticks = ticks(at, self.prices[at]);
        let order = crate::traders::post_only(market_index, buys, price_ticks, lots.clamp(1, 5_000));
        let call = self.world.place_orders(&self.traders[maker], &[order]);
        self.acting(Rule::Place, |machine| machine.attempt(&call));
        self.world.advance_slots(1);
    }

    /// An honest keeper matches this order now, if anything is there to meet it.
    pub(super) fn serve(&mut self, row: usize, order_id: u64, market_index: u16, die: u32) {
        let quotes = self.quotes(market_index);
        let found = quotes.iter().find(|quote| quote.owner == row && quote.order.order_id == order_id).copied();
        let Some(taker) = found.filter(|taker| !taker.is_post_only()) else { return };
        let makers = self.makers_for(&quotes, &taker);
        if !makers.is_empty() {
            self.acting(Rule::Match, |machine| machine.run_match(market_index, &taker, &makers, die));
        }
    }
}

/// Breaks a rule of the order's kind, or leaves it as it is where the rule is another kind's.
fn spoil((order, kind): &mut Wish, die: u32, now_ms: i64) {
    match die % 18 {
        0 => kind.trail_bps = if kind.trail_bps == 0 { 7 } else { 5_001 },
        1 => kind.trigger_source = 3,
        2 => kind.trigger_ticks = u64::MAX >> (die >> 8 & 31),
        3 => kind.peg_offset_ticks = i64::MIN >> (die >> 8 & 31),
        4 => kind.display_lots = order.size_lots + 1,
        5 => kind.slice_count = 1,
        6 => kind.slice_interval_s = u32::MAX,
        7 => *kind = KindArgs { not_before_ms: now_ms + 1_000, ..KindArgs::default() },
        8 => order.time_in_force = [TimeInForce::PostOnly, TimeInForce::FillOrKill][(die >> 8) as usize % 2] as u8,
        9 => order.expiry_ms = now_ms + 500,
        10 => order.size_lots = [0, u64::MAX, 1 << 45][(die >> 8) as usize % 3],
        11 => order.price_ticks = u64::MAX >> (die >> 8 & 31),
        12 => order.auction_start_ticks = 1 + (u64::from(die) >> 8),
        13 => order.self_trade = 3,
        14 => (order.builder_plus_one, order.builder_fee_tenth_bps) = (33, 5),
        15 => order.kind = 10 + (die >> 8) as u8 % 3,
        16 => order.reduce_only = !order.reduce_only,
        _ => order.market_index = (order.market_index + 1) % super::MARKETS,
    }
}
