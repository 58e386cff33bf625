//! The register: which boat is where.

use std::sync::{Arc, Mutex};

use nova::Start;
use serde::{Deserialize, Serialize};

/// A boat, and the berth that it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boat {
    pub name: String,
    pub berth: u32,
}

impl Boat {
    /// Of a line such as `Albatross;7`.
    pub fn from_line(line: &str) -> Option<Self> {
        let (name, berth) = line.split_once(';')?;
        let berth = berth.trim().parse().ok()?;
        let name = name.trim().to_owned();
        Some(Self { name, berth })
    }
}

/// `[app]` of nova.toml.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Options {
    berths: u32,
    welcome: String,
}

/// What every controller may ask for.
#[derive(Clone, Debug, Default)]
pub struct Store {
    pub berths: u32,
    pub welcome: String,
    boats: Arc<Mutex<Vec<Boat>>>,
}

impl Store {
    /// The boats that are there.
    pub fn boats(&self) -> Vec<Boat> {
        self.boats
            .lock()
            .map(|boats| boats.clone())
            .unwrap_or_default()
    }

    /// Gives a berth to a boat; `false` when there is no such berth, or it is taken.
    pub fn moor(&self, boat: Boat) -> bool {
        let Ok(mut boats) = self.boats.lock() else {
            return false;
        };
        let is_free = boats.iter().all(|other| other.berth != boat.berth);
        let is_good = is_free && (1..=self.berths).contains(&boat.berth);
        if is_good {
            boats.push(boat);
        }
        is_good
    }
}

/// Opens the register, before the application listens.
pub async fn open(start: Start) -> nova::Result<Store> {
    let options: Options = start.config().section("app")?;
    Ok(Store {
        berths: options.berths,
        welcome: options.welcome,
        ..Store::default()
    })
}
