//! Sessions that several nodes share: in a key/value bucket of NATS.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::kv::{self, UpdateErrorKind};
use async_nats::jetstream::stream::{self, LastRawMessageErrorKind};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};

use super::{Changes, Record, Store, id, record};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::problem::Problem;
use crate::pubsub::{Broker, Reached};
use crate::session::SessionOptions;

/// How long one call may take, with a connection that has to be made first.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a change is tried again that others were faster with.
const ATTEMPTS: u32 = 16;
/// By which the broker marks what is deleted.
const OPERATION: &str = "KV-Operation";

/// Sessions that several nodes share, in a key/value bucket of NATS (`JetStream`, from version 2.9 on). Of the feature
/// `nats-sessions`.
///
/// ```no_run
/// # fn routes() -> nova::Routes { nova::Routes::new() }
/// use nova::session::NatsStore;
///
/// fn main() -> nova::Result<()> {
///     nova::App::new(routes).sessions(NatsStore::new()).run()
/// }
/// ```
///
/// The broker is that of the section `[pubsub]`, whether pub/sub is linked over it or not, with its user, its keys and its
/// TLS; it needs `jetstream` switched on (`nats-server -js`). The bucket is named by `pubsub.prefix`, as `nova-sessions`, and is
/// made where there is none: on disk, with one replica unless [`replicas`](Self::replicas) says otherwise, and for entries as
/// old as `session.idle_timeout`. One that is there is used as it is. All nodes need the same `session.key`.
///
/// # What nodes do at a time
///
/// What one node has saved, all see at their next request: it is read from the bucket's leader. A change is written by
/// the revision that it was made from. Where another node has written meanwhile it is made once more, on what is there by then,
/// so that of two requests each keeps its changes, and of the same key the one that is saved last wins. What one node
/// has ended no other brings back. To load a session is one question to the broker, to save a changed one two.
///
/// # When the broker is away
///
/// A request that asks for its session is then 503 (a [`Problem`]), within 2 seconds; others are answered as ever. The log
/// says why. The client connects again by itself, and what was saved is there when the broker is. What a request was
/// changing when it broke off may be saved or not.
pub struct NatsStore {
    bucket: Option<String>,
    replicas: usize,
    settings: Option<Settings>,
    /// Set at the first call.
    reached: OnceCell<Reached>,
    /// The bucket, as long as nothing goes wrong with it. Held for some moves of memory only.
    found: Mutex<Option<Arc<kv::Store>>>,
}

struct Settings {
    broker: Broker,
    bucket: String,
    max_age: Duration,
}

impl Settings {
    /// The stream that the bucket is (ADR-8 of NATS).
    fn stream(&self, replicas: usize) -> stream::Config {
        stream::Config {
            name: format!("KV_{}", self.bucket),
            description: Some("sessions of a Nova application".to_owned()),
            subjects: vec![format!("$KV.{}.>", self.bucket)],
            max_messages_per_subject: 1,
            discard: stream::DiscardPolicy::New,
            max_age: self.max_age,
            duplicate_window: self.max_age.min(Duration::from_mins(2)),
            num_replicas: replicas,
            max_messages: -1,
            max_bytes: -1,
            max_message_size: -1,
            max_consumers: -1,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: true,
            ..stream::Config::default()
        }
    }
}

/// What is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// In seconds since 1970.
    expires: u64,
    record: Record,
}

impl NatsStore {
    /// A store in the bucket that is named by the settings.
    pub fn new() -> Self {
        Self {
            bucket: None,
            replicas: 1,
            settings: None,
            reached: OnceCell::new(),
            found: Mutex::default(),
        }
    }

    /// Uses the bucket of this name: letters, digits, `-` and `_`.
    #[must_use]
    pub fn bucket(mut self, name: impl Into<String>) -> Self {
        self.bucket = Some(name.into());
        self
    }

    /// Where the bucket is yet to be made, so many brokers have it: 1, 3 or 5.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// Does something with the bucket, in time.
    async fn with<T>(&self, work: impl AsyncFnOnce(&kv::Store) -> Result<T, String>) -> Result<T> {
        let working = async {
            let bucket = self.open().await?;
            work(&bucket).await
        };
        let worked = timeout(PATIENCE, working).await;
        worked
            .unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")))
            .map_err(|reason| {
                // It may be another one when the broker is back.
                *self.found() = None;
                tracing::warn!("the sessions in NATS can't be reached: {reason}");
                Problem::new(503)
                    .with_detail("sessions can't be reached for now")
                    .into()
            })
    }

