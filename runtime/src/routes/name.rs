//! The names of functions, as the compiler tells them.

/// A function's path without its crate's name: `controllers::posts::show`. `None` for a closure, and for a pointer to a
/// function, whose type does not say which.
pub(super) fn of<F>() -> Option<&'static str> {
    in_type(std::any::type_name::<F>())
}

/// The same of a type's name.
pub(crate) fn in_type(path: &'static str) -> Option<&'static str> {
    // A generic function is followed by its arguments.
    let path = path.split_once('<').map_or(path, |(path, _)| path);
    let path = path.strip_suffix("::").unwrap_or(path);
    let (_crate, path) = path.split_once("::")?;
    let is_path = path
        .chars()
        .all(|char| char.is_alphanumeric() || matches!(char, '_' | ':'));
    is_path.then_some(path)
}

/// What a layer is called, by its type's name: the function that makes it, as `security::outer` for axum's
/// `from_fn(security::outer)`, or else the last part of its path: `TraceLayer`. Several that are stacked into one are
/// several, the outermost first.
pub(crate) fn of_layer(type_name: &'static str) -> Vec<String> {
    let (path, arguments) = match type_name.split_once('<') {
        Some((path, arguments)) => (path, arguments.strip_suffix('>').unwrap_or(arguments)),
        None => (type_name, ""),
    };
    let arguments = split(arguments);
    let name = path.rsplit("::").next().unwrap_or(path);
    match (name, arguments.as_slice()) {
        ("ServiceBuilder", [stack]) => of_layer(stack),
        ("Stack", [inner, outer]) => [of_layer(outer), of_layer(inner)].concat(),
        ("Identity", []) if path.starts_with("tower") => Vec::new(),
        // Axum's own, which are all of one function.
        (_, [function, ..]) if path.starts_with("axum::middleware::") => vec![match in_type(function) {
            Some(function) => function.to_owned(),
            None => format!("{} (a closure)", snake(name.strip_suffix("Layer").unwrap_or(name))),
        }],
        _ => vec![name.to_owned()],
    }
}

/// The arguments of a type, at the commas that are in none of them.
fn split(arguments: &'static str) -> Vec<&'static str> {
    let (mut depth, mut start, mut parts) = (0_i32, 0, Vec::new());
    let mut before = ' ';
    for (at, char) in arguments.char_indices() {
        match char {
            '<' | '(' | '[' => depth += 1,
            // Not the arrow of a function's type.
            '>' if before == '-' => {}
            '>' | ')' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(arguments[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
        before = char;
    }
    let last = arguments[start..].trim();
    if !last.is_empty() {
        parts.push(last);
    }
    parts
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for char in name.chars() {
        if char.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(char.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use axum::extract::Request;
    use axum::middleware::{Next, from_fn, map_response};
    use axum::response::Response;
    use tower::ServiceBuilder;
    use tower::layer::util::Identity;

    fn name_of<F>(_: F) -> Option<&'static str> {
        super::of::<F>()
    }

    async fn plain() {}
    async fn generic<T>(_: T) {}

    #[test]
    fn functions_have_names_and_closures_none() {
        assert_eq!(name_of(plain), Some("routes::name::tests::plain"));
        assert_eq!(name_of(generic::<Vec<u8>>), Some("routes::name::tests::generic"));
        assert_eq!(name_of(async || ()), None);
        assert_eq!(name_of(|| ()), None);
        #[expect(trivial_casts, reason = "a pointer is what is tested")]
        {
            assert_eq!(name_of(plain as fn() -> _), None);
        }
    }

    async fn outer(request: Request, next: Next) -> Response {
        next.run(request).await
    }

    #[derive(Clone)]
    struct Timing<T>(T);

    fn layer_of<L>(_: &L) -> Vec<String> {
        super::of_layer(std::any::type_name::<L>())
    }

    #[test]
    fn layers_are_named_by_what_they_do() {
        assert_eq!(
            layer_of(&from_fn::<_, (Request,)>(outer)),
            ["routes::name::tests::outer"]
        );
        let closure = map_response::<_, (Response,)>(async |response: Response| response);
        assert_eq!(layer_of(&closure), ["map_response (a closure)"]);
        assert_eq!(layer_of(&Timing(vec![("a", 1)])), ["Timing"]);
        assert_eq!(layer_of(&Identity::new()), [""; 0]);
        let several = ServiceBuilder::new()
            .layer(Timing(1))
            .layer(from_fn::<_, (Request,)>(outer))
            .layer(closure);
        assert_eq!(
            layer_of(&several),
            ["Timing", "routes::name::tests::outer", "map_response (a closure)"]
        );
        assert_eq!(
            super::split("fn(A, B) -> C, [u8; 2], D<E, F>"),
            ["fn(A, B) -> C", "[u8; 2]", "D<E, F>"]
        );
    }
}
