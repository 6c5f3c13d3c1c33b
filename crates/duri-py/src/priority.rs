//! How much a thread's reading and writing may disturb others.
//!
//! Source: `ioprio_set`(2).

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors;

/// linux/ioprio.h.
const WHO_PROCESS: libc::c_long = 1;
const CLASS_SHIFT: u32 = 13;
const BEST_EFFORT: libc::c_long = 2;
const IDLE: libc::c_long = 3;
const LEVELS: u8 = 8;

/// Set the I/O priority of the calling thread; threads that it starts have the same.
#[pyfunction]
#[pyo3(signature = (kind, level = 4))]
pub(crate) fn set_io_priority(kind: &str, level: u8) -> PyResult<()> {
    let class = match kind {
        "idle" => IDLE,
        "best-effort" => BEST_EFFORT,
        _ => return Err(PyValueError::new_err("kind must be \"idle\" or \"best-effort\"")),
    };
    if level >= LEVELS {
        return Err(PyValueError::new_err(format!("level must be from 0 to {}", LEVELS - 1)));
    }
    // The idle class has no levels.
    let level = if class == IDLE { 0 } else { libc::c_long::from(level) };
    let (this_thread, priority): (libc::c_long, _) = (0, class << CLASS_SHIFT | level);
    // SAFETY: the call takes three numbers and touches no memory of ours.
    let result = unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, this_thread, priority) };
    if result < 0 { Err(errors::of_errno(&std::io::Error::last_os_error())) } else { Ok(()) }
}
