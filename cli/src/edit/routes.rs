//! The route in the table: `.get("/posts", posts::index)` in the one root group of `fn routes`.

use syn::visit::Visit as _;
use syn::{Expr, ExprCall, ExprMethodCall, FnArg, Item, ItemFn, ReturnType, Type};

use super::Edit;
use super::chains::{Chain, Finder, WIDEST_ARGUMENTS, WIDEST_LINE, deeper, literal, width};
use super::imports::{Import, Meaning};
use super::source::{Source, plain};

/// The methods of a group that declare a route.
const VERBS: &[&str] = &["get", "post", "put", "patch", "delete", "options", "head", "ws"];

/// A route to a function of a module or type of this crate.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// The group's method: `get`, `ws`.
    pub(crate) verb: &'static str,
    pub(crate) path: String,
    /// What holds the function, which the file imports if it can.
    pub(crate) holder: Import,
    pub(crate) function: String,
}

/// A route that leads to a function of something known.
#[derive(Debug)]
pub(crate) struct RouteTo {
    pub(crate) verb: &'static str,
    /// With the prefix of its group, where the group is in sight.
    pub(crate) path: String,
    pub(crate) function: String,
}

/// A route that the file declares.
struct Declared<'a> {
    call: &'a ExprMethodCall,
    /// With the prefix of its group, where the group is in sight.
    path: String,
    handler: Option<&'a Expr>,
}

