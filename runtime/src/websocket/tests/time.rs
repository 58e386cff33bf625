//! What a connection does by the clock.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::stage::Stage;
use crate::Frame;
use crate::testing::{Cuts, End, Instant, Link, Rng, run_paused, seeds, sleep};

/// What a deadline may be late by: its tick, and the one that a connection's time stamp is behind.
const LATE: Duration = Duration::from_millis(40);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn silence_ends_between_the_idle_timeout_and_a_tenth_more() {
    seeds(40, async |mut rng| {
        let timeout = millis(rng.pick(&[400, 1_000, 5_000, 60_000]) + rng.below(100) as u64);
        let stage = Stage {
            idle_timeout: timeout,
            ..Stage::default()
        };
        let mut client = stage.app().await.websocket("/").await;
        // What is sent puts nothing off.
        client.send(format!("every {} tick", timeout.as_millis() / 7).as_str());
        assert_eq!(client.receive_text().await, "done");
        for _ in 0..rng.below(3) {
            // Any byte counts, if it is half a frame.
            sleep(timeout.mul_f64(0.85) + millis(rng.below(20) as u64)).await;
            client.send_raw([0x89, 0x80, 0, 0, 0, 0]);
            client.send_raw([0x89, 0x80, 0, 0]);
            sleep(timeout.mul_f64(0.85) + millis(rng.below(20) as u64)).await;
            client.send_raw([0, 0]);
        }
        let last_byte = Instant::now();
        let mut frame = client.receive_within(timeout).await;
        while frame == Frame::text("tick") || frame == Frame::Pong("".into()) {
            frame = client.receive_within(timeout * 2).await;
        }
        let silence = last_byte.elapsed();
        assert_eq!(frame, Frame::close(1000, ""));
        assert!(
            (timeout..=timeout.mul_f64(1.1)).contains(&silence),
            "{silence:?} of {timeout:?}"
        );
    });
}

#[test]
fn a_network_that_stands_still_is_silence() {
    run_paused(async {
        let stage = Stage::default();
        let mut client = stage.app().await.websocket("/").await;
        client.hold();
        client.send("in time");
        client.expect_nothing(Duration::from_secs(59)).await;
        client.release();
        assert_eq!(client.receive_text().await, "in time");
        client.hold();
        client.send("too late");
        sleep(Duration::from_secs(61)).await;
        assert_eq!(client.receive_close().await.code, Some(1000));
        assert_eq!(stage.settled().await.last().unwrap(), "terminate Timeout");
    });
}

#[test]
fn a_write_may_stand_still_for_30_seconds_and_be_as_slow_as_it_likes() {
    run_paused(async {
        let stage = Stage::default();
        let mut client = stage.app().await.websocket("/").link(Link::new().window(1)).await;
        client.send("send 9");
        // Eleven bytes, of which the first is taken at once.
        for _ in 0..10 {
            sleep(Duration::from_secs(29)).await;
            // Room for one byte more.
            assert_eq!(client.try_receive(), None);
        }
        assert_eq!(stage.noted(), ["Text(\"send 9\")"]);
        client.send("stop");
        assert_eq!(client.receive().await, Frame::binary(vec![0; 9]));
    });
}

#[test]
fn a_ping_is_answered_before_the_handler_sees_it() {
    run_paused(async {
        let rng = Arc::new(Mutex::new(Rng::new(1)));
        let stage = Stage {
            dawdling: Some((rng, Duration::from_secs(5))),
            ..Stage::default()
        };
        let mut client = stage.app().await.websocket("/").await;
        for number in 0..20_u8 {
            let sent = Instant::now();
            client.ping(vec![number]);
            assert_eq!(client.receive().await, Frame::Pong(vec![number].into()));
            assert_eq!(sent.elapsed(), Duration::ZERO);
            sleep(Duration::from_secs(6)).await;
            assert_eq!(stage.noted().len(), 1);
        }
    });
}

#[test]
fn a_timer_is_due_when_it_is_due() {
    seeds(50, async |mut rng| {
        let app = Stage::default().app().await;
        let mut client = app.websocket("/").await;
        sleep(millis(rng.below(1000) as u64)).await;
        let delay = millis(rng.below(10_000) as u64);
        let set = Instant::now();
        client.send(format!("once {} ring", delay.as_millis()).as_str());
        assert_eq!(client.receive_text().await, "done");
        assert_eq!(client.receive_within(delay + LATE).await, Frame::text("ring"));
        assert!(set.elapsed() >= delay, "{:?} of {delay:?}", set.elapsed());
        // Once.
        client.expect_nothing(Duration::from_secs(30)).await;
    });
}

#[test]
fn a_period_that_is_missed_is_not_made_up_for() {
    run_paused(async {
        let app = Stage::default().app().await;
        let mut client = app.websocket("/").await;
        let set = Instant::now();
        client.send("every 1000 tick");
        assert_eq!(client.receive_text().await, "done");
        for period in 1..=3 {
            assert_eq!(client.receive_text().await, "tick");
            let (due, now) = (Duration::from_secs(period), set.elapsed());
            assert!((due..=due + LATE).contains(&now), "the {period}th at {now:?}");
        }
        // At 3 s, until 7.5 s: those at 4, 5 and 6 are missed, and that at 7 s is late.
        client.send("sleep 4500");
        assert_eq!(client.receive_text().await, "slept");
        assert_eq!(client.receive_text().await, "tick");
        assert!(set.elapsed() < Duration::from_millis(7_600));
        for period in 8..=10 {
            assert_eq!(client.receive_text().await, "tick");
            let (due, now) = (Duration::from_secs(period), set.elapsed());
            assert!((due..=due + LATE).contains(&now), "the {period}th at {now:?}");
        }
        client.send("cancel");
        assert_eq!(client.receive_text().await, "Some(true)");
        client.expect_nothing(Duration::from_secs(30)).await;
    });
}

