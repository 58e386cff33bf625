//! Migrations: files of SQL in `migrations/`, each with a number by which they are run in order, and what it does.
//!
//! The number is the time in UTC, as sqlx's own command has it. A count would be shorter, but two branches of a project would
//! both have the next one, and a migration that was destroyed after it had run would leave its number to another.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where a project has them.
pub(crate) const DIRECTORY: &str = "migrations";

/// A number from which on none is followed by another: sqlx has no greater ones than this.
const LAST: u64 = i64::MAX as u64;

/// The path of the migration that does this: the one that is there, or one behind all others.
pub(crate) fn path(root: &Path, description: &str) -> PathBuf {
    let names = std::fs::read_dir(root.join(DIRECTORY)).into_iter().flatten().flatten();
    let mut there: Vec<(u64, String)> = names
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (version, _) = name.split_once('_')?;
            Some((version.parse().ok().filter(|version| *version < LAST)?, name))
        })
        .collect();
    there.sort();
    let own = there.iter().find(|(_, name)| {
        let what = name.split_once('_').and_then(|(_, rest)| rest.strip_suffix(".sql"));
        what == Some(description)
    });
    let name = if let Some((_, name)) = own {
        name.clone()
    } else {
        let highest = there.last().map_or(0, |(version, _)| *version);
        format!("{}_{description}.sql", now().max(highest + 1))
    };
    Path::new(DIRECTORY).join(name)
}

/// The time in UTC: `20260131093000`.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    version(now.map_or(0, |since| since.as_secs()))
}

/// The same of seconds since 1970.
fn version(seconds: u64) -> u64 {
    let (days, seconds) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March, so that the leap day is the last.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    [month, day, hour, minute, second]
        .iter()
        .fold(year, |version, part| version * 100 + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number() {
        for (seconds, expected) in [
            (0, "19700101000000"),
            (951_782_399, "20000228235959"),
            (951_782_400, "20000229000000"),
            (1_709_251_199, "20240229235959"),
            (1_772_323_200, "20260301000000"),
            (4_107_542_400, "21000301000000"),
        ] {
            assert_eq!(version(seconds).to_string(), expected);
        }
        assert_eq!(now().to_string().len(), 14);
    }

    #[test]
    fn one_that_is_there_is_found_and_another_comes_behind_all() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let first = path(root, "create_item");
        std::fs::create_dir(root.join(DIRECTORY)).unwrap();
        for name in ["README.md", "99991231235959_last.sql", "7_create_item.sql", "x_y.sql"] {
            std::fs::write(root.join(DIRECTORY).join(name), "").unwrap();
        }
        assert!(first.to_str().unwrap().ends_with("_create_item.sql"));
        assert_eq!(path(root, "create_item"), Path::new("migrations/7_create_item.sql"));
        assert_eq!(path(root, "create"), Path::new("migrations/99991231235960_create.sql"));
    }
}
