//! A process group that ends with its owner.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// The group of a child that was started with `process_group(0)`. Dropping it kills what is left of the group, so that
/// neither a compiler nor something that the application started outlives the command.
#[derive(Debug)]
pub(crate) struct Group {
    leader: Option<Pid>,
}

impl Group {
    /// The group that is led by `child`.
    pub(crate) fn led_by(child: &tokio::process::Child) -> Self {
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self { leader }
    }

    /// Asks the leader, and nobody else, to end.
    pub(crate) fn terminate_leader(&self) {
        if let Some(leader) = self.leader {
            // It may have ended in this moment; whoever waits for it will see that.
            let _ = kill_process(leader, Signal::TERM);
        }
    }

    /// Kills every process of the group.
    pub(crate) fn kill(&self) {
        if let Some(leader) = self.leader {
            // Nobody left is what was wanted.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Drop for Group {
    /// Where the leader has been reaped, its number stays taken as long as the group has a member. Only for an empty
    /// group could it be given to somebody else, and the system goes through all other numbers first.
    fn drop(&mut self) {
        self.kill();
    }
}
