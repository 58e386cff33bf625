//! Rows for a terminal: in columns where it is wide enough, and else each on two lines.

use crate::terminal;

/// The lines of some rows. The first two cells stay together; the others may be put below them.
pub(crate) fn rows<const N: usize>(
    rows: &[[String; N]],
    titles: Option<[&str; N]>,
    width: Option<usize>,
) -> Vec<String> {
    let titles = titles.map(|titles| titles.map(str::to_owned));
    let all: Vec<&[String; N]> = titles.iter().chain(rows).collect();
    let mut widths = [0; N];
    for row in &all {
        for (width, cell) in widths.iter_mut().zip(*row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let whole = widths.iter().sum::<usize>() + GAP * (N - 1);
    if width.is_none_or(|width| whole <= width) {
        let titles = titles.iter().map(|row| terminal::dim(&line(row, &widths)));
        return titles.chain(rows.iter().map(|row| line(row, &widths))).collect();
    }
    let first = widths[0].min(METHOD);
    let stacked = rows.iter().flat_map(|row| {
        let said: Vec<String> = row[2..].iter().filter(|cell| *cell != "-").cloned().collect();
        let below = line(&said, &[0; N]);
        let indent = first + GAP;
        [
            line(&row[..2], &[first, 0]),
            terminal::dim(&format!("{:indent$}{below}", "")),
        ]
    });
    stacked.collect()
}

/// How wide a column of methods is where there is little room: a longer list pushes its path away.
pub(crate) const METHOD: usize = 6;

/// The spaces between two columns.
pub(crate) const GAP: usize = 2;

fn line(cells: &[String], widths: &[usize]) -> String {
    let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
    cells.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(lines: &[String]) -> Vec<String> {
        let plain = |line: &String| anstream::adapter::strip_str(line).to_string();
        lines.iter().map(plain).collect()
    }

    #[test]
    fn rows_are_columns_where_they_fit_and_else_two_lines() {
        let table = [["GET", "/a", "one", "-"], ["DELETE", "/abc", "three", "two"]].map(|row| row.map(str::to_owned));
        let titles = Some(["METHOD", "PATH", "HANDLER", "X"]);
        let columns = [
            "METHOD  PATH  HANDLER  X",
            "GET     /a    one      -",
            "DELETE  /abc  three    two",
        ];
        assert_eq!(plain(&rows(&table, titles, None)), columns);
        assert_eq!(plain(&rows(&table, titles, Some(26))), columns);
        assert_eq!(
            plain(&rows(&table, titles, Some(25))),
            ["GET     /a", "        one", "DELETE  /abc", "        three  two"]
        );
    }
}
