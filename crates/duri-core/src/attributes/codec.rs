//! `attributes` as canonical JSON, at the depth at which the metadata file holds them.
//!
//! Guarantees: `parse` accepts exactly what `to_json` writes, which is what Python's
//! `json.dumps({"attributes": …}, indent=2, sort_keys=True, ensure_ascii=False)` has after
//! `"attributes": `. Unknown, empty, repeated and unsorted keys are refused.

use super::{Attributes, Owner, PathMap, Place};
use crate::finding::hex;
use crate::format::{Cursor, FormatError, hex_value, write_string};
use crate::path::{self, MAX_PATH, PathList};

/// `struct vfs_ns_cap_data` has 24 bytes (linux/capability.h); room for a later revision.
const MAX_CAPABILITY: usize = 64;
/// What JSON readers elsewhere keep exact as a signed integer.
const MAX_SIZE: u64 = i64::MAX as u64;

impl Attributes {
    /// Parse the canonical value of `attributes`.
    ///
    /// # Errors
    ///
    /// The first byte that is not canonical, and why.
    pub fn parse(data: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(data)?;
        let mut attributes = Self::default();
        if !cursor.take(b"{}") {
            cursor.expect(b"{\n    ")?;
            attributes.read_keys(&mut cursor)?;
            cursor.expect(b"\n  }")?;
        }
        cursor.end()?;
        Ok(attributes)
    }

    fn read_keys(&mut self, cursor: &mut Cursor<'_>) -> Result<(), FormatError> {
        let mut last = Vec::new();
        loop {
            let start = cursor.at();
            let key = cursor.string()?.into_owned();
            if key <= last {
                return Err(FormatError::at(start, "a key that is not after the one before it"));
            }
            cursor.expect(b": ")?;
            match key.as_slice() {
                b"append_only" => {
                    self.append_only = map(cursor, |cursor| cursor.integer(MAX_SIZE))?;
                }
                b"capabilities" => self.capabilities = map(cursor, capability)?,
                b"empty_directories" => self.empty_directories = list(cursor, 4, false)?,
                b"hard_links" => self.hard_links = list(cursor, 4, false)?,
                b"modes" => self.modes = groups(cursor, mode, false)?,
                b"mutable" => self.mutable = map(cursor, place)?,
                b"owners" => self.owners = groups(cursor, owner, true)?,
                b"symlinks" => self.symlinks = map(cursor, target)?,
                _ => return Err(FormatError::at(start, "an attribute that is not known")),
            }
            if !cursor.take(b",\n    ") {
                return Ok(());
            }
            last = key;
        }
    }

    /// Write the canonical value.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = vec![b'{'];
        write_map(&mut out, "append_only", &self.append_only, |out, size| {
            out.extend_from_slice(size.to_string().as_bytes());
        });
        write_map(&mut out, "capabilities", &self.capabilities, |out, value| {
            write_string(out, hex(value).as_bytes());
        });
        write_list(&mut out, "empty_directories", &self.empty_directories);
        write_list(&mut out, "hard_links", &self.hard_links);
        write_groups(&mut out, "modes", &self.modes, |mode| format!("{mode:04o}"));
        write_map(&mut out, "mutable", &self.mutable, |out, place| {
            write_string(out, place.name().as_bytes());
        });
        write_groups(&mut out, "owners", &self.owners, Owner::to_string);
        write_map(&mut out, "symlinks", &self.symlinks, |out, target| write_string(out, target));
        out.extend_from_slice(if out.len() == 1 { b"}" } else { b"\n  }" });
        out
    }
}

/// Read one path that comes after `last`.
fn path_after(
    cursor: &mut Cursor<'_>,
    last: Option<&[u8]>,
    root_too: bool,
) -> Result<Vec<u8>, FormatError> {
    let start = cursor.at();
    let path = cursor.string()?.into_owned();
    if !(root_too && path == b".") {
        path::check(&path).map_err(|reason| FormatError::at(start, reason))?;
    }
    if last.is_some_and(|last| last >= path.as_slice()) {
        return Err(FormatError::at(start, "a path that is not after the one before it"));
    }
    Ok(path)
}

