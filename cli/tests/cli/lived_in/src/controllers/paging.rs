//! Lists that are longer than a page.

/// The records of a page, which is counted from zero.
pub fn page<T: Clone>(records: &[T], number: usize) -> Vec<T> {
    records.chunks(20).nth(number).unwrap_or_default().to_vec()
}
