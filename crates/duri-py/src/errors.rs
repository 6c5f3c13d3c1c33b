//! Which Python exception each failure is; the one place that says so.

use std::any::Any;

use duri_core::ScanError;
use pyo3::exceptions::{PyException, PyOSError, PyRuntimeError, PyValueError};
use pyo3::{PyErr, create_exception};

create_exception!(
    duri.tree._core,
    FormatError,
    PyValueError,
    "Bytes that are not canonical; the message names the offset and the reason."
);
create_exception!(duri.tree._core, ScanCancelled, PyException, "`Progress.cancel` was called.");
create_exception!(duri.tree._core, NoThread, PyOSError, "Not one thread could be started.");

pub(crate) fn of_format(error: &duri_core::FormatError) -> PyErr {
    FormatError::new_err(error.to_string())
}

/// `signal` is what a signal handler raised while the scan ran, if one did.
pub(crate) fn of_scan(error: &ScanError, signal: Option<PyErr>) -> PyErr {
    match error {
        ScanError::Cancelled => ScanCancelled::new_err(error.to_string()),
        ScanError::Interrupted => {
            signal.unwrap_or_else(|| ScanCancelled::new_err(error.to_string()))
        }
        ScanError::Part(reason) => PyValueError::new_err(reason.clone()),
        ScanError::Busy => PyRuntimeError::new_err(error.to_string()),
        // With the number alone Python chooses the class: PermissionError, FileNotFoundError.
        ScanError::Root(errno) => {
            PyOSError::new_err((errno.raw_os_error(), "the root cannot be read"))
        }
        ScanError::Threads(errno) => NoThread::new_err((errno.raw_os_error(), errno.to_string())),
        ScanError::Format(error) => of_format(error),
    }
}

/// A panic, which is a fault of this program: an ordinary exception, so that whoever reports failures
/// reports this one too. `PyO3`'s own is none that `except Exception` sees.
pub(crate) fn of_panic(panic: &(dyn Any + Send)) -> PyErr {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    PyRuntimeError::new_err(format!("the core failed: {}", text.unwrap_or("unknown")))
}

/// A system call's error; with the number alone Python chooses the class, such as `FileExistsError`.
pub(crate) fn of_errno(errno: &std::io::Error) -> PyErr {
    PyOSError::new_err((errno.raw_os_error(), errno.to_string()))
}

pub(crate) fn unknown_algorithm(name: &str) -> PyErr {
    PyValueError::new_err(format!("unknown hash algorithm {name:?}; known: sha256, sha512, blake3"))
}
