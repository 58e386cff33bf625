//! What a pipe says: its lines, and the frames in which cargo shows how far it is.

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

use super::cargo_text;

/// A piece of what cargo says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Line(String),
    /// How far it is. The next piece takes its place.
    Frame(String),
}

/// The lines of a pipe. What is not UTF-8 (a linker may say anything) is replaced.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    /// What has come of the next line. It stays here when a read is dropped.
    partial: Vec<u8>,
}

/// With this cargo takes away the frame that a line follows.
const ERASE_LINE: &str = "\x1b[K";

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn of(pipe: R) -> Self {
        Self {
            reader: BufReader::new(pipe),
            partial: Vec::new(),
        }
    }

    /// The next piece, or none at the end of the pipe. Of a closed pipe nothing comes, not even the end.
    pub(super) async fn next(lines: &mut Option<Self>) -> Option<Said> {
        match lines {
            Some(lines) => lines.read().await,
            None => std::future::pending().await,
        }
    }

    async fn read(&mut self) -> Option<Said> {
        loop {
            // A pipe that can't be read has ended.
            let buffer = self.reader.fill_buf().await.unwrap_or_default();
            let Some(end) = buffer.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
                let length = buffer.len();
                self.partial.extend_from_slice(buffer);
                self.reader.consume(length);
                if length > 0 {
                    continue;
                }
                return (!self.partial.is_empty()).then(|| Said::Line(self.taken()));
            };
            let is_line = buffer[end] == b'\n';
            self.partial.extend_from_slice(&buffer[..=end]);
            self.reader.consume(end + 1);
            if is_line {
                return Some(Said::Line(self.taken()));
            }
            // Any other carriage return belongs to its line.
            if cargo_text::is_frame(&String::from_utf8_lossy(&self.partial)) {
                return Some(Said::Frame(self.taken()));
            }
        }
    }

    fn taken(&mut self) -> String {
        let text = String::from_utf8_lossy(&self.partial);
        let text = text.trim_end_matches(['\r', '\n']);
        let text = text.trim_start_matches(ERASE_LINE).to_owned();
        self.partial.clear();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn said(bytes: &[u8]) -> Vec<Said> {
        let mut lines = Some(Lines::of(bytes));
        let mut said = Vec::new();
        while let Some(piece) = Lines::next(&mut lines).await {
            said.push(piece);
        }
        said
    }

    fn line(text: &str) -> Said {
        Said::Line(text.to_owned())
    }

    #[tokio::test]
    async fn lines_end_with_any_newline_and_the_last_one_with_the_pipe() {
        let said = said(b"one\r\ntwo\n\nhalf\rwhole\nlast").await;
        let expected = [line("one"), line("two"), line(""), line("half\rwhole"), line("last")];
        assert_eq!(said, expected);
    }

    #[tokio::test]
    async fn what_is_not_utf_8_is_replaced() {
        assert_eq!(said(b"a\xffb\n").await, [line("a\u{fffd}b")]);
    }

    #[tokio::test]
    async fn frames_stand_between_the_lines() {
        let frame = "\x1b[1m\x1b[96m    Building\x1b[0m [=>       ] 11/140: libc, syn   ";
        let text = format!("   Compiling libc v0.2.191\n{frame}\r\x1b[K{frame}\r\x1b[K   Compiling syn v3.0.9\n");
        let expected = [
            line("   Compiling libc v0.2.191"),
            Said::Frame(frame.to_owned()),
            Said::Frame(frame.to_owned()),
            line("   Compiling syn v3.0.9"),
        ];
        assert_eq!(said(text.as_bytes()).await, expected);
    }
}
