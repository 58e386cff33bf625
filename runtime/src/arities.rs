//! How many arguments a function of the application may have: as many as axum's handlers.

/// Calls a macro with the names of the types for each number of arguments, each with a second name for what is to be known
/// besides. There is no `F`: that is the function.
macro_rules! for_each {
    ($implement:ident) => {
        $implement!();
        $implement!((A Aa));
        $implement!((A Aa) (B Bb));
        $implement!((A Aa) (B Bb) (C Cc));
        $implement!((A Aa) (B Bb) (C Cc) (D Dd));
        $implement!((A Aa) (B Bb) (C Cc) (D Dd) (E Ee));
        $implement!((A Aa) (B Bb) (C Cc) (D Dd) (E Ee) (G Gg));
        $implement!((A Aa) (B Bb) (C Cc) (D Dd) (E Ee) (G Gg) (H Hh));
        $implement!((A Aa) (B Bb) (C Cc) (D Dd) (E Ee) (G Gg) (H Hh) (I Ii));
        $implement!((A Aa) (B Bb) (C Cc) (D Dd) (E Ee) (G Gg) (H Hh) (I Ii) (J Jj));
        $implement!((A Aa) (B Bb) (C Cc) (D Dd) (E Ee) (G Gg) (H Hh) (I Ii) (J Jj) (K Kk));
        $implement!((A Aa) (B Bb) (C Cc) (D Dd) (E Ee) (G Gg) (H Hh) (I Ii) (J Jj) (K Kk) (L Ll));
        $implement!((A Aa) (B Bb) (C Cc) (D Dd) (E Ee) (G Gg) (H Hh) (I Ii) (J Jj) (K Kk) (L Ll) (M Mm));
    };
}

pub(crate) use for_each;
