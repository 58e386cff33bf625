//! The names that things have at the broker.

use std::fmt::Write as _;

/// The longest name of a channel that is written out. A broker limits the line that a subject is in to 4,096 bytes.
const LONGEST: usize = 200;

/// The subjects of one cluster, which share a prefix.
pub(super) struct Subjects {
    prefix: String,
}

/// The subject of a channel.
pub(super) struct ChannelSubject {
    pub(super) subject: String,
    /// Whether the channel can't be told from it: then a message names its channel.
    pub(super) is_hashed: bool,
}

impl Subjects {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
        }
    }

    /// Where messages to a channel are sent.
    ///
    /// A channel is one word of the subject, whatever is in its name: letters, digits, `-` and `_` are themselves, any
    /// other byte is `=` and two digits. A name that would be too long is its hash.
    pub(super) fn channel(&self, channel: &str) -> ChannelSubject {
        let mut subject = format!("{}.channel.", self.prefix);
        let start = subject.len();
        subject.push('n');
        for byte in channel.bytes() {
            if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
                subject.push(byte.into());
            } else {
                // Writing to a string can't fail.
                let _ = write!(subject, "={byte:02x}");
            }
            if subject.len() - start > LONGEST {
                subject.truncate(start);
                subject.push('h');
                subject.push_str(&sha1_smol::Sha1::from(channel).digest().to_string());
                return ChannelSubject {
                    subject,
                    is_hashed: true,
                };
            }
        }
        ChannelSubject {
            subject,
            is_hashed: false,
        }
    }

    /// Where nodes speak to all others.
    pub(super) fn nodes(&self) -> String {
        format!("{}.nodes", self.prefix)
    }

    /// Where nodes speak to one.
    pub(super) fn node(&self, node: u64) -> String {
        format!("{}.node.{node:016x}", self.prefix)
    }

    /// Where nobody listens: the broker says so, when it has handled all that was sent before.
    pub(super) fn nobody(&self) -> String {
        format!("{}.nobody", self.prefix)
    }

    /// Below which the broker answers.
    pub(super) fn inbox(&self) -> String {
        format!("{}.inbox", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subject(channel: &str) -> ChannelSubject {
        Subjects::new("nova").channel(channel)
    }

    /// The channel of a subject that has it written out.
    fn channel_of(subject: &str) -> String {
        let mut rest = subject.strip_prefix("nova.channel.n").unwrap().bytes();
        let mut channel = Vec::new();
        while let Some(byte) = rest.next() {
            channel.push(match byte {
                b'=' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                byte => byte,
            });
        }
        String::from_utf8(channel).unwrap()
    }

    fn is_one_word(subject: &str) -> bool {
        let word = subject.strip_prefix("nova.channel.").unwrap();
        let mut bytes = word.bytes();
        !word.is_empty() && bytes.all(|byte| byte.is_ascii_graphic() && !b".*>".contains(&byte))
    }

    #[test]
    fn channels_are_one_word_whatever_is_in_them() {
        for (channel, word) in [
            ("", "n"),
            ("lobby", "nlobby"),
            ("a.b", "na=2eb"),
            ("*", "n=2a"),
            (">", "n=3e"),
            ("=2e", "n=3d2e"),
            ("a b\r\n", "na=20b=0d=0a"),
            ("é", "n=c3=a9"),
        ] {
            assert_eq!(subject(channel).subject, format!("nova.channel.{word}"));
        }
    }

    #[test]
    fn long_names_are_hashed() {
        let long = "x".repeat(LONGEST);
        assert!(!subject(&long[1..]).is_hashed);
        let (one, other) = (subject(&long), subject(&format!("{long}x")));
        assert!(one.is_hashed && other.is_hashed && one.subject != other.subject);
        assert!(is_one_word(&one.subject) && one.subject.len() < 4096);
    }

    proptest! {
        #[test]
        fn no_two_channels_share_a_subject(one in ".{0,80}", other in ".{0,80}") {
            let subjects = [subject(&one), subject(&other)];
            for (subject, channel) in subjects.iter().zip([&one, &other]) {
                prop_assert!(is_one_word(&subject.subject), "{:?}", subject.subject);
                prop_assert!(subject.is_hashed || channel_of(&subject.subject) == *channel);
            }
            prop_assert_eq!(subjects[0].subject == subjects[1].subject, one == other);
        }
    }
}
