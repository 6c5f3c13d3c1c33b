//! The parsed artifacts, opaque to Python.

use duri_core::Algorithm;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::errors;

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

    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// Return the digest of `path` in hexadecimal, or None.
    fn digest(&self, path: &[u8]) -> Option<&str> {
        self.0.find(path).map(|index| self.0.hex(index))
    }

    /// Return the lines that `sha256sum -c` and its siblings accept.
    fn sum_lines<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| self.0.sum_lines()))
    }
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
