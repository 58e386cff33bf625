//! What connections take of the machine, and what it has left for more.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::Result;

/// What a connection may need at most, with both of its ends here, in bytes.
const CONNECTION: u64 = 16 * 1024;
/// The part of a table of the whole machine that is left to others.
const OTHERS: u64 = 16;

/// What is in use and what is left, by the kernel's own count: of all processes, not of this one.
#[derive(Clone, Debug)]
pub struct Room {
    /// The memory that is left before the machine would have to swap, in bytes.
    pub available: u64,
    /// What the kernel has in structures of its own, in bytes: sockets and open files are there.
    pub slab: u64,
    /// The same by kind, as the kernel names them. Empty where only root may know.
    pub caches: HashMap<String, u64>,
    /// What the kernel has of TCP's data, sent or received, in bytes.
    pub buffers: u64,
    /// Open files.
    pub files: Table,
    /// The connections that a firewall follows. None where there is no such firewall.
    pub tracked: Option<Table>,
}

/// A table that has an end.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// So many entries are in use.
    pub used: u64,
    /// So many there may be.
    pub most: u64,
}

impl Room {
    /// What there is now.
    ///
    /// # Errors
    /// When the kernel does not say: this one is Linux's.
    pub fn now() -> Result<Self> {
        let memory = fs::read_to_string("/proc/meminfo")?;
        let sockets = fs::read_to_string("/proc/net/sockstat")?;
        let files = fs::read_to_string("/proc/sys/fs/file-nr")?;
        let page = rustix::param::page_size() as u64;
        let pages = sockets.lines().find(|line| line.starts_with("TCP:"));
        Ok(Self {
            available: number_after(&memory, "MemAvailable:")? * 1024,
            slab: number_after(&memory, "Slab:")? * 1024,
            caches: caches(&fs::read_to_string("/proc/slabinfo").unwrap_or_default(), page),
            buffers: number_after(pages.unwrap_or_default(), "mem")? * page,
            files: Table {
                used: files.split_whitespace().next().unwrap_or_default().parse()?,
                most: files.split_whitespace().next_back().unwrap_or_default().parse()?,
            },
            tracked: tracked()?,
        })
    }

    /// What there is too little of for so many connections more, when so much memory is to be left.
    pub fn shortage(&self, connections: usize, keep: u64) -> Option<String> {
        let connections = connections as u64;
        if self.available < keep + connections * CONNECTION {
            let available = self.available >> 20;
            let keep = keep >> 20;
            return Some(format!(
                "memory: {available} MiB are available, and {keep} are kept free"
            ));
        }
        // An end each.
        if !self.files.has_room(2 * connections) {
            return Some(format!("open files, of all processes: {}", self.files));
        }
        let tracked = self.tracked.filter(|tracked| !tracked.has_room(connections));
        tracked.map(|tracked| format!("connections that the firewall follows (nf_conntrack): {tracked}"))
    }
}

impl Table {
    fn has_room(self, entries: u64) -> bool {
        self.used + entries <= self.most - self.most / OTHERS
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.used, self.most)
    }
}

fn tracked() -> Result<Option<Table>> {
    let directory = Path::new("/proc/sys/net/netfilter");
    if !directory.join("nf_conntrack_count").exists() {
        return Ok(None);
    }
    let read = |name| -> Result<u64> { Ok(fs::read_to_string(directory.join(name))?.trim().parse()?) };
    Ok(Some(Table {
        used: read("nf_conntrack_count")?,
        most: read("nf_conntrack_max")?,
    }))
}

/// The bytes in each cache of a table (slabinfo(5)): it says how many objects there are, how many make a slab, and how many
/// pages a slab has.
fn caches(table: &str, page: u64) -> HashMap<String, u64> {
    let bytes = |line: &str| -> Option<(String, u64)> {
        let mut words = line.split_whitespace();
        let name = words.next()?;
        let numbers: Vec<u64> = words.map_while(|word| word.parse().ok()).collect();
        let &[_, objects, _, per_slab, pages, ..] = numbers.as_slice() else {
            return None;
        };
        Some((name.to_owned(), objects.checked_div(per_slab)? * pages * page))
    };
    table.lines().filter_map(bytes).collect()
}

/// The number that follows a word.
fn number_after(text: &str, word: &str) -> Result<u64> {
    let mut words = text.split_whitespace().skip_while(|next| *next != word);
    let number = words.nth(1).ok_or_else(|| format!("the kernel does not say {word}"))?;
    Ok(number.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn room() -> Room {
        Room {
            available: 8 * GIB,
            slab: 0,
            caches: HashMap::new(),
            buffers: 0,
            files: Table {
                used: 1000,
                most: 160_000,
            },
            tracked: Some(Table { used: 0, most: 100_000 }),
        }
    }

    #[test]
    fn what_runs_out_first_is_named() {
        let room = room();
        assert_eq!(room.shortage(10_000, 4 * GIB), None);
        let shortage = |connections, keep| room.shortage(connections, keep).unwrap();
        assert!(shortage(10_000, 8 * GIB).starts_with("memory: 8192 MiB"));
        assert!(shortage(75_000, 4 * GIB).starts_with("open files, of all processes: 1000 of 160000"));
    }

    #[test]
    fn a_firewall_may_follow_no_more() {
        let mut room = room();
        room.files.most = 1_000_000;
        assert_eq!(room.shortage(90_000, 4 * GIB), None);
        assert!(room.shortage(95_000, 4 * GIB).unwrap().contains("nf_conntrack"));
    }

    #[test]
    fn numbers_are_found_by_the_word_before() {
        let line = "TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 226";
        assert_eq!(number_after(line, "mem").unwrap(), 226);
        assert!(number_after(line, "Slab:").is_err());
    }

    #[test]
    fn a_cache_is_as_large_as_its_slabs() {
        let table = "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>\n\
                     TCP                   25     26   2368   13    8 : tunables    0    0    0 : slabdata      2      2      0\n";
        assert_eq!(caches(table, 4096), HashMap::from([("TCP".to_owned(), 2 * 8 * 4096)]));
    }
}
