//! `checksums.json`: a flat object, path → lower-case hexadecimal digest, sorted bytewise.
//!
//! Guarantees:
//! - `Checksums::parse` accepts exactly what `Writer` writes, which is what Python's
//!   `json.dumps(…, indent=2, sort_keys=True, ensure_ascii=False) + "\n"` gives. So there are no
//!   duplicates, no second spelling, no path that leaves the root, no path that is a file and a folder.
//! - Time is linear in the bytes. Memory is the bytes themselves and eight more an entry: paths and
//!   digests stay where they are in the JSON. `Checksums::compact` takes a third less, for who keeps
//!   them long, and says the same of every entry.

mod compact;
mod json;

use std::borrow::Cow;
use std::sync::Arc;

use crate::algorithm::Algorithm;
use crate::attributes::Attributes;
use crate::expected::{Made, Table};
use crate::fingerprint::Fingerprint;
use crate::format::{Cursor, FormatError, write_string};
use crate::path::{self, Order};
use compact::Compact;
use json::{Entry, Json, is_hex_of};

/// Ten million files is what `DuRi` is made for; more is not a release.
const MAX_ENTRIES: usize = 10_000_000;

#[derive(Clone)]
enum Form {
    Json(Json),
    Compact(Compact),
}

/// The parsed file.
#[derive(Clone)]
pub struct Checksums {
    form: Form,
    algorithm: Algorithm,
    fingerprint: Fingerprint,
    made: Made,
}

impl std::fmt::Debug for Checksums {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Checksums({} × {})", self.len(), self.algorithm.name())
    }
}

impl Checksums {
    /// Parse canonical bytes.
    ///
    /// # Errors
    ///
    /// The first byte that is not canonical, and why.
    pub fn parse(
        data: impl AsRef<[u8]> + Send + Sync + 'static,
        algorithm: Algorithm,
    ) -> Result<Self, FormatError> {
        let (entries, decoded) = read(data.as_ref(), algorithm)?;
        let form = Form::Json(Json::new(Arc::new(data), entries, decoded));
        let fingerprint = Fingerprint::default();
        Ok(Self { form, algorithm, fingerprint, made: Made::default() })
    }

    /// Parse canonical bytes, and keep paths and raw digests only, in the same place.
    ///
    /// # Errors
    ///
    /// The first byte that is not canonical, and why.
    pub fn compact(data: Vec<u8>, algorithm: Algorithm) -> Result<Self, FormatError> {
        let (entries, decoded) = read(&data, algorithm)?;
        let fingerprint = Fingerprint::default();
        // Of the JSON, so that it is the same in both forms.
        fingerprint.of(|| &data);
        let form = Form::Compact(Compact::new(data, &entries, &decoded, algorithm));
        Ok(Self { form, algorithm, fingerprint, made: Made::default() })
    }

