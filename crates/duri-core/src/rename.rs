//! Two renames that put a whole folder in place at once.
//!
//! Source: renameat2(2), `RENAME_EXCHANGE` and `RENAME_NOREPLACE`.

use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// Swap two names: at every instant each of them is there, with one content or the other.
///
/// # Errors
/// The kernel's: `EINVAL` where the file system cannot, `ENOENT` where one name is missing.
pub fn exchange(one: &Path, other: &Path) -> Result<(), Errno> {
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)
}

/// Rename onto a name that is not there.
///
/// # Errors
/// The kernel's: `EEXIST` where the target is there, `EINVAL` where the file system cannot.
pub fn rename_new(source: &Path, target: &Path) -> Result<(), Errno> {
    renameat_with(CWD, source, CWD, target, RenameFlags::NOREPLACE)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn exchange_swaps_and_rename_new_replaces_nothing() {
        let place = tempfile::tempdir().unwrap();
        let (one, other) = (place.path().join("one"), place.path().join("other"));
        fs::create_dir(&one).unwrap();
        fs::write(one.join("a"), b"a").unwrap();
        assert_eq!(exchange(&one, &other), Err(Errno::NOENT));
        fs::create_dir(&other).unwrap();
        assert_eq!(rename_new(&one, &other), Err(Errno::EXIST));
        exchange(&one, &other).unwrap();
        assert!(other.join("a").exists() && !one.join("a").exists());
        fs::remove_dir(&one).unwrap();
        rename_new(&other, &one).unwrap();
        assert!(one.join("a").exists() && !other.exists());
    }
}
