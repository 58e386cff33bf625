//! Functions taken apart: their arguments, each of which tells what it is, and what they return.

use super::{Argument, Operation};

/// An async function with arguments of the types in `Arguments`.
///
/// It is implemented for functions of up to twelve arguments, and is not to be implemented by hand.
#[diagnostic::on_unimplemented(
    message = "what `{Self}` takes and returns is not known",
    label = "not an async function",
    note = "`typed` takes an async function of extractors; without `typed` any controller is in the document, too"
)]
pub trait Signature<Arguments> {
    /// What it returns.
    type Output;
}

/// The types of a function's arguments, as a tuple.
pub trait Arguments {
    /// Adds what they take.
    fn tell(operation: &mut Operation<'_>);
}

macro_rules! implement {
    ($(($argument:ident $_besides:ident))*) => {
        impl<F, Fut, $($argument,)*> Signature<($($argument,)*)> for F
        where
            F: FnOnce($($argument,)*) -> Fut,
            Fut: Future,
        {
            type Output = Fut::Output;
        }

        impl<$($argument: Argument,)*> Arguments for ($($argument,)*) {
            fn tell(operation: &mut Operation<'_>) {
                let _ = &operation;
                $($argument::tell(operation);)*
            }
        }
    };
}

crate::arities::for_each!(implement);
