//! How fast a scan may read.
//!
//! Guarantees: all threads of a scan together read no more than so many bytes a second on average,
//! from its first byte on; a thread that waits looks at the stop button every 50 ms at least. Nothing
//! is saved up: time in which nothing was read does not make what follows faster.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The longest sleep between two looks at the stop button.
const SLICE: Duration = Duration::from_millis(50);
/// A shorter wait is left to the next charge: a sleep has a price, and small files are many.
const LEAST: Duration = Duration::from_millis(2);

const SECOND: u128 = 1_000_000_000;

/// A rate that the threads of a scan share.
#[derive(Debug)]
pub(crate) struct Throttle {
    bytes_per_second: NonZeroU64,
    begin: Instant,
    /// When, in nanoseconds since `begin`, what was read so far will have been paid for.
    paid: AtomicU64,
}

impl Throttle {
    pub(crate) fn new(bytes_per_second: NonZeroU64) -> Self {
        Self { bytes_per_second, begin: Instant::now(), paid: AtomicU64::new(0) }
    }

    /// Take note of bytes that were read, and wait until they are paid for or `stop` is set.
    pub(crate) fn charge(&self, bytes: u64, stop: &AtomicBool) {
        let price = u128::from(bytes) * SECOND / u128::from(self.bytes_per_second.get());
        let price = u64::try_from(price).unwrap_or(u64::MAX);
        let due = |paid: u64| paid.max(self.now()).saturating_add(price);
        let mut paid = self.paid.load(Ordering::Relaxed);
        let until = loop {
            let until = due(paid);
            let swap =
                self.paid.compare_exchange_weak(paid, until, Ordering::Relaxed, Ordering::Relaxed);
            match swap {
                Ok(_) => break until,
                Err(other) => paid = other,
            }
        };
        let mut left = Duration::from_nanos(until.saturating_sub(self.now()));
        if left < LEAST {
            return;
        }
        while !left.is_zero() && !stop.load(Ordering::Relaxed) {
            thread::sleep(left.min(SLICE));
            left = Duration::from_nanos(until.saturating_sub(self.now()));
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::Throttle;
    use std::num::NonZeroU64;
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, Instant};

    fn time(bytes: u64, rate: u64, stopped: bool) -> Duration {
        let throttle = Throttle::new(NonZeroU64::new(rate).unwrap());
        let stop = AtomicBool::new(stopped);
        let begin = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..50).for_each(|_| throttle.charge(bytes / 100, &stop)));
            }
        });
        begin.elapsed()
    }

    #[test]
    fn threads_share_one_rate() {
        assert!(time(300_000, 1_000_000, false) >= Duration::from_millis(290));
        assert!(time(300_000, u64::MAX, false) < Duration::from_millis(250));
    }

    #[test]
    fn a_stopped_scan_does_not_wait() {
        assert!(time(1_000_000_000, 1, true) < Duration::from_secs(1));
    }
}