    /// A digest of the JSON, taken once.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint.of(|| match &self.form {
            Form::Json(json) => json.bytes(),
            Form::Compact(_) => unreachable!("taken before the JSON was left"),
        })
    }

    /// The table of these checksums with attributes, shared by those who keep it.
    pub(crate) fn table(&self, attributes: &Attributes) -> Result<Arc<Table>, FormatError> {
        self.made.table(self, attributes)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Json(json) => json.len(),
            Form::Compact(compact) => compact.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The path of an entry.
    ///
    /// # Panics
    ///
    /// When there is no entry `index`.
    #[must_use]
    pub fn path(&self, index: usize) -> &[u8] {
        match &self.form {
            Form::Json(json) => json.path(index),
            Form::Compact(compact) => compact.path(index),
        }
    }

    /// The digest of an entry, in lower-case hexadecimal.
    ///
    /// # Panics
    ///
    /// When there is no entry `index`.
    #[must_use]
    pub fn hex(&self, index: usize) -> Cow<'_, str> {
        match &self.form {
            Form::Json(json) => json.hex(index, self.algorithm).into(),
            Form::Compact(compact) => crate::finding::hex(compact.digest(index)).into(),
        }
    }

    /// Say whether an entry has this digest.
    pub(crate) fn has(&self, index: usize, digest: &[u8]) -> bool {
        match &self.form {
            Form::Json(json) => is_hex_of(json.hex(index, self.algorithm), digest),
            Form::Compact(compact) => compact.digest(index) == digest,
        }
    }

    /// The entry of `path`.
    #[must_use]
    pub fn find(&self, path: &[u8]) -> Option<usize> {
        self.find_from(0, path).ok()
    }

    /// The entry of `path`, at or after `from`; near ones are found fast.
    pub(crate) fn find_from(&self, from: usize, path: &[u8]) -> Result<usize, usize> {
        let (mut low, mut step) = (from, 1);
        while low + step <= self.len() && self.path(low + step - 1) < path {
            low += step;
            step *= 2;
        }
        let mut high = (low + step).min(self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.path(middle).cmp(path) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// Return lines as `sha256sum`, `sha512sum` and `b3sum` write and check them.
    ///
    /// A path with a backslash, newline or carriage return is escaped, and its line starts with `\`.
    #[must_use]
    pub fn sum_lines(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(match &self.form {
            Form::Json(json) => json.bytes().len(),
            Form::Compact(compact) => 2 * compact.size(),
        });
        for index in 0..self.len() {
            let path = self.path(index);
            let special = |byte: &u8| matches!(byte, b'\\' | b'\n' | b'\r');
            let escaped = path.iter().any(special);
            if escaped {
                out.push(b'\\');
            }
            out.extend_from_slice(self.hex(index).as_bytes());
            out.extend_from_slice(b"  ");
            for &byte in path {
                match byte {
                    b'\\' => out.extend_from_slice(b"\\\\"),
                    b'\n' => out.extend_from_slice(b"\\n"),
                    b'\r' => out.extend_from_slice(b"\\r"),
                    _ => out.push(byte),
                }
            }
            out.push(b'\n');
        }
        out
    }
}

type Parsed = (Vec<Entry>, Vec<(u32, Box<[u8]>)>);

fn read(data: &[u8], algorithm: Algorithm) -> Result<Parsed, FormatError> {
    let mut cursor = Cursor::new(data)?;
    let mut entries: Vec<Entry> = Vec::new();
    let mut decoded = Vec::new();
    if cursor.take(b"{}\n") {
        cursor.end()?;
        return Ok((entries, decoded));
    }
    cursor.expect(b"{\n")?;
    let mut order = Order::default();
    loop {
        cursor.expect(b"  ")?;
        let start = cursor.at();
        let path = cursor.string()?;
        path::check(&path).map_err(|reason| FormatError::at(start, reason))?;
        if entries.len() == MAX_ENTRIES {
            return Err(FormatError::at(start, "more than ten million entries"));
        }
        let raw = start + 1..cursor.at() - 1;
        let escaped = matches!(path, Cow::Owned(_));
        if escaped {
            decoded.push((offset(entries.len()), path.as_ref().into()));
        }
        entries.push(Entry {
            at: offset(raw.start),
            length: u16::try_from(raw.len()).expect("at most six times 4095 bytes"),
            escaped,
        });
        order.next(path, true).map_err(|reason| FormatError::at(start, reason))?;
        cursor.expect(b": ")?;
        digest(&mut cursor, algorithm)?;
        if !cursor.take(b",\n") {
            break;
        }
    }
    cursor.expect(b"\n}\n")?;
    cursor.end()?;
    entries.shrink_to_fit();
    Ok((entries, decoded))
}

/// `Cursor` refuses more than 4 GiB.
fn offset(value: usize) -> u32 {
    u32::try_from(value).expect("an offset below 4 GiB")
}

fn digest(cursor: &mut Cursor<'_>, algorithm: Algorithm) -> Result<(), FormatError> {
    let start = cursor.at();
    let digits = cursor.string()?;
    if digits.len() != 2 * algorithm.digest_length() {
        let wanted = 2 * algorithm.digest_length();
        return Err(FormatError::at(start, format!("a {} has {wanted} digits", algorithm.name())));
    }
    // Looking at all, a byte each, is faster than looking for the first that is none.
    let bad = |digit: &u8| u8::from(!matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if digits.iter().fold(0, |any, digit| any | bad(digit)) != 0 {
        return Err(FormatError::at(start, "a digest that is not lower-case hexadecimal"));
    }
    Ok(())
}

/// Writes `checksums.json`, entry by entry, in ascending order of the paths.
pub(crate) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        let mut out = Vec::with_capacity(bytes);
        out.push(b'{');
        Self { out }
    }

    pub(crate) fn entry(&mut self, path: &[u8], digest: &[u8]) {
        self.out.extend_from_slice(if self.out.len() == 1 { b"\n  " } else { b",\n  " });
        write_string(&mut self.out, path);
        self.out.extend_from_slice(b": \"");
        self.out.extend_from_slice(crate::finding::hex(digest).as_bytes());
        self.out.push(b'"');
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.out.extend_from_slice(if self.out.len() == 1 { b"}\n" } else { b"\n}\n" });
        self.out
    }
}

#[cfg(test)]
mod tests;
