//! How many descriptors the process may have open.
//!
//! Guarantees: while a `Raised` lives the soft limit is the hard one, since many threads in a deep tree
//! hold more than the usual 1,024; when the last one goes the limit is what it was, so that a command
//! the process becomes afterwards (`duri gate … -- COMMAND`) starts with the limit it would have had.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Scans that run now, and the limit from before the first.
static RUNNING: Mutex<(usize, Option<Rlimit>)> = Mutex::new((0, None));

/// A scan's claim on the limit.
pub(crate) struct Raised(());

fn running() -> MutexGuard<'static, (usize, Option<Rlimit>)> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Raised {
    pub(crate) fn new() -> Self {
        let mut state = running();
        if state.0 == 0 {
            let before = getrlimit(Resource::Nofile);
            let raised = Rlimit { current: before.maximum, maximum: before.maximum };
            // Without the right to raise it the scan runs with what there is.
            if before.current != before.maximum && setrlimit(Resource::Nofile, raised).is_ok() {
                state.1 = Some(before);
            }
        }
        state.0 += 1;
        Self(())
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        let mut state = running();
        state.0 -= 1;
        if state.0 == 0
            && let Some(before) = state.1.take()
        {
            // The hard limit is the same, so lowering the soft one cannot be refused.
            let _ = setrlimit(Resource::Nofile, before);
        }
    }
}
