//! Opening a folder inside another root.

use std::ffi::OsStr;
use std::os::fd::IntoRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use pyo3::prelude::*;

use crate::errors;
use crate::scan::borrow_root;

/// Open a folder with `root_fd` as "/"; the caller closes the descriptor.
#[pyfunction]
pub(crate) fn open_in_root(py: Python<'_>, root_fd: i32, path: &[u8]) -> PyResult<i32> {
    let root = borrow_root(root_fd)?;
    let path = Path::new(OsStr::from_bytes(path));
    // A network file system may let it wait.
    let opened = py.detach(|| duri_core::open_in_root(root, path));
    opened.map(std::os::fd::OwnedFd::into_raw_fd).map_err(|errno| errors::of_errno(&errno.into()))
}
