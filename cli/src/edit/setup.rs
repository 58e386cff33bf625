//! A call on the application, before it runs: `.reply_handler("csv", myapp::replies::csv::respond)`.

use syn::visit::Visit as _;
use syn::{Expr, ExprMethodCall};

use super::Edit;
use super::chains::{Chain, Finder, WIDEST_ARGUMENTS, WIDEST_CHAIN, WIDEST_LINE, deeper, literal, width};
use super::source::Source;

/// The calls that an application ends with.
const LAST: &[&str] = &["run", "serve", "serve_until", "into_test"];
/// What there is only one of.
const ONCE: &[&str] = &["fallback", "sessions", "state", "start", "config"];

/// A call to add.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) method: String,
    /// As they are written in Rust.
    pub(crate) arguments: Vec<String>,
}

impl Setup {
    pub(super) fn line(&self) -> String {
        format!(".{}({})", self.method, self.arguments.join(", "))
    }

    pub(super) fn is_in(&self, source: &Source<'_>) -> bool {
        let chains = chains(source);
        let mut calls = chains.iter().flat_map(|chain| &chain.calls);
        calls.any(|call| self.is(call, source))
    }

    pub(super) fn insert(&self, source: &Source<'_>) -> Edit {
        // Wherever it was written by hand: also where there is no one place for it.
        if self.is_in(source) {
            return Edit::Unchanged;
        }
        let chains = chains(source);
        let no_place = |reason: &str| Edit::no_place(reason.to_owned(), self.line());
        let chain = match &chains[..] {
            [chain] => chain,
            [] => return no_place("there is no `App::new` in it"),
            _ => return no_place("there is more than one `App::new` in it"),
        };
        let other = chain.calls.iter().find(|call| call.method == self.method);
        if other.is_some() && ONCE.contains(&self.method.as_str()) {
            return no_place(&format!("the application has another `.{}` already", self.method));
        }
        if let Some(key) = chain.calls.iter().find_map(|call| self.same_key(call)) {
            let reason = format!("another `.{}` is for {key:?}", self.method);
            return Edit::NoPlace { reason, paste: None };
        }
        Edit::Changed(self.insert_into(chain, source))
    }

    /// What a call and this one are both for: the text that comes first, as in `.reply_handler("csv", …)`.
    fn same_key(&self, call: &ExprMethodCall) -> Option<String> {
        let ours = syn::parse_str::<Expr>(self.arguments.first()?).ok()?;
        let key = literal(&ours)?;
        let is_same = call.method == self.method && literal(call.args.first()?).as_ref() == Some(&key);
        is_same.then_some(key)
    }

    pub(super) fn remove(&self, source: &Source<'_>) -> Edit {
        let chains = chains(source);
        let mut calls = chains
            .iter()
            .flat_map(|chain| chain.calls.iter().map(move |call| (chain, *call)));
        let Some((chain, call)) = calls.find(|(_, call)| self.is(call, source)) else {
            return Edit::Unchanged;
        };
        let dot = source.range(&call.dot_token).start;
        let gone = source.with_its_line(dot..source.range(call).end);
        let text = source.without(gone.clone());
        if let [one, other] = chain.calls[..]
            && let rest = if std::ptr::eq(one, call) { other } else { one }
            && let Some(rest) = Self::of(rest, source)
            && LAST.iter().all(|last| rest.method != *last)
        {
            return Edit::Changed(rest.alone(chain, source));
        }
        // What rustfmt would have on one line again.
        let first = source.range(chain.root);
        let last = chain.calls.last().map_or(first.end, |call| source.range(*call).end);
        let rest = &text[first.start..last - gone.len()];
        let pieces: Vec<&str> = rest.lines().map(str::trim).collect();
        let joined = pieces.concat();
        let line = &text[source.line_start(first.start)..first.start];
        let behind = &source.text[last..source.line_end(last)];
        let fits = joined.len() <= WIDEST_CHAIN && width(line) + joined.len() + behind.len() <= WIDEST_LINE;
        // A comment is somebody's, and would swallow what is put behind it.
        let is_plain = !rest.contains("//")
            && !rest.contains("/*")
            && pieces.len() == chain.calls.len()
            && pieces[1..].iter().all(|piece| piece.starts_with('.'));
        if gone.start != dot && fits && is_plain {
            let head = &text[..first.start];
            let tail = &text[first.start + rest.len()..];
            return Edit::Changed([head, &joined, tail].concat());
        }
        Edit::Changed(text)
    }

    /// A call as it is written, when it has no comments and each of its arguments is on a line.
    fn of(call: &ExprMethodCall, source: &Source<'_>) -> Option<Self> {
        let arguments: Vec<String> = call
            .args
            .iter()
            .map(|argument| source.text[source.range(argument)].to_owned())
            .collect();
        let written = &source.text[source.range(&call.dot_token).start..source.range(call).end];
        let is_plain = !written.contains("//") && !written.contains("/*");
        let is_simple =
            is_plain && call.turbofish.is_none() && arguments.iter().all(|argument| !argument.contains('\n'));
        is_simple.then(|| Self {
            method: call.method.to_string(),
            arguments,
        })
    }

