//! The canonical JSON that artifacts are written in: strings, layout, and the refusal of anything else.
//!
//! Guarantees: a string is escaped exactly as Python's `json.dumps(ensure_ascii=False)` does (which is
//! RFC 8785, section 3.2.2.2), and only that form is read. Every refusal names its offset and reason.
//! Input is checked to be UTF-8 before a `Cursor` sees it.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr2;

/// Bytes that are not canonical, or a pattern that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    /// Where in the bytes, when it is about a place in bytes.
    pub offset: Option<usize>,
    pub reason: String,
}

impl FormatError {
    pub(crate) fn at(offset: usize, reason: impl Into<String>) -> Self {
        Self { offset: Some(offset), reason: reason.into() }
    }

    pub(crate) fn whole(reason: impl Into<String>) -> Self {
        Self { offset: None, reason: reason.into() }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(offset) = self.offset {
            write!(formatter, "at byte {offset}: ")?;
        }
        formatter.write_str(&self.reason)
    }
}

impl std::error::Error for FormatError {}

/// A place in canonical JSON.
pub(crate) struct Cursor<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Start at the first byte; refuse what is not UTF-8 or longer than offsets can name.
    pub(crate) fn new(data: &'a [u8]) -> Result<Self, FormatError> {
        if u32::try_from(data.len()).is_err() {
            return Err(FormatError::whole("longer than 4 GiB"));
        }
        match std::str::from_utf8(data) {
            Ok(_) => Ok(Self { data, at: 0 }),
            Err(error) => Err(FormatError::at(error.valid_up_to(), "not UTF-8")),
        }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn error(&self, reason: impl Into<String>) -> FormatError {
        FormatError::at(self.at, reason)
    }

    /// Step over `literal` if it comes next.
    pub(crate) fn take(&mut self, literal: &[u8]) -> bool {
        let found = self.data[self.at..].starts_with(literal);
        if found {
            self.at += literal.len();
        }
        found
    }

    /// Step over `literal`, or refuse.
    pub(crate) fn expect(&mut self, literal: &[u8]) -> Result<(), FormatError> {
        if self.take(literal) {
            return Ok(());
        }
        let wanted = String::from_utf8_lossy(literal);
        Err(self.error(format!("expected {wanted:?}, as canonical JSON has it")))
    }

    /// Refuse anything that follows.
    pub(crate) fn end(&self) -> Result<(), FormatError> {
        if self.at == self.data.len() { Ok(()) } else { Err(self.error("bytes after the end")) }
    }

    /// Read the digits of an integer in its one canonical form, at most `largest`.
    pub(crate) fn integer(&mut self, largest: u64) -> Result<u64, FormatError> {
        let digits = self.data[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = std::str::from_utf8(&self.data[self.at..self.at + digits]).unwrap_or("");
        if digits > 1 && text.starts_with('0') {
            return Err(self.error("an integer with a leading zero"));
        }
        match text.parse::<u64>() {
            Ok(value) if value <= largest => {
                self.at += digits;
                Ok(value)
            }
            _ => Err(self.error(format!("expected an integer from 0 to {largest}"))),
        }
    }

    /// Read a string; its quotes included in the step, not in the value.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, [u8]>, FormatError> {
        self.expect(b"\"")?;
        let start = self.at;
        let Some(length) = memchr2(b'"', b'\\', &self.data[start..]) else {
            return Err(self.error("a string without end"));
        };
        let raw = &self.data[start..start + length];
        refuse_controls(raw, start)?;
        self.at = start + length;
        if self.data[self.at] == b'"' {
            self.at += 1;
            return Ok(Cow::Borrowed(raw));
        }
        self.escaped(raw.to_vec()).map(Cow::Owned)
    }

    /// Read on from the first backslash of a string.
    fn escaped(&mut self, mut value: Vec<u8>) -> Result<Vec<u8>, FormatError> {
        loop {
            let rest = &self.data[self.at..];
            if rest.first() == Some(&b'"') {
                self.at += 1;
                return Ok(value);
            }
            let (byte, length) = unescape(rest)
                .ok_or_else(|| self.error("an escape that canonical JSON does not have"))?;
            value.push(byte);
            self.at += length;
            let Some(length) = memchr2(b'"', b'\\', &self.data[self.at..]) else {
                return Err(self.error("a string without end"));
            };
            let raw = &self.data[self.at..self.at + length];
            refuse_controls(raw, self.at)?;
            value.extend_from_slice(raw);
            self.at += length;
        }
    }
}

