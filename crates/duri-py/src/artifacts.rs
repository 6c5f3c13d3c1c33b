//! The parsed artifacts, opaque to Python.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;

use duri_core::{Algorithm, FormatError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::errors;
use crate::scan::borrow_root;

pub(crate) fn algorithm(name: &str) -> PyResult<Algorithm> {
    Algorithm::from_name(name).ok_or_else(|| errors::unknown_algorithm(name))
}

/// The parsed `checksums.json`.
#[pyclass(frozen, module = "duri.tree._core")]
pub(crate) struct Checksums(pub(crate) duri_core::Checksums);

#[pymethods]
impl Checksums {
    /// Parse canonical bytes; they are kept, not copied.
    #[staticmethod]
    fn parse(py: Python<'_>, data: PyBackedBytes, algorithm: &str) -> PyResult<Self> {
        let algorithm = self::algorithm(algorithm)?;
        let parsed = py.detach(|| duri_core::Checksums::parse(data, algorithm));
        parsed.map(Self).map_err(|error| errors::of_format(&error))
    }

    /// Parse an open file of `size` bytes whose SHA-256 is `sha256`, and keep less than its bytes;
    /// return None when it is another.
    #[staticmethod]
    #[pyo3(signature = (fd, *, size, sha256, algorithm))]
    fn load(
        py: Python<'_>,
        fd: i32,
        size: usize,
        sha256: &str,
        algorithm: &str,
    ) -> PyResult<Option<Self>> {
        let algorithm = self::algorithm(algorithm)?;
        let fd = borrow_root(fd)?;
        py.detach(|| {
            let file = File::from(fd.try_clone_to_owned()?);
            let data = read_exactly(file, size)?;
            Ok(data
                .filter(|data| duri_core::hex_sha256(data) == sha256)
                .map(|data| duri_core::Checksums::compact(data, algorithm)))
        })
        .map_err(|error: std::io::Error| errors::of_errno(&error))?
        .transpose()
        .map(|parsed| parsed.map(Self))
        .map_err(|error: FormatError| errors::of_format(&error))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// Return the digest of `path` in hexadecimal, or None.
    fn digest(&self, path: &[u8]) -> Option<Cow<'_, str>> {
        self.0.find(path).map(|index| self.0.hex(index))
    }

    /// Return the lines that `sha256sum -c` and its siblings accept.
    fn sum_lines<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| self.0.sum_lines()))
    }
}

/// Read a file of exactly `size` bytes, in one allocation; None when it has more or fewer.
fn read_exactly(mut file: File, size: usize) -> std::io::Result<Option<Vec<u8>>> {
    let mut data = vec![0; size];
    match file.read_exact(&mut data) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let ends = file.read(&mut [0])? == 0;
    Ok(ends.then_some(data))
}

/// The parsed `attributes` of `deployment_metadata.json`.
#[pyclass(frozen, module = "duri.tree._core")]
pub(crate) struct Attributes(pub(crate) duri_core::Attributes);

#[pymethods]
impl Attributes {
    /// Parse the canonical value, as it stands in the metadata's bytes.
    #[staticmethod]
    #[allow(clippy::needless_pass_by_value, reason = "extracted from a Python object")]
    fn parse(py: Python<'_>, data: PyBackedBytes) -> PyResult<Self> {
        let parsed = py.detach(|| duri_core::Attributes::parse(&data));
        parsed.map(Self).map_err(|error| errors::of_format(&error))
    }
}