fn map<V>(
    cursor: &mut Cursor<'_>,
    mut value: impl FnMut(&mut Cursor<'_>) -> Result<V, FormatError>,
) -> Result<PathMap<V>, FormatError> {
    let mut map = PathMap::default();
    cursor.expect(b"{\n      ")?;
    loop {
        let path = path_after(cursor, map.paths.last(), false)?;
        cursor.expect(b": ")?;
        map.push(&path, value(cursor)?);
        if !cursor.take(b",\n      ") {
            cursor.expect(b"\n    }")?;
            return Ok(map);
        }
    }
}

/// Read a list whose closing bracket stands `indent` spaces in.
fn list(cursor: &mut Cursor<'_>, indent: usize, root_too: bool) -> Result<PathList, FormatError> {
    let mut list = PathList::default();
    let inner = " ".repeat(indent + 2);
    cursor.expect(format!("[\n{inner}").as_bytes())?;
    loop {
        let path = path_after(cursor, list.last(), root_too)?;
        list.push(&path);
        if !cursor.take(format!(",\n{inner}").as_bytes()) {
            cursor.expect(format!("\n{}]", " ".repeat(indent)).as_bytes())?;
            return Ok(list);
        }
    }
}

/// Read lists of paths by a key; no path is in two of them.
fn groups<K>(
    cursor: &mut Cursor<'_>,
    key: impl Fn(&[u8]) -> Option<K>,
    root_too: bool,
) -> Result<Vec<(K, PathList)>, FormatError> {
    let mut groups = Vec::new();
    let mut last: Option<Vec<u8>> = None;
    let begin = cursor.at();
    cursor.expect(b"{\n      ")?;
    loop {
        let start = cursor.at();
        let name = cursor.string()?.into_owned();
        if last.as_ref().is_some_and(|last| *last >= name) {
            return Err(FormatError::at(start, "a key that is not after the one before it"));
        }
        let value = key(&name).ok_or_else(|| {
            FormatError::at(start, "a key that is no mode or owner as written here")
        })?;
        cursor.expect(b": ")?;
        groups.push((value, list(cursor, 6, root_too)?));
        last = Some(name);
        if !cursor.take(b",\n      ") {
            break;
        }
    }
    cursor.expect(b"\n    }")?;
    let mut all: Vec<&[u8]> = groups.iter().flat_map(|(_, paths)| paths.iter()).collect();
    all.sort_unstable();
    if all.windows(2).any(|two| two[0] == two[1]) {
        return Err(FormatError::at(begin, "a path under two keys"));
    }
    Ok(groups)
}

fn capability(cursor: &mut Cursor<'_>) -> Result<Box<[u8]>, FormatError> {
    let start = cursor.at();
    let digits = cursor.string()?;
    let pairs = digits.chunks_exact(2);
    let odd = !pairs.remainder().is_empty();
    let bytes: Option<Vec<u8>> =
        pairs.map(|two| Some(hex_value(two[0])? << 4 | hex_value(two[1])?)).collect();
    match bytes {
        Some(bytes) if !odd && !bytes.is_empty() && bytes.len() <= MAX_CAPABILITY => {
            Ok(bytes.into_boxed_slice())
        }
        _ => Err(FormatError::at(start, "a capability that is not lower-case hexadecimal")),
    }
}

fn place(cursor: &mut Cursor<'_>) -> Result<Place, FormatError> {
    let start = cursor.at();
    match cursor.string()?.as_ref() {
        b"file" => Ok(Place::File),
        b"folder" => Ok(Place::Folder),
        _ => Err(FormatError::at(start, "a mutable path is a \"file\" or a \"folder\"")),
    }
}

fn target(cursor: &mut Cursor<'_>) -> Result<Box<[u8]>, FormatError> {
    let start = cursor.at();
    let target = cursor.string()?;
    if target.is_empty() || target.len() > MAX_PATH || target.contains(&0) {
        return Err(FormatError::at(start, "a link's target that no file system can hold"));
    }
    Ok(target.into_owned().into_boxed_slice())
}

fn mode(key: &[u8]) -> Option<u16> {
    let octal = key.len() == 4 && key.iter().all(|digit| (b'0'..=b'7').contains(digit));
    octal.then(|| key.iter().fold(0, |mode, digit| mode << 3 | u16::from(digit - b'0')))
}

fn owner(key: &[u8]) -> Option<Owner> {
    let (uid, gid) = std::str::from_utf8(key).ok()?.split_once(':')?;
    let owner = Owner { uid: uid.parse().ok()?, gid: gid.parse().ok()? };
    (owner.to_string().as_bytes() == key).then_some(owner)
}

/// Begin a key of the object; the value follows.
fn write_key(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(if out.len() == 1 { b"\n    " } else { b",\n    " });
    write_string(out, key.as_bytes());
    out.extend_from_slice(b": ");
}

fn write_map<V>(out: &mut Vec<u8>, key: &str, map: &PathMap<V>, write: impl Fn(&mut Vec<u8>, &V)) {
    if map.paths.is_empty() {
        return;
    }
    write_key(out, key);
    for (index, (path, value)) in map.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"{\n      " } else { b",\n      " });
        write_string(out, path);
        out.extend_from_slice(b": ");
        write(out, value);
    }
    out.extend_from_slice(b"\n    }");
}

fn write_paths(out: &mut Vec<u8>, paths: &PathList, indent: usize) {
    out.push(b'[');
    for (index, path) in paths.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"\n" } else { b",\n" });
        out.resize(out.len() + indent + 2, b' ');
        write_string(out, path);
    }
    out.push(b'\n');
    out.resize(out.len() + indent, b' ');
    out.push(b']');
}

fn write_list(out: &mut Vec<u8>, key: &str, paths: &PathList) {
    if !paths.is_empty() {
        write_key(out, key);
        write_paths(out, paths, 4);
    }
}

fn write_groups<K>(
    out: &mut Vec<u8>,
    key: &str,
    groups: &[(K, PathList)],
    name: impl Fn(&K) -> String,
) {
    if groups.is_empty() {
        return;
    }
    write_key(out, key);
    let mut named: Vec<(String, &PathList)> =
        groups.iter().map(|(key, paths)| (name(key), paths)).collect();
    named.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    for (index, (name, paths)) in named.into_iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"{\n      " } else { b",\n      " });
        write_string(out, name.as_bytes());
        out.extend_from_slice(b": ");
        write_paths(out, paths, 6);
    }
    out.extend_from_slice(b"\n    }");
}

#[cfg(test)]
mod tests;
