//! A policy's patterns, compiled: gitignore patterns as git reads them.
//!
//! Guarantees: what is no pattern (empty, a comment, a broken bracket, NUL, a newline) is refused, as it
//! would silently match nothing. A policy without patterns costs nothing per file.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::format::FormatError;

/// The patterns of a policy, by what they do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patterns<'a> {
    pub ignore: &'a [String],
    pub mutable: &'a [String],
    pub append_only: &'a [String],
    pub external_links: &'a [String],
}

/// A compiled policy.
#[derive(Clone, Debug)]
pub struct Rules {
    ignore: Option<Gitignore>,
    mutable: Option<Gitignore>,
    append_only: Option<Gitignore>,
    external_links: Option<Gitignore>,
    pub(crate) owners: bool,
    pub(crate) case_twins: bool,
    /// A digest of the policy as it was given.
    pub(crate) fingerprint: [u8; 32],
}

impl Rules {
    /// Compile a policy.
    ///
    /// # Errors
    ///
    /// The first pattern that is none.
    pub fn new(
        patterns: Patterns<'_>,
        owners: bool,
        case_twins: bool,
    ) -> Result<Self, FormatError> {
        let text = format!("{patterns:?} {owners} {case_twins}");
        Ok(Self {
            ignore: compile("ignore", patterns.ignore)?,
            mutable: compile("mutable", patterns.mutable)?,
            append_only: compile("append_only", patterns.append_only)?,
            external_links: compile("external_links", patterns.external_links)?,
            owners,
            case_twins,
            fingerprint: *blake3::hash(text.as_bytes()).as_bytes(),
        })
    }

    /// Not looked at. Asked of a folder before what is in it, so an ignored folder is never opened.
    pub(crate) fn ignores(&self, path: &[u8], is_folder: bool) -> bool {
        matches(self.ignore.as_ref(), path, is_folder)
    }

    pub(crate) fn has_ignore(&self) -> bool {
        self.ignore.is_some()
    }

    /// May change. Asked of a folder before what is in it, as with `ignores`.
    pub(crate) fn is_mutable(&self, path: &[u8], is_folder: bool) -> bool {
        matches(self.mutable.as_ref(), path, is_folder)
    }

    /// A file that may grow, by its own name or a folder's above it.
    pub(crate) fn is_append_only(&self, path: &[u8]) -> bool {
        matches_below(self.append_only.as_ref(), path)
    }

    /// A link that may lead out of the root, by its own name or a folder's above it.
    pub(crate) fn may_leave_root(&self, path: &[u8]) -> bool {
        matches_below(self.external_links.as_ref(), path)
    }
}

fn matches(patterns: Option<&Gitignore>, path: &[u8], is_folder: bool) -> bool {
    patterns.is_some_and(|patterns| {
        patterns.matched(Path::new(OsStr::from_bytes(path)), is_folder).is_ignore()
    })
}

fn matches_below(patterns: Option<&Gitignore>, path: &[u8]) -> bool {
    patterns.is_some_and(|patterns| {
        let path = Path::new(OsStr::from_bytes(path));
        patterns.matched_path_or_any_parents(path, false).is_ignore()
    })
}

fn compile(field: &str, patterns: &[String]) -> Result<Option<Gitignore>, FormatError> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let refuse = |pattern: &str, reason: &str| {
        FormatError::whole(format!("{field}: {pattern:?} is no gitignore pattern: {reason}"))
    };
    let mut builder = GitignoreBuilder::new(".");
    for pattern in patterns {
        if pattern.contains(['\0', '\n', '\r']) {
            return Err(refuse(pattern, "it holds a NUL or a line end"));
        }
        if pattern.starts_with('#') {
            return Err(refuse(pattern, "it is a comment"));
        }
        if pattern.trim().trim_start_matches('!').trim_matches('/').is_empty() {
            return Err(refuse(pattern, "it names nothing"));
        }
        let Some(plain) = plain_braces(pattern) else {
            return Err(refuse(pattern, "a backslash between brackets is read in two ways"));
        };
        builder.add_line(None, &plain).map_err(|error| refuse(pattern, &error.to_string()))?;
    }
    builder.build().map(Some).map_err(|error| refuse(&patterns.join(", "), &error.to_string()))
}

