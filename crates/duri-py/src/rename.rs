//! Renames that Python's standard library lacks.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use pyo3::prelude::*;

use crate::errors;

/// Swap two names at once.
#[pyfunction]
pub(crate) fn exchange(one: &[u8], other: &[u8]) -> PyResult<()> {
    duri_core::exchange(path(one), path(other)).map_err(|errno| errors::of_errno(&errno.into()))
}

/// Rename onto a name that is not there.
#[pyfunction]
pub(crate) fn rename_new(source: &[u8], target: &[u8]) -> PyResult<()> {
    duri_core::rename_new(path(source), path(target))
        .map_err(|errno| errors::of_errno(&errno.into()))
}

fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}
