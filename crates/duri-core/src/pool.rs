//! Threads that take tasks from one stack, and a caller that waits for them.
//!
//! Guarantees:
//! - Last in, first out: a tree is walked depth first, so tasks and open folders in waiting stay few.
//! - As few threads as keep the processors busy: it starts with one a processor and adds more, up to
//!   the number asked for, only while there are tasks and the processors wait for the disk. With a
//!   warm cache 32 threads thus cost what 2 do; with a cold one they are there within milliseconds.
//! - The caller's thread does no work: it polls `tick`, and stops the run when that says so.
//! - A panic in a thread ends the run and reaches the caller; nothing hangs. Where no thread can be
//!   started there is no run, and the caller is told why.

use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// How often the processors' load is looked at while threads may be added.
const GROW_EVERY: Duration = Duration::from_millis(2);
/// How long the first threads have to get going before that: starting them looks like waiting, and a
/// small release is read by then.
const GROW_FIRST: Duration = Duration::from_millis(8);
/// How often the caller's `tick` runs.
const TICK_EVERY: Duration = Duration::from_millis(50);
/// A core walks without recursion, so a thread needs little stack.
const STACK: usize = 512 * 1024;

/// What a thread does.
pub(crate) trait Work: Send {
    type Task: Send;

    fn run(&mut self, task: Self::Task, queue: &Queue<'_, Self::Task>);

    /// Finish what was put off; called whenever no task waits.
    fn rest(&mut self);
}

struct State<T> {
    tasks: Vec<T>,
    /// Tasks being run.
    running: usize,
    /// Threads that wait for a task.
    idle: usize,
    /// Threads that ended.
    ended: usize,
}

/// The tasks in waiting.
pub(crate) struct Queue<'a, T> {
    state: Mutex<State<T>>,
    tasks_wait: Condvar,
    thread_ended: Condvar,
    pub(crate) stop: &'a AtomicBool,
}

impl<T> Queue<'_, T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Add tasks; the last one is taken first.
    pub(crate) fn push(&self, tasks: impl IntoIterator<Item = T>) {
        let mut state = self.lock();
        let before = state.tasks.len();
        state.tasks.extend(tasks);
        let added = state.tasks.len() - before;
        let idle = state.idle;
        drop(state);
        // Each notification is a system call, so none is made in vain.
        for _ in 0..added.min(idle) {
            self.tasks_wait.notify_one();
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Counts a running task and a living thread down, whether by return or by panic.
struct Running<'a, 'b, T>(&'a Queue<'b, T>);

impl<T> Drop for Running<'_, '_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop.store(true, Ordering::Relaxed);
        }
        let mut state = self.0.lock();
        state.running -= 1;
        if state.running == 0 && state.tasks.is_empty() || self.0.stopped() {
            self.0.tasks_wait.notify_all();
        }
    }
}

struct Living<'a, 'b, T>(&'a Queue<'b, T>);

impl<T> Drop for Living<'_, '_, T> {
    fn drop(&mut self) {
        self.0.lock().ended += 1;
        self.0.thread_ended.notify_one();
    }
}

fn work<W: Work>(worker: &mut W, queue: &Queue<'_, W::Task>) {
    let _living = Living(queue);
    let mut rested = false;
    let mut state = queue.lock();
    loop {
        if queue.stopped() {
            return;
        }
        if let Some(task) = state.tasks.pop() {
            state.running += 1;
            drop(state);
            let running = Running(queue);
            worker.run(task, queue);
            drop(running);
            rested = false;
        } else if !rested {
            drop(state);
            worker.rest();
            rested = true;
        } else if state.running == 0 {
            return;
        } else {
            state.idle += 1;
            state = queue.tasks_wait.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
            continue;
        }
        state = queue.lock();
    }
}

