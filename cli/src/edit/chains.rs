//! Chains of calls on a value that is made in place: `Group::new("/").get(…).ws(…)`.

use syn::visit::{self, Visit};
use syn::{Expr, ExprCall, ExprMethodCall, Lit};

/// rustfmt breaks the arguments of a call that are longer than this,
pub(super) const WIDEST_ARGUMENTS: usize = 60;
/// a chain that is longer than this,
pub(super) const WIDEST_CHAIN: usize = 60;
/// and every line that is longer than this.
pub(super) const WIDEST_LINE: usize = 100;

/// A chain of calls.
pub(super) struct Chain<'a> {
    /// `Group::new("/")`
    pub(super) root: &'a ExprCall,
    /// The method calls, in the order in which they are written.
    pub(super) calls: Vec<&'a ExprMethodCall>,
}

/// Finds the chains on one type, and the method calls on anything else. What is inside a macro is not seen.
pub(super) struct Finder<'a> {
    of: &'static str,
    pub(super) chains: Vec<Chain<'a>>,
    pub(super) others: Vec<&'a ExprMethodCall>,
}

impl Finder<'_> {
    /// Finds the chains that begin with `new` of this type, by whatever path.
    pub(super) fn of(name: &'static str) -> Self {
        Self {
            of: name,
            chains: Vec::new(),
            others: Vec::new(),
        }
    }
}

impl<'a> Visit<'a> for Finder<'a> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        let mut calls = Vec::new();
        let mut innermost = expression;
        while let Expr::MethodCall(call) = innermost {
            calls.push(call);
            innermost = &call.receiver;
        }
        calls.reverse();
        for argument in calls.iter().flat_map(|call| &call.args) {
            self.visit_expr(argument);
        }
        match innermost {
            Expr::Call(root) if is_new(root, self.of) => self.chains.push(Chain { root, calls }),
            _ => {
                self.others.extend(calls);
                visit::visit_expr(self, innermost);
            }
        }
    }
}

/// Whether a call is `<name>::new(…)`.
fn is_new(call: &ExprCall, name: &str) -> bool {
    let Expr::Path(function) = &*call.func else {
        return false;
    };
    let mut names = function.path.segments.iter().rev().map(|segment| &segment.ident);
    names.next().is_some_and(|new| new == "new") && names.next().is_some_and(|of| of == name)
}

pub(super) fn literal(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

/// One level deeper than `line` begins.
pub(super) fn deeper(line: &str) -> String {
    let indentation = &line[..line.len() - line.trim_start().len()];
    let unit = if indentation.starts_with('\t') { "\t" } else { "    " };
    format!("{indentation}{unit}")
}

/// The width of text as rustfmt counts it.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(|c| if c == '\t' { 4 } else { 1 }).sum()
}
