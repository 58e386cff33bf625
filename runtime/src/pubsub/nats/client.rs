//! A client of the broker for something else than pub/sub, with the same settings.

use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, Event, ServerAddr};
use tokio::sync::watch;

use super::connection::{Server, Settings};
use crate::config::{Config, ConfigError};
use crate::pubsub::options::PubSubOptions;

/// The first and the longest wait before another connection is tried.
const SOON: Duration = Duration::from_millis(50);
const LATER: Duration = Duration::from_secs(1);

/// How to reach the broker: the section `[pubsub]`, whatever its adapter is.
pub(crate) struct Broker {
    settings: Settings,
    servers: Vec<Server>,
    prefix: String,
}

/// A client that connects again by itself, with whether it is connected.
#[derive(Clone)]
pub(crate) struct Reached {
    pub(crate) client: Client,
    is_up: watch::Receiver<bool>,
}

impl Broker {
    pub(crate) fn of(config: &Config) -> Result<Self, ConfigError> {
        let options: PubSubOptions = config.section("pubsub")?;
        let name = options.node.clone().unwrap_or_else(|| "nova".to_owned());
        Ok(Self {
            settings: Settings::new(&options, config.root(), &name),
            servers: options.urls.iter().filter_map(Server::new).collect(),
            prefix: options.prefix.clone(),
        })
    }

    /// What its nodes have in common.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Begins to connect. It goes on trying as long as there is a client.
    pub(crate) async fn reach(&self) -> Result<Reached, String> {
        let server = self.servers.first().ok_or("there is no address")?;
        let options = self.settings.options(server).await?;
        let (up, is_up) = watch::channel(false);
        let options = options
            .retry_on_initial_connect()
            .reconnect_delay_callback(|attempt| {
                u32::try_from(attempt).map_or(LATER, |attempt| SOON.saturating_mul(attempt).min(LATER))
            })
            .event_callback(move |event| {
                match event {
                    Event::Connected => _ = up.send_replace(true),
                    Event::Disconnected | Event::Closed => _ = up.send_replace(false),
                    _ => {}
                }
                async {}
            });
        let addresses: Vec<ServerAddr> = self.servers.iter().map(Server::address).collect();
        let client = options.connect(addresses).await.map_err(|error| error.to_string())?;
        Ok(Reached { client, is_up })
    }
}

impl Reached {
    /// Waits until it is connected.
    pub(crate) async fn up(&self) {
        // The client may have connected before anybody listened.
        if self.client.connection_state() == State::Connected {
            return;
        }
        let mut is_up = self.is_up.clone();
        // Who would say so lives as long as the client.
        let _ = is_up.wait_for(|is_up| *is_up).await;
    }
}