    async fn open(&self) -> Result<Arc<kv::Store>, String> {
        let settings = self.settings.as_ref().ok_or("the store was not configured")?;
        let reached = self.reached.get_or_try_init(|| settings.broker.reach()).await?;
        reached.up().await;
        let found = self.found().clone();
        if let Some(bucket) = found {
            return Ok(bucket);
        }
        let context = ContextBuilder::new().timeout(PATIENCE).build(reached.client.clone());
        let bucket = if let Ok(bucket) = context.get_key_value(&settings.bucket).await {
            bucket
        } else {
            // There is none, or the answer to this says what else it is. The client's own way to make a bucket first asks
            // for what brokers before 2.10 do not tell.
            let made = context.create_stream(settings.stream(self.replicas));
            made.await.map_err(|error| described(&error))?;
            let bucket = context.get_key_value(&settings.bucket).await;
            bucket.map_err(|error| described(&error))?
        };
        let bucket = Arc::new(bucket);
        *self.found() = Some(Arc::clone(&bucket));
        Ok(bucket)
    }

    fn found(&self) -> MutexGuard<'_, Option<Arc<kv::Store>>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for NatsStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for NatsStore {
    fn configure(&mut self, config: &Config) -> Result<()> {
        let broker = Broker::of(config)?;
        let bucket = self.bucket.clone();
        let bucket = bucket.unwrap_or_else(|| format!("{}-sessions", broker.prefix().replace('.', "_")));
        let is_named = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if bucket.is_empty() || !bucket.bytes().all(is_named) {
            return Err(Error::new(format!("{bucket:?} is no name for a bucket")));
        }
        let options: SessionOptions = config.section("session")?;
        self.settings = Some(Settings {
            broker,
            bucket,
            max_age: options.longest_life(),
        });
        Ok(())
    }

    async fn load(&self, key: &str) -> Result<Option<Record>> {
        let kept = self.with(async |bucket| read(bucket, key).await).await?;
        Ok(kept.map(|(kept, _)| kept.record))
    }

    async fn create(&self, key: &str, record: Record, lifetime: Duration) -> Result<()> {
        let kept = Kept::until(record, lifetime)?;
        self.with(async |bucket| {
            let put = bucket.put(key, kept.into()).await;
            put.map(drop).map_err(|error| described(&error))
        })
        .await
    }

    async fn update(&self, key: &str, changes: &Changes, lifetime: Duration) -> Result<bool> {
        self.with(async |bucket| {
            for attempt in 1..=ATTEMPTS {
                let Some((Kept { mut record, .. }, revision)) = read(bucket, key).await? else {
                    return Ok(false);
                };
                record.apply(changes);
                let kept = Kept::until(record, lifetime).map_err(|error| error.to_string())?;
                match bucket.update(key, kept.into(), revision).await {
                    Ok(_) => return Ok(true),
                    Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => {
                        // Not all of them at once again.
                        sleep(by_lot(Duration::from_millis(2) * attempt)).await;
                    }
                    Err(error) => return Err(described(&error)),
                }
            }
            Err(format!("others were faster {ATTEMPTS} times"))
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.with(async |bucket| bucket.delete(key).await.map_err(|error| described(&error)))
            .await
    }
}

impl Kept {
    fn until(record: Record, lifetime: Duration) -> Result<Vec<u8>> {
        let expires = record::now().saturating_add(lifetime.as_secs());
        Ok(serde_json::to_vec(&Self { expires, record })?)
    }
}

/// The session of this key that has not expired, with its revision. It is asked for at the leader: another replica may know
/// less.
async fn read(bucket: &kv::Store, key: &str) -> Result<Option<(Kept, u64)>, String> {
    let subject = format!("{}{key}", bucket.prefix);
    let message = match bucket.stream.get_last_raw_message_by_subject(&subject).await {
        Ok(message) => message,
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => return Ok(None),
        Err(error) => return Err(described(&error)),
    };
    if message.headers.get(OPERATION).is_some() {
        return Ok(None);
    }
    let kept = match serde_json::from_slice::<Kept>(&message.payload) {
        Ok(kept) => kept,
        Err(error) => {
            // Not what it is: that may be secret.
            tracing::warn!("a session in NATS can't be read: {:?}", error.classify());
            return Ok(None);
        }
    };
    Ok((kept.expires > record::now()).then_some((kept, message.sequence)))
}

/// A part of this time.
fn by_lot(time: Duration) -> Duration {
    let mut byte = [0];
    // Without one they meet again.
    let _ = id::fill(&mut byte);
    time * u32::from(byte[0]) / 255
}

/// An error with what caused it.
fn described(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| {
        let cause = cause.to_string();
        // Some say what caused them, too.
        if told.contains(&cause) {
            told
        } else {
            format!("{told}: {cause}")
        }
    })
}

impl fmt::Debug for NatsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsStore")
            .field("bucket", &self.settings.as_ref().map(|settings| &settings.bucket))
            .field("replicas", &self.replicas)
            .finish_non_exhaustive()
    }
}