/// How many threads keep the processors busy.
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Run `first` and what comes of it; return the workers that were used.
///
/// `worker` makes one for each thread; `tick` says whether to go on. `stop` is set when the run ends
/// before its tasks do.
///
/// # Errors
/// The kernel's, when not one thread could be started.
pub(crate) fn run<W: Work>(
    threads: usize,
    first: W::Task,
    stop: &AtomicBool,
    worker: impl Fn() -> W,
    tick: &mut dyn FnMut() -> bool,
) -> io::Result<Vec<W>> {
    let state = State { tasks: vec![first], running: 0, idle: 0, ended: 0 };
    let queue = Queue {
        state: Mutex::new(state),
        tasks_wait: Condvar::new(),
        thread_ended: Condvar::new(),
        stop,
    };
    let processors = processors();
    thread::scope(|scope| {
        let mut handles = Vec::new();
        let mut load = Load::new(processors);
        let mut next_tick = Instant::now() + TICK_EVERY;
        let least = processors.min(threads).max(1);
        let mut wanted = least;
        loop {
            while handles.len() < wanted {
                let mut own = worker();
                let shared = &queue;
                let body = move || {
                    work(&mut own, shared);
                    own
                };
                match thread::Builder::new().stack_size(STACK).spawn_scoped(scope, body) {
                    Ok(handle) => handles.push(handle),
                    // Fewer threads are slower, not wrong; without any there is no scan.
                    Err(_) if !handles.is_empty() => wanted = handles.len(),
                    Err(error) => return Err(error),
                }
            }
            let pause = match wanted < threads {
                true if wanted == least => GROW_FIRST,
                true => GROW_EVERY,
                false => TICK_EVERY,
            };
            let state = queue.lock();
            if state.ended == handles.len() {
                break;
            }
            let result = queue.thread_ended.wait_timeout(state, pause);
            let (state, _) = result.unwrap_or_else(PoisonError::into_inner);
            if state.ended == handles.len() {
                break;
            }
            // Threads end only when all tasks have, so none is added then.
            let starved = state.ended == 0 && state.idle == 0 && !state.tasks.is_empty();
            drop(state);
            if Instant::now() >= next_tick {
                next_tick = Instant::now() + TICK_EVERY;
                if !tick() {
                    stop.store(true, Ordering::Relaxed);
                    let _state = queue.lock();
                    queue.tasks_wait.notify_all();
                }
            }
            if wanted < threads && load.waits() && starved {
                wanted = (wanted * 4).min(threads);
            }
        }
        let joined = handles
            .into_iter()
            .map(|handle| handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        Ok(joined.collect())
    })
}

/// How busy the processors are with this process.
struct Load {
    processors: u32,
    wall: Instant,
    used: Duration,
}

impl Load {
    fn new(processors: usize) -> Self {
        let processors = u32::try_from(processors).unwrap_or(u32::MAX);
        Self { processors, wall: Instant::now(), used: used() }
    }

    /// Say whether a tenth of the time or more was spent waiting since the last call.
    fn waits(&mut self) -> bool {
        let wall = self.wall.elapsed();
        if wall < GROW_EVERY {
            return false;
        }
        let now = used();
        let busy = now.saturating_sub(self.used);
        self.wall = Instant::now();
        self.used = now;
        busy * 10 < wall * self.processors * 9
    }
}

fn used() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::{Queue, Work, run};
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    /// A tree of tasks, each with ten below it.
    struct Counter<'a> {
        seen: usize,
        rested: usize,
        total: &'a AtomicUsize,
        panic_at: usize,
    }

    impl Work for Counter<'_> {
        type Task = u32;

        fn run(&mut self, depth: u32, queue: &Queue<'_, u32>) {
            assert!(self.total.fetch_add(1, Ordering::SeqCst) != self.panic_at, "on purpose");
            self.seen += 1;
            if depth > 0 {
                queue.push((0..10).map(|_| depth - 1));
            }
        }

        fn rest(&mut self) {
            self.rested = self.seen;
        }
    }

    fn count(threads: usize, panic_at: usize, go_on: bool) -> (usize, usize) {
        let (stop, total) = (AtomicBool::new(false), AtomicUsize::new(0));
        let worker = || Counter { seen: 0, rested: 0, total: &total, panic_at };
        let workers = run(threads, 4, &stop, worker, &mut || go_on).unwrap();
        let seen = workers.iter().map(|worker| worker.seen).sum();
        (seen, workers.iter().map(|worker| worker.rested).sum())
    }

    #[test]
    fn every_task_is_run_once_and_every_thread_rests_at_the_end() {
        for threads in [1, 2, 7, 32] {
            assert_eq!(count(threads, usize::MAX, true), (11_111, 11_111));
        }
    }

    #[test]
    #[should_panic(expected = "on purpose")]
    fn a_panic_reaches_the_caller() {
        count(8, 500, true);
    }

    struct Sleeper;

    impl Work for Sleeper {
        type Task = ();

        fn run(&mut self, (): (), queue: &Queue<'_, ()>) {
            while !queue.stop.load(Ordering::Relaxed) {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            queue.push([()]);
        }

        fn rest(&mut self) {}
    }

    #[test]
    fn the_caller_can_stop_a_run_that_would_not_end() {
        let stop = AtomicBool::new(false);
        run(4, (), &stop, || Sleeper, &mut || false).unwrap();
        assert!(stop.load(Ordering::Relaxed));
    }
}
