//! What several tests need.

use nova::testing::TestApp;

pub async fn harbour() -> TestApp {
    harbour::app().into_test().await
}
