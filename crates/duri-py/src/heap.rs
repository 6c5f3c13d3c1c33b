//! How much memory the allocator keeps for later.

use pyo3::prelude::*;

/// Have all threads share one heap; does nothing where the allocator has no such choice.
///
/// For the beginning of a program, before other threads start: those that run keep the heaps they have.
#[pyfunction]
pub(crate) fn share() {
    // SAFETY: the call takes two numbers. glibc documents it as unsafe beside threads that allocate at
    // that moment, so it is called before other threads start; heaps that are in use stay as they are.
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
