//! What is written is read; what is written otherwise is refused.

use crate::attributes::{Attributes, Owner, Place};
use crate::path::PathList;
use proptest::prelude::*;

/// What Python's json.dumps gives for the same object, with every attribute.
const FULL: &str = r#"{
    "append_only": {
      "log/a.log": 12
    },
    "capabilities": {
      "bin/ping": "0100000200200000000000000000000000000000"
    },
    "empty_directories": [
      "a",
      "a b"
    ],
    "hard_links": [
      "lib/x"
    ],
    "modes": {
      "0600": [
        "k\n"
      ],
      "0755": [
        "bin/a",
        "bin/b"
      ]
    },
    "mutable": {
      "data": "folder",
      "pid": "file"
    },
    "owners": {
      "0:0": [
        "."
      ],
      "10:5": [
        "x"
      ],
      "9:9": [
        "y"
      ]
    },
    "symlinks": {
      "l": "../\"é"
    }
  }"#;

fn refused(from: &str, to: &str) {
    assert!(FULL.contains(from), "{from}");
    let bad = FULL.replacen(from, to, 1);
    assert!(Attributes::parse(bad.as_bytes()).is_err(), "{bad}");
}

#[test]
fn every_attribute_is_read_and_written_back() {
    let parsed = Attributes::parse(FULL.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(parsed.to_json()).unwrap(), FULL);
    assert_eq!(parsed.append_only.values, [12]);
    assert_eq!(parsed.modes[0].0, 0o600);
    assert_eq!(parsed.modes[0].1.get(0), b"k\n");
    assert_eq!(parsed.mutable.values, [Place::Folder, Place::File]);
    assert_eq!(parsed.owners[1].0, Owner { uid: 10, gid: 5 });
    assert_eq!(&*parsed.symlinks.values[0], "../\"é".as_bytes());
    assert_eq!(Attributes::parse(b"{}").unwrap(), Attributes::default());
    assert_eq!(Attributes::default().to_json(), b"{}");
}

#[test]
fn what_is_not_canonical_is_refused() {
    for (from, to) in [
        ("append_only", "append_onlz"),
        ("\"append_only\"", "\"zzz\""),
        ("k\\n", "k\n"),
        ("12", "012"),
        ("12", "-1"),
        ("12", "1.0"),
        ("12", "9223372036854775808"),
        ("0100000200", "010000020"),
        ("0100000200", "01000002AA"),
        ("\"a b\"", "\"a\""),
        ("\"a b\"", "\"Z\""),
        ("\"lib/x\"", "\"/lib/x\""),
        ("\"lib/x\"", "\"lib/../x\""),
        ("\"lib/x\"", "\".\""),
        ("0600", "600"),
        ("0600", "0800"),
        ("0600", "0755"),
        ("bin/b", "bin/a"),
        ("\"folder\"", "\"link\""),
        ("\"10:5\"", "\"10:05\""),
        ("\"10:5\"", "\"10\""),
        ("\"10:5\"", "\"9999999999:5\""),
        ("\"y\"", "\"x\""),
        ("../\\\"é", ""),
        ("../\\\"é", "\\u0000"),
        ("é\"\n    }\n  }", "é\"\n    }\n}"),
        ("\n      \"l\"", "\n    \"l\""),
    ] {
        refused(from, to);
    }
    for bad in ["", "{", "{ }", "{}\n", "null", "[]", "{\n  }", "{\n    \"modes\": {}\n  }"] {
        assert!(Attributes::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn keys_are_sorted_and_unique() {
    let two =
        "{\n    \"hard_links\": [\n      \"a\"\n    ],\n    \"KEY\": [\n      \"b\"\n    ]\n  }";
    for key in ["hard_links", "empty_directories"] {
        assert!(Attributes::parse(two.replace("KEY", key).as_bytes()).is_err(), "{key}");
    }
}

fn paths() -> impl Strategy<Value = PathList> {
    let names = proptest::collection::btree_set("[a-c\"\\\\\n\u{1}é한 -]{1,4}(/[a-b]{1,2})?", 0..5);
    names.prop_map(|names| names.iter().map(String::as_bytes).collect())
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        empty in paths(), links in paths(), targets in "[a-z./\\\\\n]{1,9}", hard in paths(),
        mode in 0..=0o7777_u16, appended in paths(), size in 0..=i64::MAX.cast_unsigned(),
    ) {
        let mut attributes = Attributes { empty_directories: empty, ..Attributes::default() };
        for path in links.iter() {
            attributes.symlinks.push(path, targets.clone().into_bytes().into_boxed_slice());
            attributes.mutable.push(path, Place::File);
        }
        for path in appended.iter() {
            attributes.append_only.push(path, size);
            attributes.capabilities.push(path, Box::from(&[1, 2, 0xff][..]));
        }
        if !hard.is_empty() {
            attributes.modes.push((mode, hard.clone()));
            attributes.owners.push((Owner { uid: 4, gid: u32::MAX }, hard.clone()));
        }
        attributes.hard_links = hard;
        prop_assert_eq!(Attributes::parse(&attributes.to_json()).unwrap(), attributes);
    }

    #[test]
    fn what_is_read_is_what_would_be_written(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = FULL.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(parsed) = Attributes::parse(&bytes) {
            prop_assert_eq!(parsed.to_json(), bytes);
        }
    }
}
