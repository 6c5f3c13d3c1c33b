//! How much memory the allocator keeps for later.

use pyo3::prelude::*;

/// Have all threads share one heap, from now on; does nothing where the allocator has no such choice.
#[pyfunction]
pub(crate) fn share() {
    // SAFETY: the call takes two numbers; heaps that are in use stay as they are.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Return what the allocator keeps for later to the kernel; does nothing where it cannot.
#[pyfunction]
pub(crate) fn trim(py: Python<'_>) {
    py.detach(|| {
        // SAFETY: the call takes a number, and touches nothing that is in use.
        #[cfg(target_env = "gnu")]
        unsafe {
            libc::malloc_trim(0);
        }
    });
}