#[test]
fn a_callback_is_waited_for_until_the_drains_deadline() {
    run_paused(async {
        let stage = Stage::default();
        let app = stage.app().await;
        let mut client = app.websocket("/").await;
        client.send("sleep 20000");
        sleep(millis(1)).await;
        let begun = Instant::now();
        let ((), frames) = tokio::join!(app.shut_down(), async {
            let slept = client.receive_within(Duration::from_secs(25)).await;
            let close = client.receive().await;
            // It answers, so that there is nothing to linger for.
            client.half_close();
            vec![slept, close]
        });
        assert_eq!(
            super::closing::without_hint(frames),
            [Frame::text("slept"), Frame::close(1001, "")]
        );
        assert_eq!(stage.noted(), ["Text(\"sleep 20000\")", "terminate Shutdown"]);
        let took = begun.elapsed();
        assert!((19_990..20_100).contains(&took.as_millis()), "{took:?}");
    });
    run_paused(async {
        let stage = Stage {
            settings: vec![("NOVA_SERVER_SHUTDOWN_TIMEOUT", "10".to_owned())],
            ..Stage::default()
        };
        let app = stage.app().await;
        let mut client = app.websocket("/").await;
        client.send("sleep 20000");
        sleep(millis(1)).await;
        let begun = Instant::now();
        app.shut_down().await;
        assert_eq!(begun.elapsed().as_secs(), 10);
        assert_eq!(client.receive_end().await, End::Finished);
        assert_eq!(stage.noted(), ["Text(\"sleep 20000\")", "a callback was cancelled"]);
    });
}

#[test]
fn the_end_is_heard_by_a_connection_that_writes_slowly_whatever_else_it_is_told() {
    run_paused(async {
        let stage = Stage {
            idle_timeout: Duration::from_secs(5),
            ..Stage::default()
        };
        let app = stage.app().await;
        let open = || app.websocket("/").link(Link::new().window(10));
        let (mut ringing, mut idle) = (open().await, open().await);
        ringing.send("once 1000 ring");
        assert_eq!(ringing.receive_text().await, "done");
        for client in [&mut ringing, &mut idle] {
            client.send("send 100");
        }
        // The timer is due, and so is the idle timeout, and the client reads nothing.
        sleep(Duration::from_secs(6)).await;
        let begun = Instant::now();
        app.shut_down().await;
        let took = begun.elapsed().as_millis();
        assert!((1000..1100).contains(&took), "{took}");
        let noted = stage.noted();
        assert_eq!(noted[3..], ["terminate Shutdown", "terminate Shutdown"], "{noted:?}");
        ringing.reset();
        idle.reset();
    });
}

#[test]
fn the_end_waits_a_second_for_a_peer_that_takes_no_close() {
    run_paused(async {
        let stage = Stage::default();
        let app = stage.app().await;
        let mut client = app.websocket("/").link(Link::new().window(10)).await;
        // The whole frame, and nothing after it.
        client.send("send 8");
        sleep(millis(1)).await;
        let begun = Instant::now();
        app.shut_down().await;
        let took = begun.elapsed().as_millis();
        assert!((1000..1100).contains(&took), "{took}");
        assert_eq!(stage.noted(), ["Text(\"send 8\")", "terminate Shutdown"]);
    });
}

#[test]
fn a_peer_that_does_not_hang_up_is_lingered_for_a_second() {
    run_paused(async {
        let stage = Stage::default();
        let app = stage.app().await;
        let mut client = app.websocket("/").await;
        client.send("stop");
        assert_eq!(client.receive_close().await.code, Some(1000));
        // Read away, so that it does not reset the connection.
        client.send_binary(vec![0; 1_000_000]);
        sleep(millis(500)).await;
        assert_eq!(client.unread(), 0);
        let begun = Instant::now();
        app.shut_down().await;
        let took = begun.elapsed().as_millis();
        assert!((490..=510).contains(&took), "{took}");
    });
}

#[test]
fn a_handler_that_does_not_receive_leaves_what_comes() {
    run_paused(async {
        let stage = Stage::default();
        let app = stage.app().await;
        let link = Link::new().cuts_to_server(Cuts::every(17));
        let mut client = app.websocket("/").link(link).await;
        client.send("join feed");
        client.send("pause");
        assert_eq!(client.receive_text().await, "done");
        sleep(millis(1)).await;
        client.send("later");
        client.expect_nothing(Duration::from_secs(50)).await;
        assert_eq!(client.unread(), 11);
        app.pubsub().broadcast("feed", "event", "resume");
        assert_eq!(client.receive_text().await, "later");
        client.send("pause");
        client.send("never");
        // The idle timeout goes on.
        sleep(Duration::from_secs(66)).await;
        assert_eq!(client.receive_close().await.code, Some(1000));
        assert_eq!(stage.settled().await.last().unwrap(), "terminate Timeout");
    });
}
