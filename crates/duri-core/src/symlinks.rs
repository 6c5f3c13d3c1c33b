//! Whether a symbolic link leads out of the root.
//!
//! Guarantees: a target is judged three ways, and one that leaves by any is found: by its own text, by
//! what the sealed links make of it, and by the kernel (`openat2` with `RESOLVE_BENEATH`, which opens
//! nothing: `O_PATH`). A link that leads through another one which may leave has not left itself.
//! Loops and dangling links stay inside.

use std::os::fd::BorrowedFd;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

/// As many links as the kernel follows (`path_resolution(7)`).
const MAX_FOLLOWED: usize = 40;

/// Where a link leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leads {
    Inside,
    /// Out of the root, by a link that may.
    Allowed,
    Outside,
}

/// Follow the link at `path` through the links that `target_of` knows.
///
/// `may_leave` is asked about the link whose own target takes the step out.
pub(crate) fn follow<'a>(
    path: &'a [u8],
    target_of: &dyn Fn(&[u8]) -> Option<&'a [u8]>,
    may_leave: &dyn Fn(&[u8]) -> bool,
) -> Leads {
    let mut at: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    // Components still to walk, the next one last, each with the link it comes from.
    let mut ahead: Vec<(&[u8], usize)> = at.pop().map(|name| (name, 0)).into_iter().collect();
    let mut links: Vec<Vec<u8>> = vec![path.to_vec()];
    while let Some((name, link)) = ahead.pop() {
        match name {
            b"" | b"." => {}
            b".." => {
                if at.pop().is_none() {
                    return if may_leave(&links[link]) { Leads::Allowed } else { Leads::Outside };
                }
            }
            name => {
                at.push(name);
                let here = at.join(&b'/');
                let Some(target) = target_of(&here) else { continue };
                at.pop();
                if target.starts_with(b"/") {
                    return if may_leave(&here) { Leads::Allowed } else { Leads::Outside };
                }
                if links.len() > MAX_FOLLOWED {
                    return Leads::Inside;
                }
                links.push(here);
                let from = links.len() - 1;
                ahead.extend(target.split(|byte| *byte == b'/').rev().map(|name| (name, from)));
            }
        }
    }
    Leads::Inside
}

/// Say whether the text of a target alone leads above the root, as a reader of the list would see it.
pub(crate) fn leaves_by_text(path: &[u8], target: &[u8]) -> bool {
    let mut depth = memchr::memchr_iter(b'/', path).count();
    for name in target.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." if depth == 0 => return true,
            b".." => depth -= 1,
            _ => depth += 1,
        }
    }
    target.starts_with(b"/")
}

/// Ask the kernel whether the link at `path` leads out of the root.
pub(crate) fn leaves_by_kernel(root: BorrowedFd<'_>, path: &[u8]) -> bool {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    loop {
        match openat2(root, path, flags, Mode::empty(), ResolveFlags::BENEATH) {
            // A rename elsewhere came between; the kernel asks to try again.
            Err(Errno::AGAIN) => {}
            Err(errno) => return errno == Errno::XDEV,
            Ok(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Leads, follow, leaves_by_text};

    fn leads(links: &[(&'static str, &'static str)], path: &str, allowed: &str) -> Leads {
        let target_of = |path: &[u8]| {
            let found = links.iter().find(|(link, _)| link.as_bytes() == path);
            found.map(|(_, target)| target.as_bytes())
        };
        let path: &'static [u8] = path.to_owned().into_bytes().leak();
        follow(path, &target_of, &|path| path == allowed.as_bytes())
    }

    #[test]
    fn links_inside_stay_inside() {
        let links = [
            ("a/l", "../b/f"),
            ("self", "self"),
            ("x", "y"),
            ("y", "x"),
            ("d", "nowhere/deep"),
            ("a/up", ".."),
            ("root", "."),
        ];
        for (path, _) in links {
            assert_eq!(leads(&links, path, ""), Leads::Inside, "{path}");
        }
    }

    #[test]
    fn links_that_leave_are_found_through_others() {
        let links =
            [("abs", "/etc"), ("up", "../x"), ("a/b", "../../x"), ("c", "abs"), ("d", "up/y")];
        for (path, _) in links {
            assert_eq!(leads(&links, path, ""), Leads::Outside, "{path}");
        }
        assert_eq!(leads(&links, "c", "abs"), Leads::Allowed);
        assert_eq!(leads(&links, "d", "up"), Leads::Allowed);
        assert_eq!(leads(&links, "up", "up"), Leads::Allowed);
        assert_eq!(leads(&links, "abs", "c"), Leads::Outside);
        // Through a folder that is a link: b is a/deep, so b/.. is a.
        let deep = [("b", "a/deep"), ("out", "b/../../../x"), ("in", "b/../../x")];
        assert_eq!(leads(&deep, "out", ""), Leads::Outside);
        assert_eq!(leads(&deep, "in", ""), Leads::Inside);
    }

    #[test]
    fn the_text_alone_says_so_too() {
        assert!(leaves_by_text(b"l", b"/a") && leaves_by_text(b"l", b".."));
        assert!(leaves_by_text(b"a/l", b"../../x") && leaves_by_text(b"l", b"b/../../x"));
        assert!(!leaves_by_text(b"a/l", b"..") && !leaves_by_text(b"l", b"b/.."));
    }
}
