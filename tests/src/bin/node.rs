//! A node of a cluster, to be stopped and killed. It does what lines on its standard input say, and tells on its standard
//! error.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use nova::{Config, Environment, PubSub, Received, Subscription};

#[derive(Default)]
struct Count {
    received: AtomicU64,
    missed: AtomicU64,
    unknown: AtomicBool,
}

async fn listen(mut subscription: Subscription, count: Arc<Count>) {
    subscription.report_gaps();
    loop {
        match subscription.recv().await {
            Received::Message(_) => count.received.fetch_add(1, Ordering::SeqCst),
            Received::Gap(gap) => {
                count.unknown.fetch_or(gap.count.is_none(), Ordering::SeqCst);
                count.missed.fetch_add(gap.count.unwrap_or(0), Ordering::SeqCst)
            }
            Received::Missed(number) => count.missed.fetch_add(number, Ordering::SeqCst),
            other => unreachable!("{other:?}"),
        };
    }
}

async fn send(pubsub: PubSub, channel: String) {
    for number in 0_u64.. {
        pubsub.broadcast(&channel, "number", number.to_string());
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
}

#[tokio::main]
async fn main() -> nova::Result<()> {
    let pubsub = PubSub::connect(&Config::load(Environment::TEST)?)?;
    let count = Arc::new(Count::default());
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            // The end of the program is the end of this.
            let _ = sender.send(line);
        }
    });
    eprintln!("begun");
    loop {
        let line = match lines.try_recv() {
            Ok(line) => line,
            Err(mpsc::TryRecvError::Empty) => {
                tokio::time::sleep(Duration::from_millis(2)).await;
                continue;
            }
            Err(mpsc::TryRecvError::Disconnected) => break,
        };
        match line.split_once(' ') {
            Some(("join", channel)) => drop(tokio::spawn(listen(pubsub.subscribe(channel), Arc::clone(&count)))),
            Some(("send", channel)) => drop(tokio::spawn(send(pubsub.clone(), channel.to_owned()))),
            _ => {
                let [received, missed] = [&count.received, &count.missed].map(|count| count.load(Ordering::SeqCst));
                eprintln!("count {received} {missed} {}", count.unknown.load(Ordering::SeqCst));
            }
        }
    }
    pubsub.close().await;
    eprintln!("closed");
    Ok(())
}
