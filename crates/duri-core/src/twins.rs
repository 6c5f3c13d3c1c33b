//! Names in one folder that cannot be told apart everywhere.
//!
//! Guarantees: names equal under NFC, and names equal under full case folding (Unicode D145, canonical
//! caseless matching), are found within a folder, exactly. Names of plain ASCII, nearly all, cost a
//! copy in lower case.

use std::collections::HashMap;

use caseless::Caseless as _;
use unicode_normalization::UnicodeNormalization as _;

/// Which of the two a pair of names shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twin {
    Nfc,
    Case,
}

fn folded(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    name.nfd().default_case_fold().nfd().collect()
}

/// Call `found` for each name that has an earlier twin: the two indices and what they share.
pub(crate) fn find<'a>(
    names: impl Iterator<Item = (u32, &'a str)>,
    mut found: impl FnMut(u32, u32, Twin),
) {
    let mut seen: HashMap<String, Vec<(u32, &str)>> = HashMap::new();
    for (index, name) in names {
        let same = seen.entry(folded(name)).or_default();
        for (earlier, other) in same.iter() {
            let equal = name.nfc().eq(other.nfc());
            found(*earlier, index, if equal { Twin::Nfc } else { Twin::Case });
        }
        same.push((index, name));
    }
}

#[cfg(test)]
mod tests {
    use super::{Twin, find};

    fn twins(names: &[&str]) -> Vec<(u32, u32, Twin)> {
        let mut pairs = Vec::new();
        let names = names.iter().enumerate().map(|(at, name)| (u32::try_from(at).unwrap(), *name));
        find(names, |a, b, twin| pairs.push((a, b, twin)));
        pairs
    }

    #[test]
    fn names_that_look_or_fold_alike_are_found() {
        assert_eq!(twins(&["README", "readme"]), [(0, 1, Twin::Case)]);
        assert_eq!(twins(&["caf\u{e9}", "cafe\u{301}"]), [(0, 1, Twin::Nfc)]);
        assert_eq!(twins(&["\u{ac00}", "\u{1100}\u{1161}"]), [(0, 1, Twin::Nfc)]);
        assert_eq!(twins(&["stra\u{df}e", "STRASSE"]), [(0, 1, Twin::Case)]);
        assert_eq!(twins(&["\u{3a3}", "\u{3c2}", "\u{3c3}"]).len(), 3);
        assert_eq!(twins(&["\u{c9}", "e\u{301}"]), [(0, 1, Twin::Case)]);
    }

    #[test]
    fn names_that_differ_are_not() {
        assert!(twins(&["a", "b", "a.py", "\u{e9}", "e", "\u{131}", "i", "ﬁ", "fl"]).is_empty());
    }
}