impl Route {
    /// The method of a group that is called so.
    pub(crate) fn verb(name: &str) -> Option<&'static str> {
        VERBS.iter().find(|verb| **verb == name).copied()
    }

    pub(super) fn line(&self) -> String {
        self.call(&self.holder.name)
    }

    /// The same as it stands, or will, in this file, which may name the holder otherwise.
    pub(super) fn line_in(&self, source: &Source<'_>) -> String {
        self.call(&self.reached(source))
    }

    pub(super) fn count(&self, source: &Source<'_>) -> usize {
        let declared = declared(&source.file);
        declared.iter().filter(|declared| self.is(declared, source)).count()
    }

    pub(super) fn insert(&self, source: &Source<'_>) -> Edit {
        if self.count(source) > 0 {
            return Edit::Unchanged;
        }
        let reached = self.reached(source);
        let no_place = |reason: &str| Edit::no_place(reason.to_owned(), self.call(&reached));
        let chains = match tables(source) {
            Ok(chains) => chains,
            Err(reason) => return no_place(reason),
        };
        let chain = match only_root(&chains) {
            Ok(chain) => chain,
            Err(reason) => return no_place(reason),
        };
        // Another group may have the path already, below its prefix; one of a host is beside the others.
        let beside = |other: &&Chain<'_>| other.calls.iter().all(|call| call.method != "host");
        let added = added(source);
        let rest = chains.iter().filter(|other| !std::ptr::eq(*other, chain));
        let mut routes = std::iter::once(chain)
            .chain(rest.chain(&added).filter(beside))
            .filter_map(|group| Some((group, prefix(group.root)?)))
            .flat_map(|(group, prefix)| group.calls.iter().filter_map(move |call| declaration(call, &prefix)));
        let ours = method(self.verb);
        let reason = routes.find_map(|Declared { call, path, .. }| {
            if !same_pattern(&path, &self.path) {
                None
            } else if method(&call.method.to_string()) == ours {
                Some(format!("another handler is at {ours} {path}"))
            } else {
                // The router has one name for each parameter, whatever the method.
                (path != self.path).then(|| format!("the route {path} calls its parameters otherwise"))
            }
        });
        let files = || {
            let mut files = chain.calls.iter().filter(|call| call.method == "assets");
            let prefix =
                files.find_map(|call| literal(call.args.first()?).filter(|prefix| is_below(&self.path, prefix)))?;
            Some(format!("the files of an assets directory are at {prefix}"))
        };
        if let Some(reason) = reason.or_else(files) {
            return Edit::NoPlace { reason, paste: None };
        }
        Edit::Changed(self.insert_into(chain, source, &reached))
    }

    pub(super) fn remove(&self, source: &Source<'_>) -> Edit {
        let declared = declared(&source.file);
        let Some(found) = declared.iter().find(|declared| self.is(declared, source)) else {
            return Edit::Unchanged;
        };
        let dot = source.range(&found.call.dot_token).start;
        let end = source.range(found.call).end;
        Edit::Changed(source.without(source.with_its_line(dot..end)))
    }

    /// Behind the last route of the chain, and before what else may stand there, such as assets.
    fn insert_into(&self, chain: &Chain<'_>, source: &Source<'_>, reached: &str) -> String {
        let is_route = |call: &&ExprMethodCall| VERBS.iter().any(|verb| call.method == verb);
        let last_route = chain
            .calls
            .iter()
            .rposition(is_route)
            .or(chain.calls.len().checked_sub(1));
        let (end, from_there) = match last_route {
            Some(index) => (source.range(chain.calls[index]).end, &chain.calls[index..]),
            None => (source.range(chain.root).end, &[][..]),
        };
        let mut dots = from_there
            .iter()
            .take(2)
            .map(|call| source.range(&call.dot_token).start);
        let broken = dots.find_map(|dot| source.indentation(dot));
        let rest = &source.text[end..source.line_end(end)];
        let indentation = if let Some(indentation) = broken {
            indentation.to_owned()
        } else {
            let call = self.call(reached);
            let line = &source.text[source.line_start(end)..source.line_end(end)];
            if width(line) + call.len() <= WIDEST_LINE {
                return source.with(end, &call);
            }
            deeper(line)
        };
        let newline = source.newline_at(end);
        // A comment behind the last route belongs to it.
        let at = source.end_with_comment(end).unwrap_or(end);
        let behind = if at == end { rest.len() } else { 0 };
        let call = self.broken_call(reached, &indentation, behind, newline);
        source.with(at, &format!("{newline}{indentation}{call}"))
    }

    fn arguments(&self, reached: &str) -> [String; 2] {
        [format!("\"{}\"", self.path), format!("{reached}::{}", self.function)]
    }

    fn call(&self, reached: &str) -> String {
        format!(".{}({})", self.verb, self.arguments(reached).join(", "))
    }

    /// The call as rustfmt writes it on a line that begins with `indentation`, with `behind` more characters to follow.
    fn broken_call(&self, reached: &str, indentation: &str, behind: usize, newline: &str) -> String {
        let call = self.call(reached);
        let [path, handler] = self.arguments(reached);
        let fits = path.len() + handler.len() + ", ".len() <= WIDEST_ARGUMENTS
            && width(indentation) + call.len() + behind <= WIDEST_LINE;
        if fits {
            return call;
        }
        let inner = deeper(indentation);
        format!(
            ".{}({newline}{inner}{path},{newline}{inner}{handler},{newline}{indentation})",
            self.verb
        )
    }

    /// How the file names the holder: as it is imported, or will be, or by the whole path where the name is taken.
    fn reached(&self, source: &Source<'_>) -> String {
        match self.holder.meaning(source) {
            Meaning::Imported(_) if self.holder.is_conditional(source) => self.holder.path(),
            Meaning::Imported(name) => name,
            Meaning::Taken => self.holder.path(),
            Meaning::Free => self.holder.name.clone(),
        }
    }

    fn is(&self, declared: &Declared<'_>, source: &Source<'_>) -> bool {
        if declared.call.method != self.verb || !same_pattern(&declared.path, &self.path) {
            return false;
        }
        let Some((holder, function)) = declared.handler.and_then(reached) else {
            return false;
        };
        function == self.function && leads_to(&self.holder, &holder, source)
    }
}

/// The method of the requests that a route takes. A WebSocket begins as a GET.
fn method(verb: &str) -> String {
    if verb == "ws" {
        "GET".to_owned()
    } else {
        verb.to_uppercase()
    }
}

