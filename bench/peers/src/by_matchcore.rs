//! The crate `matchcore`: a state machine that is given commands in sequence. It numbers the orders by the sequence.

use crate::Outcome;
use crate::message::{CANCEL, Fill, GTC, IOC, Level, MOVE, Message, POST_ONLY};
use cpu_time::ProcessTime;
use matchcore::{
    AmendCmd, AmendPatch, CancelCmd, Command, CommandKind, CommandMeta, CommandOutcome, CommandReport, LimitOrder,
    LimitOrderPatch, NewOrder, OrderBook, OrderFlags, OrderId, OrderKind, Price, Quantity, QuantityPolicy,
    SequenceNumber, Side, SubmitCmd, TimeInForce, Timestamp,
};
use std::collections::HashMap;
use std::hint::black_box;

fn commands(messages: &[Message]) -> Vec<Command> {
    let mut sequence_of: HashMap<u64, u64> = HashMap::new();
    messages
        .iter()
        .zip(0u64..)
        .map(|(message, sequence)| {
            let meta = CommandMeta { sequence_number: SequenceNumber(sequence), timestamp: Timestamp(1) };
            let size = QuantityPolicy::Standard { quantity: Quantity(message.lots) };
            let kind = match message.kind {
                GTC | IOC | POST_ONLY => {
                    sequence_of.insert(message.order_id, sequence);
                    let side = if message.side == 0 { Side::Buy } else { Side::Sell };
                    let force = if message.kind == IOC { TimeInForce::Ioc } else { TimeInForce::Gtc };
                    let flags = OrderFlags::new(side, message.kind == POST_ONLY, force);
                    let order = LimitOrder::new(Price(message.price_ticks), size, flags);
                    CommandKind::Submit(SubmitCmd { order: NewOrder::Limit(order) })
                }
                CANCEL => CommandKind::Cancel(CancelCmd {
                    order_id: OrderId(sequence_of[&message.order_id]),
                    order_kind: OrderKind::Limit,
                }),
                MOVE => CommandKind::Amend(AmendCmd {
                    order_id: OrderId(sequence_of[&message.order_id]),
                    patch: AmendPatch::Limit(
                        LimitOrderPatch::new().with_price(Price(message.price_ticks)).with_quantity_policy(size),
                    ),
                }),
                other => panic!("no such kind of message: {other}"),
            };
            Command { meta, kind }
        })
        .collect()
}

/// Play all messages and tell every fill and what rests.
pub fn play(messages: &[Message]) -> Outcome {
    let mut book = OrderBook::new("bench");
    let mut fills = Vec::new();
    for (command, message) in commands(messages).iter().zip(messages) {
        let effects = match book.execute(command) {
            CommandOutcome::Applied(CommandReport::Submit(effects) | CommandReport::Amend(effects)) => effects,
            CommandOutcome::Applied(CommandReport::Cancel) => continue,
            CommandOutcome::Rejected(failure) => panic!("order {} refused: {failure:?}", message.order_id),
        };
        let trades = effects.target_order().match_result().map_or(&[][..], |found| found.trades());
        fills.extend(trades.iter().map(|trade| Fill {
            taker_id: message.order_id,
            maker_id: messages[trade.maker_order_id().0 as usize].order_id,
            price_ticks: trade.price().0,
            lots: trade.quantity().0,
        }));
    }
    let limit = book.limit();
    let levels = [(0, limit.bids()), (1, limit.asks())]
        .into_iter()
        .flat_map(|(side, prices)| prices.iter().map(move |(price, level)| (side, price.0, *level)))
        .map(|(side, price_ticks, level)| Level { side, price_ticks, lots: limit.levels()[level].total_quantity().0 })
        .filter(|level| level.lots > 0)
        .collect();
    Outcome { fills, levels }
}

/// Nanoseconds of each batch after the prefill.
pub fn time(messages: &[Message], prefill: usize, batch: usize) -> Vec<u64> {
    let all = commands(messages);
    let mut book = OrderBook::new("bench");
    all[..prefill].iter().for_each(|command| drop(book.execute(command)));
    all[prefill..]
        .chunks(batch)
        .map(|part| {
            let start = ProcessTime::now();
            for command in part {
                black_box(book.execute(black_box(command)));
            }
            start.elapsed().as_nanos() as u64
        })
        .collect()
}
