//! The crate `orderbook-rs`: a book for many threads. Orders are built before the clock starts, and nobody listens.

use crate::Outcome;
use crate::message::{CANCEL, Fill, GTC, IOC, Level, MOVE, Message, POST_ONLY};
use cpu_time::ProcessTime;
use orderbook_rs::{Id, OrderBook, OrderType, Side, TimeInForce, TimestampMs};
use pricelevel::{Hash32, OrderUpdate, Price, Quantity};
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Arc, Mutex};

enum Operation {
    Add(OrderType<()>),
    Cancel(Id),
    Update(OrderUpdate),
    Again(OrderType<()>),
}

fn order(message: &Message) -> OrderType<()> {
    let id = Id::sequential(message.order_id);
    let (price, quantity) = (Price::new(message.price_ticks.into()), Quantity::new(message.lots));
    let side = if message.side == 0 { Side::Buy } else { Side::Sell };
    let (user_id, timestamp) = (Hash32::zero(), TimestampMs::new(1));
    if message.kind == POST_ONLY {
        let (time_in_force, extra_fields) = (TimeInForce::Gtc, ());
        return OrderType::PostOnly { id, price, quantity, side, user_id, timestamp, time_in_force, extra_fields };
    }
    let time_in_force = if message.kind == IOC { TimeInForce::Ioc } else { TimeInForce::Gtc };
    OrderType::Standard { id, price, quantity, side, user_id, timestamp, time_in_force, extra_fields: () }
}

fn operations(messages: &[Message]) -> Vec<Operation> {
    let mut placed: HashMap<u64, (u64, u8)> = HashMap::new();
    messages
        .iter()
        .map(|message| {
            let order_id = Id::sequential(message.order_id);
            match message.kind {
                GTC | IOC | POST_ONLY => {
                    placed.insert(message.order_id, (message.price_ticks, message.kind));
                    Operation::Add(order(message))
                }
                CANCEL => Operation::Cancel(order_id),
                MOVE => {
                    let (before, kind) = placed[&message.order_id];
                    placed.insert(message.order_id, (message.price_ticks, kind));
                    if before == message.price_ticks {
                        // Another size alone: any other update would lose the order's place.
                        let new_quantity = Quantity::new(message.lots);
                        return Operation::Update(OrderUpdate::UpdateQuantity { order_id, new_quantity });
                    }
                    // Half again as fast as `UpdatePriceAndQuantity`, which does the same.
                    Operation::Again(order(&Message { kind, ..*message }))
                }
                other => panic!("no such kind of message: {other}"),
            }
        })
        .collect()
}

fn run(book: &OrderBook<()>, operation: Operation) -> bool {
    match operation {
        Operation::Add(order) => black_box(book.add_order(order)).is_ok(),
        Operation::Cancel(order_id) => black_box(book.cancel_order(order_id)).is_ok(),
        Operation::Again(order) => {
            black_box(book.cancel_order(order.id())).is_ok() && black_box(book.add_order(order)).is_ok()
        }
        Operation::Update(update) => black_box(book.update_order(update)).is_ok(),
    }
}

/// Play all messages and tell every fill and what rests.
pub fn play(messages: &[Message]) -> Outcome {
    let found: Arc<Mutex<Vec<Fill>>> = Arc::default();
    let told = found.clone();
    let number = |id: Id| match id {
        Id::Sequential(number) => number,
        other => panic!("not an id of the stream: {other}"),
    };
    let book = OrderBook::<()>::with_trade_listener(
        "bench",
        Arc::new(move |trades| {
            told.lock().expect("one thread").extend(trades.match_result.trades().as_vec().iter().map(|trade| Fill {
                taker_id: number(trade.taker_order_id()),
                maker_id: number(trade.maker_order_id()),
                price_ticks: trade.price().as_u128() as u64,
                lots: trade.quantity().as_u64(),
            }));
        }),
    );
    for (operation, message) in operations(messages).into_iter().zip(messages) {
        assert!(run(&book, operation), "order {} refused", message.order_id);
    }
    let (bids, asks) = book.get_volume_by_price().expect("small sums");
    let levels = [(0, bids), (1, asks)]
        .into_iter()
        .flat_map(|(side, levels)| levels.into_iter().map(move |(price, lots)| (side, price as u64, lots)))
        .map(|(side, price_ticks, lots)| Level { side, price_ticks, lots })
        .filter(|level| level.lots > 0)
        .collect();
    let fills = found.lock().expect("one thread").clone();
    Outcome { fills, levels }
}

/// Nanoseconds of each batch after the prefill.
pub fn time(messages: &[Message], prefill: usize, batch: usize) -> Vec<u64> {
    let mut all = operations(messages);
    let timed = all.split_off(prefill);
    let book = OrderBook::<()>::new("bench");
    all.into_iter().for_each(|operation| assert!(run(&book, operation)));
    let mut left = timed.into_iter();
    (0..messages[prefill..].len().div_ceil(batch))
        .map(|_| {
            let start = ProcessTime::now();
            for operation in left.by_ref().take(batch) {
                black_box(run(&book, operation));
            }
            start.elapsed().as_nanos() as u64
        })
        .collect()
}
