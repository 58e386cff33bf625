//! Several connections in one channel, by chance.

use std::time::Duration;

use super::stage::Stage;
use crate::Frame;
use crate::testing::{Instant, Link, Rng, run_paused, seeds, sleep};

/// What each client receives, and when the last has come.
async fn chat(mut rng: Rng) -> (Vec<Vec<Frame>>, Duration) {
    let begun = Instant::now();
    let app = Stage::default().app().await;
    let mut clients = Vec::new();
    for _ in 0..=rng.below(5) {
        let mut client = app.websocket("/").link(Link::random(&mut rng)).await;
        client.send("join room");
        assert_eq!(client.receive_text().await, "done");
        clients.push(client);
    }
    let said = rng.below(60);
    let mut counts = vec![0; clients.len()];
    for _ in 0..said {
        let speaker = rng.below(clients.len());
        clients[speaker].send(format!("say room {speaker}:{}", counts[speaker]).as_str());
        counts[speaker] += 1;
        if rng.once_in(3) {
            sleep(Duration::from_millis(rng.below(10) as u64)).await;
        }
    }
    // All of them read all the time: one that did not would hold up what it says itself.
    let mut heard = vec![Vec::new(); clients.len()];
    while heard.iter().any(|heard| heard.len() < said) {
        for (client, heard) in clients.iter_mut().zip(&mut heard) {
            heard.extend(std::iter::from_fn(|| client.try_receive()));
        }
        sleep(Duration::from_millis(1)).await;
        assert!(begun.elapsed() < Duration::from_secs(100), "of {said}: {heard:?}");
    }
    let took = begun.elapsed();
    for client in &mut clients {
        client.expect_nothing(Duration::from_secs(1)).await;
    }
    (heard, took)
}

#[test]
fn each_hears_all_and_every_speaker_in_order() {
    seeds(100, async |rng| {
        for heard in chat(rng).await.0 {
            let mut counts = [0; 5];
            for frame in heard {
                let Frame::Text(text) = frame else { panic!("{frame:?}") };
                let (speaker, number) = text.split_once(':').unwrap();
                let count = &mut counts[speaker.parse::<usize>().unwrap()];
                assert_eq!(number, count.to_string(), "of {speaker}");
                *count += 1;
            }
        }
    });
}

#[test]
fn a_seed_says_who_is_heard_first() {
    for seed in 0..30 {
        assert_eq!(
            run_paused(chat(Rng::new(seed))),
            run_paused(chat(Rng::new(seed))),
            "seed {seed}"
        );
    }
}

#[test]
fn one_that_does_not_read_holds_up_nobody() {
    run_paused(async {
        let app = Stage::default().app().await;
        let open = async |link| {
            let mut client = app.websocket("/").link(link).await;
            client.send("join room");
            assert_eq!(client.receive_text().await, "done");
            client
        };
        let stuck = open(Link::new().window(1)).await;
        let mut speaker = open(Link::new()).await;
        for number in 0..3000 {
            let begun = Instant::now();
            speaker.send(format!("say room {number}").as_str());
            assert_eq!(speaker.receive().await, Frame::text(number.to_string()));
            assert_eq!(begun.elapsed(), Duration::ZERO);
        }
        // It has had a last second.
        sleep(Duration::from_secs(2)).await;
        assert_eq!(
            app.pubsub().local_members("room").len(),
            1,
            "the slow one has been closed"
        );
        drop(stuck);
    });
}