    /// The text with this as the only call of the chain: to rustfmt that is none, and the line may be as long as any.
    fn alone(&self, chain: &Chain<'_>, source: &Source<'_>) -> String {
        let root = source.range(chain.root);
        let end = chain.calls.last().map_or(root.end, |call| source.range(*call).end);
        let newline = source.newline_at(root.start);
        let line = &source.text[source.line_start(root.start)..root.start];
        let behind = source.line_end(end) - end;
        let call = self.line();
        let inner = deeper(line);
        let arguments = self.arguments.join(", ").len();
        let call = if arguments > WIDEST_ARGUMENTS {
            let indentation = &line[..line.len() - line.trim_start().len()];
            self.broken(indentation, newline)
        } else if width(line) + root.len() + call.len() + behind <= WIDEST_LINE {
            call
        } else {
            format!("{newline}{inner}{}", self.broken(&inner, newline))
        };
        [&source.text[..root.end], &call, &source.text[end..]].concat()
    }

    /// Before the call that the chain ends with. A chain on one line that becomes too long is broken, as rustfmt would.
    fn insert_into(&self, chain: &Chain<'_>, source: &Source<'_>) -> String {
        let root = source.range(chain.root);
        let last = chain
            .calls
            .iter()
            .position(|call| LAST.iter().any(|last| call.method == last));
        let before = &chain.calls[..last.unwrap_or(chain.calls.len())];
        let at = before.last().map_or(root.end, |call| source.range(*call).end);
        let newline = source.newline_at(at);
        let line = &source.text[source.line_start(root.start)..source.line_end(root.start)];
        let dots: Vec<usize> = chain
            .calls
            .iter()
            .map(|call| source.range(&call.dot_token).start)
            .collect();
        if let Some(indentation) = dots.iter().find_map(|dot| source.indentation(*dot)) {
            let at = source.end_with_comment(at).unwrap_or(at);
            let call = self.broken(indentation, newline);
            return source.with(at, &format!("{newline}{indentation}{call}"));
        }
        if chain.calls.is_empty() {
            return self.alone(chain, source);
        }
        let end = chain.calls.last().map_or(root.end, |call| source.range(*call).end);
        let call = self.line();
        let fits = end - root.start + call.len() <= WIDEST_CHAIN && width(line) + call.len() <= WIDEST_LINE;
        let on_one_line = !source.text[root.start..end].contains('\n');
        let indentation = deeper(line);
        if !on_one_line
            && let [other] = chain.calls[..]
            && let Some(other) = Self::of(other, source)
        {
            let both =
                [&other, self].map(|call| format!("{newline}{indentation}{}", call.broken(&indentation, newline)));
            return [&source.text[..root.end], &both.concat(), &source.text[end..]].concat();
        }
        if fits || !on_one_line {
            return source.with(at, &call);
        }
        let mut text = source.text[..root.end].to_owned();
        let mut from = root.end;
        for dot in &dots {
            text.push_str(source.text[from..*dot].trim_end());
            if *dot == at {
                text.extend([newline, &indentation, &self.broken(&indentation, newline)]);
            }
            text.extend([newline, &indentation]);
            from = *dot;
        }
        text.push_str(&source.text[from..end]);
        if at == end {
            text.extend([newline, &indentation, &self.broken(&indentation, newline)]);
        }
        text + &source.text[end..]
    }

    /// The call as rustfmt writes it on a line of its own.
    fn broken(&self, indentation: &str, newline: &str) -> String {
        let arguments = self.arguments.join(", ");
        let call = self.line();
        if arguments.len() <= WIDEST_ARGUMENTS && width(indentation) + call.len() <= WIDEST_LINE {
            return call;
        }
        let inner = deeper(indentation);
        let each = format!(",{newline}{inner}");
        format!(
            ".{}({newline}{inner}{},{newline}{indentation})",
            self.method,
            self.arguments.join(&each)
        )
    }

    fn is(&self, call: &ExprMethodCall, source: &Source<'_>) -> bool {
        let same = |(given, ours): (&Expr, &String)| {
            let given = &source.text[source.range(given)];
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            // The file may import what we spell out.
            let (given, ours) = (bare(given), bare(ours));
            given == ours || (ours.contains("::") && given.contains("::") && ours.ends_with(&format!("::{given}")))
        };
        call.method == self.method
            && call.args.len() == self.arguments.len()
            && call.args.iter().zip(&self.arguments).all(same)
    }
}

/// Whether a file has an `App::new(…)`; one that can't be read may have.
pub(crate) fn makes_application(text: &str) -> bool {
    text.contains("App::new") && Source::parse(text).map_or(true, |source| !chains(&source).is_empty())
}

fn chains<'a>(source: &'a Source<'_>) -> Vec<Chain<'a>> {
    let mut finder = Finder::of("App");
    finder.visit_file(&source.file);
    finder.chains
}