/// Escape braces, which are plain characters to git and alternatives to the compiler used here.
///
/// None where a set holds a backslash: to git it escapes, to the compiler used here it is a member.
fn plain_braces(pattern: &str) -> Option<String> {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '{' | '}' => out.extend(['\\', c]),
            '\\' => out.extend([c].into_iter().chain(rest.next())),
            // Between brackets braces are plain already; a "]" that comes first is one of the set.
            '[' => {
                let text = rest.as_str();
                let first = text.len() - text.trim_start_matches(['!', '^']).len();
                let end = text.get(first + 1..).and_then(|set| set.find(']'));
                let set = end.map_or("", |end| &text[..first + 1 + end]);
                if set.contains('\\') {
                    return None;
                }
                out.push(c);
                out.push_str(set);
                rest = text[set.len()..].chars();
            }
            c => out.push(c),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{Patterns, Rules};

    fn ignoring(patterns: &[&str]) -> Result<Rules, String> {
        let ignore: Vec<String> = patterns.iter().map(ToString::to_string).collect();
        let patterns = Patterns { ignore: &ignore, append_only: &ignore, ..Patterns::default() };
        Rules::new(patterns, false, false).map_err(|error| error.to_string())
    }

    #[test]
    fn patterns_mean_what_git_says() {
        for (pattern, path, is_folder, wanted) in [
            ("*.pyc", "a/b/c.pyc", false, true),
            ("*.pyc", "a/b/c.py", false, false),
            ("cache/", "a/cache", true, true),
            ("cache/", "a/cache", false, false),
            ("/cache", "cache", false, true),
            ("/cache", "a/cache", false, false),
            ("a/*.log", "a/x.log", false, true),
            ("a/*.log", "a/b/x.log", false, false),
            ("a/**/x", "a/b/c/x", false, true),
            ("\\#a", "#a", false, true),
            ("[ab]c", "bc", false, true),
            (".*", ".hidden", false, true),
            ("{a,b}", "{a,b}", false, true),
            ("{a,b}", "a", false, false),
            ("a{b", "a{b", false, true),
            ("[{]x", "{x", false, true),
            ("\\{x}", "{x}", false, true),
        ] {
            let rules = ignoring(&[pattern]).unwrap();
            assert_eq!(rules.ignores(path.as_bytes(), is_folder), wanted, "{pattern} {path}");
        }
        let rules = ignoring(&["*.log", "!keep.log"]).unwrap();
        assert!(rules.ignores(b"x.log", false) && !rules.ignores(b"keep.log", false));
    }

    #[test]
    fn a_pattern_for_files_reaches_what_lies_below_a_folder() {
        let rules = ignoring(&["logs/"]).unwrap();
        assert!(rules.is_append_only(b"logs/a/b.log") && !rules.is_append_only(b"a.log"));
    }

    #[test]
    fn names_that_are_not_utf8_are_matched() {
        assert!(ignoring(&["*.tmp"]).unwrap().ignores(b"a/\xff.tmp", false));
        assert!(!ignoring(&["*.tmp"]).unwrap().ignores(b"a/\xff", false));
    }

    #[test]
    fn what_is_no_pattern_is_refused_by_name() {
        for bad in ["", " ", "#x", "a\nb", "a\0", "!", "/", "[z-a]", "[a\\]]", "[!\\-x]"] {
            let error = ignoring(&["ok", bad]).unwrap_err();
            assert!(error.starts_with("ignore: "), "{bad:?}: {error}");
        }
    }
}
