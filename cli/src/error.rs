//! What a command could not do, told to the person who typed it.

/// A failure with the exit code that goes with it. The message says what was not done, the help what to type next.
#[derive(Debug)]
pub(crate) struct Error {
    /// The parser's own error, which it tells best itself.
    parser: Option<Box<clap::Error>>,
    exit: u8,
    message: String,
    details: Vec<String>,
    help: Option<String>,
}

/// The result of everything a command does.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The command could not do its work: exit code 1.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::with_exit(1, message)
    }

    /// The command was called with something it can't take: exit code 2.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::with_exit(2, message)
    }

    /// The command line is not one: exit code 2.
    pub(crate) fn typed(error: clap::Error) -> Self {
        let text = error.render().to_string();
        let (said, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut lines = said.lines().map(str::trim);
        let mut message = lines
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .to_owned();
        let mut details: Vec<String> = lines.map(str::to_owned).collect();
        if message.ends_with(':') {
            message = format!("{message} {}", details.join(", "));
            details.clear();
        }
        let rest = rest.lines().map(str::trim);
        let line = |start: &str| {
            rest.clone()
                .find_map(|line| line.strip_prefix(start).map(str::trim).map(str::to_owned))
        };
        let similar = line("tip: ").filter(|tip| tip.contains("similar"));
        let help = similar
            .or_else(|| line("Usage:"))
            .unwrap_or_else(|| "nova --help".to_owned());
        Self {
            details,
            help: Some(help),
            parser: Some(Box::new(error)),
            ..Self::usage(message)
        }
    }

    fn with_exit(exit: u8, message: impl Into<String>) -> Self {
        Self {
            parser: None,
            exit,
            message: message.into(),
            details: Vec::new(),
            help: None,
        }
    }

    /// Adds a line below the message.
    pub(crate) fn detail(mut self, line: impl Into<String>) -> Self {
        self.details.push(line.into());
        self
    }

    /// Says what to type next. May have several lines.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn parser(&self) -> Option<&clap::Error> {
        self.parser.as_deref()
    }

    pub(crate) fn exit_code(&self) -> u8 {
        self.exit
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn details(&self) -> &[String] {
        &self.details
    }

    pub(crate) fn help_text(&self) -> Option<&str> {
        self.help.as_deref()
    }
}
