//! The digest of bytes that Python holds.

use duri_core::hex_sha256;
use pyo3::prelude::*;

/// Return the lower-case hexadecimal SHA-256 of `data`.
#[pyfunction]
pub(crate) fn sha256(py: Python<'_>, data: &[u8]) -> String {
    py.detach(|| hex_sha256(data))
}
