//! Which folders a comparison of parts looks at.
//!
//! Guarantees: each folder is in the plan once, however often and however deep it was named; what lies
//! below a folder that is looked at whole is not in it.

use std::collections::BTreeMap;

use crate::finding::printable;
use crate::path::{self, MAX_PATH};
use crate::scan::ScanError;

/// A folder to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Relative to the root, which is empty.
    pub path: Vec<u8>,
    /// With all folders below it; otherwise with its own entries only.
    pub deep: bool,
}

/// How a folder is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Depth {
    /// It is only on the way.
    #[default]
    Through,
    Shallow,
    Deep,
}

#[derive(Debug, Default)]
struct Node {
    depth: Depth,
    below: BTreeMap<Box<[u8]>, u32>,
}

/// The folders by name, from the root, which is node zero.
#[derive(Debug)]
pub(crate) struct Plan {
    nodes: Vec<Node>,
}

impl Plan {
    /// Make the plan for some folders; None when one's path is longer than any scan follows.
    ///
    /// # Errors
    ///
    /// A path that is not one below the root.
    pub(crate) fn new(parts: &[Part]) -> Result<Option<Self>, ScanError> {
        let mut plan = Self { nodes: vec![Node::default()] };
        for part in parts {
            if part.path.len() > MAX_PATH {
                return Ok(None);
            }
            if !part.path.is_empty() {
                path::check(&part.path).map_err(|reason| {
                    let path = printable(&part.path);
                    ScanError::Part(format!("no folder to look at: {path:?} is {reason}"))
                })?;
            }
            plan.add(part);
        }
        Ok(Some(plan))
    }

    fn add(&mut self, part: &Part) {
        let mut at = 0;
        let names = part.path.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        for name in names {
            if self.depth(at) == Depth::Deep {
                return;
            }
            let next = u32::try_from(self.nodes.len()).expect("fewer folders than bytes");
            let found = *self.nodes[at as usize].below.entry(name.into()).or_insert(next);
            if found == next {
                self.nodes.push(Node::default());
            }
            at = found;
        }
        let node = &mut self.nodes[at as usize];
        if part.deep {
            *node = Node { depth: Depth::Deep, below: BTreeMap::new() };
        } else if node.depth == Depth::Through {
            node.depth = Depth::Shallow;
        }
    }

    pub(crate) fn depth(&self, node: u32) -> Depth {
        self.nodes[node as usize].depth
    }

    /// The folder `name` in another, if it is in the plan.
    pub(crate) fn child(&self, node: u32, name: &[u8]) -> Option<u32> {
        self.nodes[node as usize].below.get(name).copied()
    }

    /// The names of the folders in another that are in the plan.
    pub(crate) fn names(&self, node: u32) -> impl Iterator<Item = &[u8]> {
        self.nodes[node as usize].below.keys().map(|name| &**name)
    }
}

#[cfg(test)]
mod tests {
    use super::{Depth, Part, Plan};

    fn plan(parts: &[(&str, bool)]) -> Plan {
        let part = |(path, deep): &(&str, bool)| Part { path: path.as_bytes().into(), deep: *deep };
        let parts: Vec<Part> = parts.iter().map(part).collect();
        Plan::new(&parts).unwrap().unwrap()
    }

    fn depth(plan: &Plan, path: &str) -> Option<Depth> {
        let names = path.split('/').filter(|name| !name.is_empty());
        let node = names.into_iter().try_fold(0, |at, name| plan.child(at, name.as_bytes()));
        node.map(|node| plan.depth(node))
    }

    #[test]
    fn folders_named_in_any_order_make_one_plan() {
        let named =
            [("a/b", false), ("a/b/c", true), ("a/b/c/d", false), ("e", false), ("e", true)];
        let mut backwards = named;
        backwards.reverse();
        for parts in [named, backwards] {
            let plan = plan(&parts);
            assert_eq!(depth(&plan, ""), Some(Depth::Through));
            assert_eq!(depth(&plan, "a"), Some(Depth::Through));
            assert_eq!(depth(&plan, "a/b"), Some(Depth::Shallow));
            assert_eq!(depth(&plan, "a/b/c"), Some(Depth::Deep));
            assert_eq!(depth(&plan, "a/b/c/d"), None);
            assert_eq!(depth(&plan, "e"), Some(Depth::Deep));
            assert_eq!(plan.names(0).collect::<Vec<_>>(), [b"a", b"e"]);
        }
        assert_eq!(depth(&plan(&[("a", false), ("", true)]), "a"), None);
    }

    #[test]
    fn what_is_no_path_below_the_root_is_refused() {
        let of = |path: &[u8]| Plan::new(&[Part { path: path.into(), deep: false }]);
        for bad in [&b"/a"[..], b"a/", b"a//b", b"../a", b"a/./b", b"a\0"] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
        assert!(of(&[b'a'; 4096]).unwrap().is_none());
        assert!(of(&[b'a'; 4095]).unwrap().is_some());
    }
}
