//! What a comparison found, kept by Python and opaque to it.

use pyo3::prelude::*;

use crate::errors;

/// What a comparison found, kept so that the next may look at less.
#[pyclass(frozen, module = "duri.tree._core")]
#[derive(Default)]
pub(crate) struct Memory(pub(crate) duri_core::Memory);

#[pymethods]
impl Memory {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// How many sealed files are known to be as sealed.
    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// Forget everything.
    fn clear(&self) -> PyResult<()> {
        self.0.clear().map_err(|error| errors::of_scan(&error, None))
    }
}
