//! What a command could not do, told to the person who typed it.

/// A failure with the exit code that goes with it. The message says what was not done, the help what to type next.
#[derive(Debug)]
pub(crate) struct Error {
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

    fn with_exit(exit: u8, message: impl Into<String>) -> Self {
        Self {
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
