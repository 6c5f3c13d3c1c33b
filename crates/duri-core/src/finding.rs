//! One thing a scan saw, and how its bytes are shown.
//!
//! Guarantees: kinds' names are those of `duri.verdict.Kind` and of the sealing refusals;
//! `expected` and `actual` hold no control, no direction override and no byte that is not UTF-8, so
//! that showing them never executes them. `path` is exact, and is escaped only where it is shown.

use std::fmt::Write as _;

use rustix::io::Errno;

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Capability,
    Changing,
    Executable,
    HardLink,
    IoError,
    LinkLeavesRoot,
    LinkTarget,
    Missing,
    Mode,
    Modified,
    MountPoint,
    NameCaseTwin,
    NameNfcTwin,
    NameNotUtf8,
    New,
    Owner,
    PathTooLong,
    SpecialFile,
    Type,
    Unreadable,
}

impl Kind {
    /// The name that artifacts and reports use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Capability => "capability",
            Self::Changing => "changing",
            Self::Executable => "executable",
            Self::HardLink => "hard_link",
            Self::IoError => "io_error",
            Self::LinkLeavesRoot => "link_leaves_root",
            Self::LinkTarget => "link_target",
            Self::Missing => "missing",
            Self::Mode => "mode",
            Self::Modified => "modified",
            Self::MountPoint => "mount_point",
            Self::NameCaseTwin => "name_case_twin",
            Self::NameNfcTwin => "name_nfc_twin",
            Self::NameNotUtf8 => "name_not_utf8",
            Self::New => "new",
            Self::Owner => "owner",
            Self::PathTooLong => "path_too_long",
            Self::SpecialFile => "special_file",
            Self::Type => "type",
            Self::Unreadable => "unreadable",
        }
    }

    /// The kind of a failed system call: no right to look, or anything else.
    pub(crate) fn of_errno(errno: Errno) -> Self {
        if errno == Errno::ACCESS || errno == Errno::PERM {
            Self::Unreadable
        } else {
            Self::IoError
        }
    }
}

/// One thing a scan saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub kind: Kind,
    /// Relative to the root, exact.
    pub path: Vec<u8>,
    pub expected: Option<String>,
    pub actual: Option<String>,
}

impl Finding {
    pub(crate) fn new(kind: Kind, path: Vec<u8>) -> Self {
        Self { kind, path, expected: None, actual: None }
    }

    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    pub(crate) fn actual(mut self, actual: impl Into<String>) -> Self {
        self.actual = Some(actual.into());
        self
    }

    /// The finding for a system call that failed on `path`.
    pub(crate) fn of_errno(errno: Errno, path: Vec<u8>) -> Self {
        let actual = std::io::Error::from(errno).to_string();
        Self::new(Kind::of_errno(errno), path).actual(actual)
    }
}

/// Sort findings by path, then kind, whatever order the threads found them in.
pub(crate) fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| (&a.path, a.kind, &a.actual).cmp(&(&b.path, b.kind, &b.actual)));
}

/// Say whether showing `c` could act on a terminal or a page, or show another text than is there.
fn is_unsafe_to_show(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
        || matches!(c, '\u{61c}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Return bytes as text that is safe to show: controls and other bytes as `\xNN`, `\` as `\\`.
#[must_use]
pub fn printable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '\\' {
                out.push_str("\\\\");
            } else if is_unsafe_to_show(c) {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(out, "\\x{byte:02x}");
                }
            } else {
                out.push(c);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// Return the lower-case hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Finding, Kind, hex, printable, sort};
    use rustix::io::Errno;

    #[test]
    fn controls_and_broken_bytes_are_escaped_and_text_is_not() {
        assert_eq!(printable("naïve/한글 file.py".as_bytes()), "naïve/한글 file.py");
        assert_eq!(printable(b"a\nb\x1b[31m\x7f"), "a\\x0ab\\x1b[31m\\x7f");
        assert_eq!(printable(b"\xff\\x"), "\\xff\\\\x");
        assert_eq!(printable("a\u{202e}b\u{9b}".as_bytes()), "a\\xe2\\x80\\xaeb\\xc2\\x9b");
    }

    #[test]
    fn findings_are_sorted_by_path_then_kind() {
        let mut found = vec![
            Finding::new(Kind::Modified, b"b".to_vec()),
            Finding::new(Kind::Mode, b"b".to_vec()),
            Finding::new(Kind::New, b"a".to_vec()),
        ];
        sort(&mut found);
        let kinds: Vec<Kind> = found.iter().map(|finding| finding.kind).collect();
        assert_eq!(kinds, [Kind::New, Kind::Mode, Kind::Modified]);
    }

    #[test]
    fn kinds_are_ordered_as_their_names_are() {
        assert_eq!(Kind::of_errno(Errno::ACCESS), Kind::Unreadable);
        assert_eq!(Kind::of_errno(Errno::MFILE), Kind::IoError);
        assert!(Kind::Mode < Kind::Modified && Kind::Type < Kind::Unreadable);
        assert_eq!(hex(&[0, 0xab, 0x7f]), "00ab7f");
    }
}
