//! A steady load while an application is saved again and again: what is refused, what is cut, what is closed.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nova_benches::Result;

use crate::socket::{Answer, Socket};
use crate::subject::{Subject, get};

/// How many clients share the requests of a second, so that a slow answer holds up few others.
const CLIENTS: u32 = 8;
/// How often each WebSocket exchanges a message.
const EXCHANGE: Duration = Duration::from_secs(2);
/// Between an edit that is served and the next save.
const REST: Duration = Duration::from_millis(300);
const TIMEOUT: Duration = Duration::from_secs(10);

/// What became of requests.
#[derive(Default)]
struct Requests {
    sent: u64,
    failed: u64,
    /// Connections that the server ended as it had said, or where nothing was sent yet.
    reopened: u64,
    longest: Duration,
}

/// What became of WebSockets.
#[derive(Default)]
struct Sockets {
    open: usize,
    closed: usize,
    wrong: usize,
    exchanged: u64,
    longest: Duration,
}

/// Saves so many times under load, and says what it did to the clients.
pub(crate) fn run(subject: &mut Subject, saves: usize, rate: u32, sockets: usize) -> Result<()> {
    let (server, url) = (subject.address(), subject.url());
    let connections = Socket::open(server, sockets)?;
    let stop = AtomicBool::new(false);
    let (fresh, kept, sockets, saved) = thread::scope(|scope| {
        let fresh: Vec<_> = (0..CLIENTS)
            .map(|number| {
                scope.spawn({
                    let stop = &stop;
                    move || paced(stop, rate, number, &mut |requests| fresh(server, url, requests))
                })
            })
            .collect();
        let kept: Vec<_> = (0..CLIENTS)
            .map(|number| {
                scope.spawn({
                    let stop = &stop;
                    move || {
                        let mut connection = None;
                        paced(stop, rate, number, &mut |requests| {
                            keep_alive(server, url, &mut connection, requests);
                        })
                    }
                })
            })
            .collect();
        let sockets = scope.spawn(|| exchange(&stop, connections));
        let saved = save(subject, saves);
        stop.store(true, Ordering::Relaxed);
        (sum(fresh), sum(kept), sockets.join(), saved)
    });
    let sockets = sockets.map_err(|_| "a client has panicked")?;
    saved?;
    for (what, requests) in [("fresh connections", fresh), ("kept connections", kept)] {
        println!(
            "{saves} saves, {rate} requests/s on {what}: {} of {} failed, longest {:.0} ms{}",
            requests.failed,
            requests.sent,
            requests.longest.as_secs_f64() * 1000.0,
            match requests.reopened {
                0 => String::new(),
                count => format!(", {count} connections ended by the server between requests"),
            },
        );
    }
    println!(
        "{saves} saves, WebSockets: {} of {} closed, {} lost state or order in {} messages, longest answer {:.0} ms",
        sockets.closed,
        sockets.open,
        sockets.wrong,
        sockets.exchanged,
        sockets.longest.as_secs_f64() * 1000.0,
    );
    Ok(())
}

/// Moves so many connections at one save. Says what the supervisor said of it.
pub(crate) fn many(subject: &mut Subject, connections: usize) -> Result<()> {
    let mut sockets = Socket::open(subject.address(), connections)?;
    let alive = |sockets: &mut [Socket]| {
        let answers = sockets.iter_mut().map(Socket::exchange);
        answers.filter(|answer| matches!(answer, Answer::Told(_))).count()
    };
    let before = alive(&mut sockets);
    let said = subject.lines().count();
    let saved = subject.save()?;
    let served = subject.serve(saved)?;
    let begin = Instant::now();
    let after = alive(&mut sockets);
    println!(
        "{connections} WebSockets, {before} alive: save → first changed response {:.2} s; {after} alive and in order \
         afterwards, asked one after another in {:.2} s",
        served.time.as_secs_f64(),
        begin.elapsed().as_secs_f64()
    );
    for line in subject.lines().after(said) {
        println!("  nova serve: {}", line.trim());
    }
    Ok(())
}

fn save(subject: &mut Subject, saves: usize) -> Result<()> {
    for _ in 0..saves {
        let saved = subject.save()?;
        subject.serve(saved)?;
        thread::sleep(REST);
    }
    Ok(())
}

