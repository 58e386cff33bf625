//! Which bytes a request asks for (RFC 9110 §14.1.2 and §14.2).

use http::{HeaderMap, header};

/// The one range that is asked for of a file of this length, for the file's own service to answer: with 206, or with 416
/// where it is not in the file. `None` where the whole file is the answer: nothing is asked for, or not in bytes, or
/// several ranges, or of an empty file, which has no bytes that an answer could name.
pub(super) fn asked(headers: &HeaderMap, length: u64) -> Option<String> {
    let mut values = headers.get_all(header::RANGE).iter();
    let value = values.next().filter(|_| values.next().is_none())?.to_str().ok()?;
    let (unit, range) = value.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") || length == 0 {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    match (first.is_empty(), last.is_empty()) {
        (true, true) => None,
        // The last so many. More than there are is all.
        (true, false) => Some(format!("bytes=-{}", number(last)?.min(length))),
        (false, true) => Some(format!("bytes={}-", number(first)?)),
        (false, false) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| format!("bytes={first}-{last}"))
        }
    }
}

/// A number. One that is too large is the largest.
fn number(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ranges: &[&str], length: u64) -> Option<String> {
        let ranges = ranges.iter().map(|range| (header::RANGE, range.parse().unwrap()));
        asked(&ranges.collect(), length)
    }

    #[test]
    fn one_range_is_passed_on() {
        for (range, expected) in [
            ("bytes=0-4", "bytes=0-4"),
            ("BYTES = 2-4", "bytes=2-4"),
            ("bytes=07-", "bytes=7-"),
            ("bytes=20-30", "bytes=20-30"),
            ("bytes=-3", "bytes=-3"),
            ("bytes=-30", "bytes=-10"),
            ("bytes=-0", "bytes=-0"),
            ("bytes=0-99999999999999999999999", "bytes=0-18446744073709551615"),
        ] {
            assert_eq!(of(&[range], 10).as_deref(), Some(expected), "{range}");
        }
    }

    #[test]
    fn whatever_else_is_said_the_whole_is_the_answer() {
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=1--2",
            "items=0-4",
            "0-4",
            "bytes=0-1,3-4",
            "bytes=0-1, -2",
        ] {
            assert_eq!(of(&[range], 10), None, "{range}");
        }
        assert_eq!(of(&["bytes=0-1", "bytes=2-3"], 10), None);
        assert_eq!(of(&["bytes=0-"], 0), None);
        assert_eq!(of(&[], 10), None);
    }
}
