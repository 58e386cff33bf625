//! A status code, by its number or as a value.

use http::StatusCode;

/// A status code, by its number or as [`StatusCode`].
pub trait IntoStatus: sealed::IntoStatus {}

impl IntoStatus for u16 {}
impl IntoStatus for StatusCode {}

mod sealed {
    use http::StatusCode;

    pub trait IntoStatus {
        /// The status, or the number that is none.
        fn into_status(self) -> Result<StatusCode, u16>;
    }

    impl IntoStatus for u16 {
        fn into_status(self) -> Result<StatusCode, u16> {
            StatusCode::from_u16(self).map_err(|_| self)
        }
    }

    impl IntoStatus for StatusCode {
        fn into_status(self) -> Result<StatusCode, u16> {
            Ok(self)
        }
    }
}
