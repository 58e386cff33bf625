//! How many arguments a function of the application may have: as many as axum's handlers.

/// Calls a macro with the names of the types for each number of arguments. There is no `F`: that is the function.
macro_rules! for_each {
    ($implement:ident) => {
        $implement!();
        $implement!(A);
        $implement!(A B);
        $implement!(A B C);
        $implement!(A B C D);
        $implement!(A B C D E);
        $implement!(A B C D E G);
        $implement!(A B C D E G H);
        $implement!(A B C D E G H I);
        $implement!(A B C D E G H I J);
        $implement!(A B C D E G H I J K);
        $implement!(A B C D E G H I J K L);
        $implement!(A B C D E G H I J K L M);
    };
}

pub(crate) use for_each;