fn refuse_controls(raw: &[u8], start: usize) -> Result<(), FormatError> {
    // The smallest byte is found sixteen bytes or more at a time, the first below a limit is not.
    if raw.iter().copied().fold(u8::MAX, u8::min) < 0x20 {
        let at = raw.iter().position(|&byte| byte < 0x20).unwrap_or(0);
        return Err(FormatError::at(start + at, "a control character that is not escaped"));
    }
    Ok(())
}

/// The byte that the escape at the start of `rest` stands for, and the escape's length.
fn unescape(rest: &[u8]) -> Option<(u8, usize)> {
    let two = match rest.get(1)? {
        b'"' => b'"',
        b'\\' => b'\\',
        b'b' => 0x08,
        b't' => b'\t',
        b'n' => b'\n',
        b'f' => 0x0c,
        b'r' => b'\r',
        b'u' => {
            let digits = rest.get(2..6)?.strip_prefix(b"00")?;
            let value = hex_value(digits[0])? << 4 | hex_value(digits[1])?;
            let short = matches!(value, 0x08 | b'\t' | b'\n' | 0x0c | b'\r');
            return (value < 0x20 && !short).then_some((value, 6));
        }
        _ => return None,
    };
    Some((two, 2))
}

/// The value of a lower-case hexadecimal digit.
pub(crate) fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Append `value`, which is UTF-8, as a JSON string.
pub(crate) fn write_string(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'"');
    let special = |&byte: &u8| u8::from(byte < 0x20 || byte == b'"' || byte == b'\\');
    // Looking at all, a byte each, is faster than looking for the first.
    if value.iter().fold(0, |any, byte| any | special(byte)) == 0 {
        out.extend_from_slice(value);
    } else {
        for byte in value {
            match byte {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                0x08 => out.extend_from_slice(b"\\b"),
                b'\t' => out.extend_from_slice(b"\\t"),
                b'\n' => out.extend_from_slice(b"\\n"),
                0x0c => out.extend_from_slice(b"\\f"),
                b'\r' => out.extend_from_slice(b"\\r"),
                0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                _ => out.push(*byte),
            }
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::{Cursor, write_string};

    fn read(data: &[u8]) -> Result<Vec<u8>, String> {
        let mut cursor = Cursor::new(data).map_err(|error| error.to_string())?;
        let value = cursor.string().map_err(|error| error.to_string())?.into_owned();
        cursor.end().map_err(|error| error.to_string())?;
        Ok(value)
    }

    #[test]
    fn every_ascii_character_is_read_as_it_was_written() {
        for byte in 0..0x80_u8 {
            let mut out = Vec::new();
            write_string(&mut out, &[b'a', byte, b'z']);
            assert_eq!(read(&out).unwrap(), [b'a', byte, b'z'], "{out:?}");
        }
        let mut out = Vec::new();
        write_string(&mut out, b"\x00\x01\x1f\x7f\"\\\x08\t\n\x0c\r/");
        assert_eq!(out, b"\"\\u0000\\u0001\\u001f\x7f\\\"\\\\\\b\\t\\n\\f\\r/\"");
    }

    #[test]
    fn what_the_writer_never_writes_is_refused() {
        for bad in [
            &b"\"a"[..],
            b"\"a\\\"",
            b"\"\\/\"",
            b"\"\\u0041\"",
            b"\"\\u001F\"",
            b"\"\\u000a\"",
            b"\"\\ud800\"",
            b"\"\\u00e9\"",
            b"\"\\u00",
            b"\"\\x41\"",
            b"\"a\nb\"",
            b"\"\xff\"",
            b"\"a\"b",
            b"",
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        assert_eq!(read("\"\u{e9}\"".as_bytes()).unwrap(), "é".as_bytes());
    }

    #[test]
    fn integers_have_one_form() {
        for (text, good) in
            [("0", true), ("7", true), ("10", true), ("11", false), ("01", false), ("-1", false)]
        {
            assert_eq!(Cursor::new(text.as_bytes()).unwrap().integer(10).is_ok(), good, "{text}");
        }
        assert!(Cursor::new(b"18446744073709551616").unwrap().integer(u64::MAX).is_err());
    }
}
