//! What is written is read; what is written otherwise is refused.

use super::json::is_hex_of;
use super::{Checksums, Writer};
use crate::algorithm::Algorithm;
use proptest::prelude::*;

fn hex(n: u8) -> String {
    format!("{n:02x}").repeat(32)
}

fn parse(text: &str) -> Result<Checksums, String> {
    Checksums::parse(text.as_bytes().to_vec(), Algorithm::Sha256).map_err(|error| error.to_string())
}

fn file(paths: &[&str]) -> String {
    let lines: Vec<String> =
        paths.iter().map(|path| format!("  \"{path}\": \"{}\"", hex(7))).collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

#[test]
fn a_canonical_file_is_read() {
    let parsed = parse(&file(&["a", "a b", "a-b/c", "a.b", "b/c", "b/d", "é"])).unwrap();
    assert_eq!(parsed.len(), 7);
    assert_eq!((parsed.path(2), parsed.hex(2).as_ref()), (&b"a-b/c"[..], hex(7).as_str()));
    assert_eq!(parsed.find("é".as_bytes()), Some(6));
    assert_eq!(parsed.find(b"b"), None);
    assert!(parse("{}\n").unwrap().is_empty());
}

#[test]
fn escaped_names_are_exact() {
    let parsed = parse(&file(&["a\\nb", "a\\\"", "a\\\\", "b\\u0001/\x7f"])).unwrap();
    let paths: Vec<&[u8]> = (0..4).map(|index| parsed.path(index)).collect();
    assert_eq!(paths, [&b"a\nb"[..], b"a\"", b"a\\", b"b\x01/\x7f"]);
    assert_eq!(parsed.hex(0), hex(7));
    let lines = String::from_utf8(parsed.sum_lines()).unwrap();
    assert!(lines.starts_with(&format!("\\{}  a\\nb\n{}  a\"\n\\", hex(7), hex(7))), "{lines}");
}

#[test]
fn paths_that_leave_the_root_are_refused() {
    for bad in ["/a", "../a", "a/../b", "a//b", "./a", "a/.", "a/", "", ".", "..", "a\\u0000b"] {
        let error = parse(&file(&[bad])).unwrap_err();
        assert!(error.starts_with("at byte 4: "), "{bad}: {error}");
    }
    assert!(parse(&file(&[&"a".repeat(4095)])).is_ok());
    assert!(parse(&file(&[&"a".repeat(4096)])).is_err());
    assert!(parse(&file(&[&"\\u0001".repeat(4095)])).is_ok());
}

#[test]
fn order_and_uniqueness_are_required() {
    assert!(parse(&file(&["a", "a"])).unwrap_err().contains("not after"));
    assert!(parse(&file(&["b", "a"])).unwrap_err().contains("not after"));
    assert!(parse(&file(&["ab", "a"])).unwrap_err().contains("not after"));
    assert!(parse(&file(&["\\\\", "a", "b"])).is_ok());
}

#[test]
fn a_file_cannot_be_a_folder_too() {
    for bad in
        [&["a", "a/b"][..], &["a", "a-b", "a/b"], &["a", "a ", "a -", "a/b"], &["a/b", "a/b/c"]]
    {
        assert!(parse(&file(bad)).unwrap_err().contains("below another"), "{bad:?}");
    }
    for good in [&["a", "a-/b"][..], &["a", "aa", "aa-", "ab/a"], &["a-b", "a/b"]] {
        assert!(parse(&file(good)).is_ok(), "{good:?}");
    }
}

#[test]
fn digests_have_the_length_of_their_algorithm() {
    let short = file(&["a"]).replace(&hex(7), &hex(7)[1..]);
    assert!(parse(&short).is_err());
    assert!(parse(&file(&["a"]).replace("07", "0A")).is_err());
    let long = file(&["a"]).replace(&hex(7), &hex(7).repeat(2));
    assert!(parse(&long).is_err());
    assert!(Checksums::parse(long.clone().into_bytes(), Algorithm::Sha512).is_ok());
    assert!(Checksums::parse(long.into_bytes(), Algorithm::Blake3).is_err());
}

#[test]
fn digits_stand_for_their_bytes_only() {
    assert!(is_hex_of("00ff7a", &[0, 255, 0x7a]));
    assert!(!is_hex_of("00ff7b", &[0, 255, 0x7a]));
    assert!(!is_hex_of("00ff", &[0, 255, 0x7a]) && !is_hex_of("00FF7A", &[0, 255, 0x7a]));
}

#[test]
fn the_compact_form_is_smaller_and_refuses_the_same() {
    let data = file(&["a\\nb", "b/c", "\u{e9}"]).into_bytes();
    let compact = Checksums::compact(data, Algorithm::Sha256).unwrap();
    let super::Form::Compact(form) = &compact.form else { panic!("another form") };
    assert_eq!(form.size(), "a\nbb/c\u{e9}".len() + 3 * 32);
    assert!(!compact.has(0, &[7; 31]) && !compact.has(0, &[8; 32]) && compact.has(0, &[7; 32]));
    for bad in [file(&["a", "a"]), file(&["a", "a/b"]), file(&["../a"]), "{}".to_owned()] {
        let said = parse(&bad).unwrap_err();
        let error = Checksums::compact(bad.into_bytes(), Algorithm::Sha256).unwrap_err();
        assert_eq!(error.to_string(), said);
    }
    assert!(Checksums::compact(b"{}\n".to_vec(), Algorithm::Blake3).unwrap().is_empty());
}

proptest! {
    #[test]
    fn the_compact_form_says_the_same(
        names in proptest::collection::btree_set("[a-c/\"\\\\\n\u{1}\u{e9}]{1,6}", 0..20),
        algorithm in prop::sample::select(vec![Algorithm::Sha256, Algorithm::Sha512, Algorithm::Blake3]),
        seed in any::<u8>(),
    ) {
        let mut kept: Vec<&str> = Vec::new();
        for name in &names {
            let below = kept.iter().any(|file| name.starts_with(&format!("{file}/")));
            if crate::path::check(name.as_bytes()).is_ok() && !below {
                kept.push(name);
            }
        }
        let mut writer = Writer::with_capacity(0);
        let mut digests = Vec::new();
        for (name, first) in kept.iter().zip(0..) {
            let length = u8::try_from(algorithm.digest_length()).unwrap();
            let byte = |at: u8| at.wrapping_mul(37).wrapping_add(seed).wrapping_add(first);
            let digest: Vec<u8> = (0..length).map(byte).collect();
            writer.entry(name.as_bytes(), &digest);
            digests.push(digest);
        }
        let bytes = writer.finish();
        let json = Checksums::parse(bytes.clone(), algorithm).unwrap();
        let compact = Checksums::compact(bytes, algorithm).unwrap();
        prop_assert_eq!((compact.len(), compact.is_empty()), (json.len(), json.is_empty()));
        prop_assert_eq!(compact.fingerprint(), json.fingerprint());
        prop_assert_eq!(compact.sum_lines(), json.sum_lines());
        for (index, digest) in digests.iter().enumerate() {
            prop_assert_eq!(compact.path(index), kept[index].as_bytes());
            prop_assert_eq!(compact.hex(index), json.hex(index));
            prop_assert!(compact.has(index, digest) && json.has(index, digest));
            let mut other = digest.clone();
            other[usize::from(seed) % digest.len()] ^= 1;
            prop_assert!(!compact.has(index, &other) && !json.has(index, &other));
            prop_assert!(!compact.has(index, &digest[1..]) && !json.has(index, &digest[1..]));
        }
        for name in &names {
            prop_assert_eq!(compact.find(name.as_bytes()), json.find(name.as_bytes()));
        }
    }

    #[test]
    fn what_is_written_is_read(names in proptest::collection::btree_set("[a-c./\"\\\\\n\u{1}é한-]{1,6}", 0..20)) {
        let mut kept: Vec<&str> = Vec::new();
        for name in &names {
            let below = kept.iter().any(|file| name.starts_with(&format!("{file}/")));
            if crate::path::check(name.as_bytes()).is_ok() && !below {
                kept.push(name);
            }
        }
        let mut writer = Writer::with_capacity(0);
        for name in &kept {
            writer.entry(name.as_bytes(), &[0xab; 32]);
        }
        let bytes = writer.finish();
        let parsed = Checksums::parse(bytes.clone(), Algorithm::Sha256).unwrap();
        let paths: Vec<&[u8]> = (0..parsed.len()).map(|index| parsed.path(index)).collect();
        prop_assert_eq!(paths, kept.iter().map(|name| name.as_bytes()).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_read_is_what_would_be_written(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = file(&["a", "a b", "b\\n/c", "d/é"]).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(parsed) = Checksums::parse(bytes.clone(), Algorithm::Sha256) {
            let mut writer = Writer::with_capacity(0);
            for index in 0..parsed.len() {
                let digits = parsed.hex(index);
                let digest: Vec<u8> = digits
                    .as_bytes()
                    .chunks(2)
                    .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
                    .collect();
                writer.entry(parsed.path(index), &digest);
            }
            prop_assert_eq!(writer.finish(), bytes);
        }
    }
}