/// Acts at a client's share of a rate, until it is to stop.
fn paced(stop: &AtomicBool, rate: u32, number: u32, act: &mut dyn FnMut(&mut Requests)) -> Requests {
    let interval = Duration::from_secs(1) * CLIENTS / rate.max(1);
    let mut next = Instant::now() + interval * number / CLIENTS;
    let mut requests = Requests::default();
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(next.saturating_duration_since(Instant::now()));
        next += interval;
        let begin = Instant::now();
        requests.sent += 1;
        act(&mut requests);
        requests.longest = requests.longest.max(begin.elapsed());
    }
    requests
}

fn fresh(server: SocketAddr, url: &str, requests: &mut Requests) {
    if get(server, url).is_err() {
        requests.failed += 1;
    }
}

/// Asks on a connection that is kept as long as the server keeps it. A connection that was ended while nothing was asked
/// on it is no failure: every client opens another. A request that was written and not answered is one.
fn keep_alive(server: SocketAddr, url: &str, connection: &mut Option<BufReader<TcpStream>>, requests: &mut Requests) {
    if connection
        .as_ref()
        .is_some_and(|connection| has_ended(connection.get_ref()))
    {
        *connection = None;
        requests.reopened += 1;
    }
    let kept = match connection.take() {
        Some(kept) => Ok(kept),
        None => connect(server),
    };
    match kept.and_then(|mut kept| Ok((request(&mut kept, server, url)?, kept))) {
        Ok((true, kept)) => *connection = Some(kept),
        Ok((false, _)) => requests.reopened += 1,
        Err(_) => requests.failed += 1,
    }
}

fn connect(server: SocketAddr) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

/// Whether the server has ended a connection on which nothing is asked.
fn has_ended(stream: &TcpStream) -> bool {
    let peeked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    let blocking = stream.set_nonblocking(false);
    let is_open = peeked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    !is_open || blocking.is_err()
}

/// Asks, and says whether the connection stays.
fn request(kept: &mut BufReader<TcpStream>, server: SocketAddr, url: &str) -> Result<bool> {
    kept.get_mut()
        .write_all(format!("GET {url} HTTP/1.1\r\nhost: {server}\r\n\r\n").as_bytes())?;
    let (mut length, mut stays, mut line) = (0, true, String::new());
    if kept.read_line(&mut line)? == 0 || !line.starts_with("HTTP/1.1 200 ") {
        return Err("no answer, or another than 200".into());
    }
    loop {
        line.clear();
        if kept.read_line(&mut line)? == 0 {
            return Err("half an answer".into());
        }
        match line.trim_end().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse()?,
            Some(("connection", "close")) => stays = false,
            Some(_) => {}
            None => break,
        }
    }
    kept.read_exact(&mut vec![0; length])?;
    Ok(stays)
}

/// A message on each connection by turns, and at the end one more on each.
fn exchange(stop: &AtomicBool, mut connections: Vec<Socket>) -> Sockets {
    let mut sockets = Sockets {
        open: connections.len(),
        ..Sockets::default()
    };
    let interval = EXCHANGE / u32::try_from(connections.len()).unwrap_or(u32::MAX).max(1);
    let mut next = Instant::now();
    while !connections.is_empty() {
        // What was left out is not made up for: a burst would be another load.
        let last = stop.load(Ordering::Relaxed);
        connections.retain_mut(|connection| {
            if !last {
                if stop.load(Ordering::Relaxed) {
                    return true;
                }
                next = (next + interval).max(Instant::now());
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
            let begin = Instant::now();
            let answer = connection.exchange();
            sockets.exchanged += 1;
            sockets.longest = sockets.longest.max(begin.elapsed());
            match answer {
                Answer::Told(_) => true,
                Answer::Wrong(_) => {
                    sockets.wrong += 1;
                    false
                }
                Answer::Closed => {
                    sockets.closed += 1;
                    false
                }
            }
        });
        if last {
            break;
        }
    }
    sockets
}

fn sum(clients: Vec<thread::ScopedJoinHandle<'_, Requests>>) -> Requests {
    let mut total = Requests::default();
    for client in clients.into_iter().filter_map(|client| client.join().ok()) {
        total.sent += client.sent;
        total.failed += client.failed;
        total.reopened += client.reopened;
        total.longest = total.longest.max(client.longest);
    }
    total
}
