//! Work that is given to whoever is idle.
//!
//! Guarantees: `take` returns None only when every worker is idle and nothing is left, so no part of
//! the tree is skipped; `wanted` is one relaxed load, so a busy worker pays next to nothing for being
//! asked. Workers keep their own stacks and come here only when somebody has run out.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};

/// A folder by its path below the root, or the names left over of one.
pub enum Work {
    Folder(Vec<u8>),
    Files { folder: Vec<u8>, names: Vec<u8> },
}

struct State {
    offered: Vec<Work>,
    idle: usize,
}

pub struct Share {
    workers: usize,
    state: Mutex<State>,
    changed: Condvar,
    wanted: AtomicUsize,
    stopped: AtomicBool,
}

impl Share {
    pub fn new(workers: usize, first: Work) -> Self {
        Self {
            workers,
            state: Mutex::new(State { offered: vec![first], idle: 0 }),
            changed: Condvar::new(),
            wanted: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        }
    }

    /// Say whether a worker waits that no offer is on its way to.
    pub fn wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) > 0
    }

    pub fn offer(&self, work: Work) {
        let mut state = self.state.lock().expect("no worker panics while it holds the lock");
        state.offered.push(work);
        self.publish(&state);
        drop(state);
        self.changed.notify_one();
    }

    /// Wait for work; None when the whole tree is done or a worker failed.
    pub fn take(&self) -> Option<Work> {
        let mut state = self.state.lock().expect("no worker panics while it holds the lock");
        state.idle += 1;
        loop {
            if self.stopped.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(work) = state.offered.pop() {
                state.idle -= 1;
                self.publish(&state);
                return Some(work);
            }
            if state.idle == self.workers {
                drop(state);
                self.stop();
                return None;
            }
            self.publish(&state);
            state = self.changed.wait(state).expect("no worker panics while it holds the lock");
        }
    }

    pub fn stop(&self) {
        let state = self.state.lock().expect("no worker panics while it holds the lock");
        self.stopped.store(true, Ordering::Relaxed);
        drop(state);
        self.changed.notify_all();
    }

    fn publish(&self, state: &State) {
        let wanted = state.idle.saturating_sub(state.offered.len());
        self.wanted.store(wanted, Ordering::Relaxed);
    }
}
