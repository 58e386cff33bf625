//! Who listens on a port, where the system tells (`/proc`).

use std::path::Path;

/// A process that listens.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) pid: u32,
    pub(super) name: String,
}

/// The process that listens on `port`, if it is one that may be looked into.
pub(super) fn find(port: u16) -> Option<Holder> {
    let inodes: Vec<u64> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| listening(&table, port))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    let links: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let processes = std::fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        holds(&entry.path(), &links).then(|| (pid, entry.path()))
    });
    // A socket that was handed on has several holders: who had it first is the one to speak to. Process numbers begin
    // anew at some time, so they don't tell.
    let (pid, path) = processes.min_by_key(|(_, path)| started(path))?;
    Some(Holder { pid, name: name(&path) })
}

/// When a process was started, in ticks since the machine was: the 22nd field of its `stat`, of which the second is a
/// name in brackets that may have anything in it.
fn started(process: &Path) -> Option<u64> {
    let stat = std::fs::read_to_string(process.join("stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// The inodes of the sockets that listen on `port`, from the text of `/proc/net/tcp`.
///
/// After one line of titles, a socket's line is `sl local_address rem_address st … uid timeout inode …`, the address as
/// `0100007F:1F90`, and `0A` is the state of a listening one.
fn listening(table: &str, port: u16) -> Vec<u64> {
    const LISTENING: &str = "0A";
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
        let here = u16::from_str_radix(local_port, 16).ok()? == port && *fields.get(3)? == LISTENING;
        if here { fields.get(9)?.parse().ok() } else { None }
    };
    table.lines().skip(1).filter_map(socket).collect()
}

fn holds(process: &Path, links: &[String]) -> bool {
    let Ok(descriptors) = std::fs::read_dir(process.join("fd")) else {
        return false;
    };
    descriptors
        .flatten()
        .filter_map(|descriptor| std::fs::read_link(descriptor.path()).ok())
        .any(|target| links.iter().any(|link| target.as_os_str() == link.as_str()))
}

fn name(process: &Path) -> String {
    match std::fs::read_to_string(process.join("comm")) {
        Ok(name) => name.trim_end().to_owned(),
        Err(_) => "a process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "  \
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 31337 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 31338 1 0 20 4 0 10 -1
   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 31339 1 0 100 0 0 10 0
";

    #[test]
    fn only_the_listening_socket_of_the_port_counts() {
        assert_eq!(listening(TABLE, 8080), [31337]);
        assert_eq!(listening(TABLE, 80), [31339]);
        assert!(listening(TABLE, 81).is_empty());
    }

    #[test]
    fn addresses_of_version_6_are_read() {
        let table = "titles\n   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A \
                     00000000:00000000 00:00000000 00000000     0        0 42 1 0 100 0 0 10 0\n";
        assert_eq!(listening(table, 8080), [42]);
    }

    #[test]
    fn other_text_is_no_socket() {
        assert!(listening("", 80).is_empty());
        assert!(listening("titles\nx\n1: 2 3\n 0: a:zz b 0A\n", 80).is_empty());
    }
}
