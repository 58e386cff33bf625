//! Measurements of one thing: their median, with their spread.

use std::fmt;
use std::time::Duration;

/// Measurements of one thing.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds a time, in seconds.
    pub fn push_time(&mut self, time: Duration) {
        self.push(time.as_secs_f64());
    }

    /// Adds a measurement.
    pub fn push(&mut self, value: f64) {
        let place = self.0.partition_point(|less| *less < value);
        self.0.insert(place, value);
    }

    /// What this share of the measurements is not above; not a number without measurements.
    pub fn quantile(&self, share: f64) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index, below the length"
        )]
        let index = (share * self.0.len() as f64) as usize;
        let last = self.0.len().saturating_sub(1);
        self.0.get(index.min(last)).copied().unwrap_or(f64::NAN)
    }

    /// The median; not a number without measurements.
    pub fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// The median, the lowest and the highest, with so many decimals; a dash without measurements.
    pub fn brief(&self, decimals: usize) -> String {
        let (Some(low), Some(high)) = (self.0.first(), self.0.last()) else {
            return "-".to_owned();
        };
        format!("{:.decimals$} [{low:.decimals$}, {high:.decimals$}]", self.median())
    }

    /// The same measurements in another unit.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        Self(self.0.iter().map(|value| value * factor).collect())
    }
}

/// The median, and the lowest and highest in brackets.
impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = |value: Option<&f64>| value.copied().unwrap_or(f64::NAN);
        let (low, high) = (bound(self.0.first()), bound(self.0.last()));
        write!(f, "{:.2} [{low:.2}, {high:.2}] of {}", self.median(), self.0.len())
    }
}
