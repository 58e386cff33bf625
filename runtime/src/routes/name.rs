//! The names of functions, as the compiler tells them.

/// A function's path without its crate's name: `controllers::posts::show`. `None` for a closure, and for a pointer to a
/// function, whose type does not say which.
pub(super) fn of<F>() -> Option<&'static str> {
    in_type(std::any::type_name::<F>())
}

/// The same of a type's name.
pub(super) fn in_type(path: &'static str) -> Option<&'static str> {
    // A generic function is followed by its arguments.
    let path = path.split_once('<').map_or(path, |(path, _)| path);
    let path = path.strip_suffix("::").unwrap_or(path);
    let (_crate, path) = path.split_once("::")?;
    let is_path = path
        .chars()
        .all(|char| char.is_alphanumeric() || matches!(char, '_' | ':'));
    is_path.then_some(path)
}

#[cfg(test)]
mod tests {
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
}
