//! The process around an application, where there are no Unix sockets to hand anything over.

use tokio::net::TcpListener;

use super::ready::Assembled;
use super::supervised;
use crate::error::Result;
use crate::server::MovedHere;

pub(super) struct Process;

#[expect(
    clippy::unused_self,
    clippy::unused_async,
    clippy::unnecessary_wraps,
    reason = "as elsewhere"
)]
impl Process {
    pub(super) async fn begin() -> Result<Self> {
        Ok(Self)
    }

    pub(super) fn listener(&mut self) -> Result<Option<TcpListener>> {
        supervised::inherited_listener()
    }

    pub(super) async fn take_over(&mut self, _app: &Assembled) -> Result<MovedHere> {
        Ok(MovedHere::default())
    }

    pub(super) fn attend(&mut self, app: &Assembled, _listener: &TcpListener) -> Result<()> {
        supervised::end_with_supervisor(app.lifecycle.clone());
        Ok(())
    }

    pub(super) fn stopping(&self) {
        supervised::notify("STOPPING=1");
    }

    pub(super) async fn end(self) {}
}