/// Whether two paths take the same requests: what a parameter is called makes no difference.
fn same_pattern(left: &str, right: &str) -> bool {
    let blank = |path: &str| -> Vec<String> {
        let segments = path.split('/');
        segments
            .map(|segment| match segment.strip_prefix('{') {
                Some(parameter) if parameter.starts_with('*') => "{*}".to_owned(),
                Some(parameter) if parameter.ends_with('}') => "{}".to_owned(),
                _ => segment.to_owned(),
            })
            .collect()
    };
    blank(left) == blank(right)
}

/// Whether `path` is `prefix`, or continues it. Below the root is everything, beside which anything may stand.
fn is_below(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    let rest = path.strip_prefix(prefix).filter(|_| !prefix.is_empty());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The groups of the table: those in `fn routes`, or in the one function that gives `Routes`; where that calls other
/// functions for its groups, all of the file's.
fn tables<'a>(source: &'a Source<'_>) -> Result<Vec<Chain<'a>>, &'static str> {
    let functions = |is_table: fn(&ItemFn) -> bool| -> Vec<&ItemFn> {
        let functions = source.file.items.iter().filter_map(|item| match item {
            Item::Fn(function) => Some(function),
            _ => None,
        });
        functions.filter(|function| is_table(function)).collect()
    };
    let mut tables = functions(|function| function.sig.ident == "routes");
    if tables.is_empty() {
        tables = functions(gives_routes);
    }
    let function = match tables[..] {
        [function] => function,
        [] => return Err("there is no `fn routes` in it"),
        _ => return Err("there is more than one `fn routes` in it"),
    };
    let mut finder = Finder::of("Group");
    finder.visit_block(&function.block);
    if finder.chains.iter().any(is_root) {
        return Ok(finder.chains);
    }
    let mut finder = Finder::of("Group");
    for function in functions(|function| !gives_routes(function)) {
        finder.visit_block(&function.block);
    }
    Ok(finder.chains)
}

/// The groups that other functions bring to the table: those that give one, and those that take a table and add to it.
/// What a function makes as a table of its own may be mounted below any prefix.
fn added<'a>(source: &'a Source<'_>) -> Vec<Chain<'a>> {
    let mut finder = Finder::of("Group");
    for item in &source.file.items {
        let Item::Fn(function) = item else {
            continue;
        };
        let takes_routes = function.sig.inputs.iter().any(|input| match input {
            FnArg::Typed(input) => is_a(&input.ty, "Routes"),
            FnArg::Receiver(_) => false,
        });
        if takes_routes || returns(function, "Group") {
            finder.visit_block(&function.block);
        }
    }
    finder.chains
}

/// Whether a function gives a table: by what it is declared to return.
fn gives_routes(function: &ItemFn) -> bool {
    returns(function, "Routes")
}

fn returns(function: &ItemFn, name: &str) -> bool {
    match &function.sig.output {
        ReturnType::Type(_, output) => is_a(output, name),
        ReturnType::Default => false,
    }
}

fn is_a(of: &Type, name: &str) -> bool {
    match of {
        Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == name),
        _ => false,
    }
}

fn is_root(chain: &Chain<'_>) -> bool {
    prefix(chain.root).as_deref() == Some("/")
}

/// The group at `/`; of several, the one that anybody may enter.
fn only_root<'a, 'b>(chains: &'b [Chain<'a>]) -> Result<&'b Chain<'a>, &'static str> {
    let roots: Vec<_> = chains.iter().filter(|chain| is_root(chain)).collect();
    let guarded = |chain: &Chain<'_>| {
        chain
            .calls
            .iter()
            .any(|call| call.method == "security" || call.method == "host")
    };
    let open: Vec<_> = roots.iter().filter(|chain| !guarded(chain)).collect();
    match (&roots[..], &open[..]) {
        ([only], _) => Ok(only),
        (_, [only]) => Ok(only),
        ([], _) => Err("its `fn routes` has no `Group::new(\"/\")` that routes can be added to"),
        _ => Err("its `fn routes` has more than one `Group::new(\"/\")`"),
    }
}

/// The routes that lead to functions of `holder`, as `controllers::posts`.
pub(crate) fn routes_to(text: &str, holder: &str) -> Vec<RouteTo> {
    let Ok(source) = Source::parse(text) else {
        return Vec::new();
    };
    let (modules, name) = match holder.rsplit_once("::") {
        Some((modules, name)) => (modules.split("::").map(str::to_owned).collect(), name),
        None => (Vec::new(), holder),
    };
    let holder = Import {
        modules,
        name: name.to_owned(),
    };
    all_to(&holder, &source)
}

/// The same in a file that has been read.
pub(super) fn all_to(holder: &Import, source: &Source<'_>) -> Vec<RouteTo> {
    let declared = declared(&source.file);
    let found = declared.iter().filter_map(|declared| {
        let (reached, function) = reached(declared.handler?)?;
        let verb = Route::verb(&declared.call.method.to_string())?;
        let path = declared.path.clone();
        leads_to(holder, &reached, source).then_some(RouteTo { verb, path, function })
    });
    found.collect()
}

/// The names that a handler's path goes through, and its last one.
fn reached(handler: &Expr) -> Option<(Vec<String>, String)> {
    let Expr::Path(handler) = handler else {
        return None;
    };
    let segments = handler.path.segments.iter();
    let mut names: Vec<String> = segments.map(|segment| plain(&segment.ident)).collect();
    let function = names.pop()?;
    (!names.is_empty()).then_some((names, function))
}

/// Whether a path in this file is that of `holder`, and not of something else with the same name: `users` may be
/// `crate::api::users`.
fn leads_to(holder: &Import, path: &[String], source: &Source<'_>) -> bool {
    let own: Vec<&str> = holder
        .modules
        .iter()
        .chain([&holder.name])
        .map(String::as_str)
        .collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let is_above = |name: &&str| matches!(*name, "crate" | "self" | "super");
    let from_above = path.iter().take_while(|name| is_above(name)).count();
    if from_above > 0 {
        return path[from_above..] == own;
    }
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    // The first name is one that the file imports, of the holder or of a module that it is in.
    (1..=own.len()).any(|depth| {
        let (above, below) = own.split_at(depth);
        let Some((name, modules)) = above.split_last().filter(|_| below == rest) else {
            return false;
        };
        let import = Import {
            modules: modules.iter().map(|&module| module.to_owned()).collect(),
            name: (*name).to_owned(),
        };
        match import.meaning(source) {
            Meaning::Imported(name) => name == *first,
            Meaning::Free => name == first,
            // At the root of the crate its own modules are declared.
            Meaning::Taken => name == first && modules.is_empty(),
        }
    })
}

/// Every route that the file declares, on whichever group, so that a route which the user has moved is found.
fn declared(file: &syn::File) -> Vec<Declared<'_>> {
    let mut finder = Finder::of("Group");
    finder.visit_file(file);
    let in_chains = finder.chains.iter().flat_map(|chain| {
        let prefix = prefix(chain.root).unwrap_or_default();
        chain.calls.iter().filter_map(move |call| declaration(call, &prefix))
    });
    let elsewhere = finder.others.iter().filter_map(|call| declaration(call, "/"));
    in_chains.chain(elsewhere).collect()
}

/// The route that a call declares, on a group with a prefix.
fn declaration<'a>(call: &'a ExprMethodCall, prefix: &str) -> Option<Declared<'a>> {
    if !VERBS.iter().any(|verb| call.method == verb) {
        return None;
    }
    let path = literal(call.args.first()?)?;
    let joined = match (prefix.trim_end_matches('/'), path.as_str()) {
        ("", path) => path.to_owned(),
        (prefix, "/") => prefix.to_owned(),
        (prefix, path) => format!("{prefix}{path}"),
    };
    Some(Declared {
        call,
        path: joined,
        handler: call.args.get(1),
    })
}

/// The prefix of `Group::new("/api")`.
fn prefix(root: &ExprCall) -> Option<String> {
    literal(root.args.first()?)
}
