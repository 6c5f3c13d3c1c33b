//! Sealing and comparing over real trees: each change is found as what it is, and nothing else is.

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;

use support::{Tree, chmod, kinds, rules, rules_with};

fn sample() -> Tree {
    let tree = Tree::new();
    tree.file("app/main.py", b"print(1)");
    tree.file("app/util.py", b"x = 1");
    tree.file("app.cfg", b"");
    tree.file("lib/big.bin", &vec![7; 300_000]);
    chmod(&tree.file("bin/run", b"#!/bin/sh"), 0o755);
    tree.folder("empty/deeper");
    symlink("main.py", tree.path("app/link.py")).unwrap();
    symlink("nowhere", tree.path("dangling")).unwrap();
    symlink("loop", tree.path("loop")).unwrap();
    symlink("..", tree.path("app/up")).unwrap();
    tree
}

#[test]
fn a_sealed_tree_is_verified_with_each_algorithm_and_any_number_of_threads() {
    let tree = sample();
    for algorithm in [support::SHA256, support::SHA512, support::BLAKE3] {
        for threads in [1, 2, 32] {
            let sealed = tree.seal_with(&rules(), algorithm, threads);
            assert_eq!(sealed.refusals, []);
            assert_eq!(sealed.file_count, 5);
            assert_eq!(sealed.total_bytes, 300_000 + 8 + 5 + 9);
            let found = tree.compare_with(&sealed, &rules(), algorithm, threads);
            assert_eq!(found.findings, []);
            assert_eq!((found.total_files, found.verified_files), (5, 5));
            assert_eq!(found.bytes_hashed, sealed.total_bytes);
        }
    }
}

#[test]
fn the_seal_is_what_sha256sum_and_json_say() {
    let tree = Tree::new();
    tree.file("b/abc", b"abc");
    tree.file("a\n\"", b"");
    chmod(&tree.folder("e"), 0o700);
    symlink("b/abc", tree.path("l")).unwrap();
    let sealed = tree.seal(&rules());
    assert_eq!(
        String::from_utf8(sealed.checksums).unwrap(),
        "{\n  \"a\\n\\\"\": \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\n  \
         \"b/abc\": \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\n}\n"
    );
    assert_eq!(
        String::from_utf8(sealed.attributes).unwrap(),
        "{\n    \"empty_directories\": [\n      \"e\"\n    ],\n    \"modes\": {\n      \"0700\": \
         [\n        \"e\"\n      ]\n    },\n    \"symlinks\": {\n      \"l\": \"b/abc\"\n    }\n  }"
    );
}

#[test]
fn an_empty_root_is_sealed_and_verified() {
    let tree = Tree::new();
    let sealed = tree.seal(&rules());
    assert_eq!(
        (sealed.checksums.as_slice(), sealed.attributes.as_slice()),
        (&b"{}\n"[..], &b"{}"[..])
    );
    assert_eq!(tree.findings(&sealed, &rules()), []);
    tree.file("new", b"");
    assert_eq!(kinds(&tree.findings(&sealed, &rules())), ["new new"]);
}

/// One change to a sealed tree, and what must be found.
fn changed(change: impl Fn(&Tree), wanted: &[&str]) {
    let tree = sample();
    let sealed = tree.seal(&rules());
    change(&tree);
    for threads in [1, 8] {
        let found = tree.compare_with(&sealed, &rules(), support::SHA256, threads);
        assert_eq!(kinds(&found.findings), wanted);
        let files = ["app.cfg", "app/main.py", "app/util.py", "bin/run", "lib/big.bin"];
        let bad = files
            .iter()
            .filter(|file| found.findings.iter().any(|finding| finding.path == file.as_bytes()));
        assert_eq!(found.verified_files, 5 - bad.count(), "{wanted:?}");
    }
}

#[test]
fn content_is_compared() {
    changed(|tree| drop(tree.file("app/util.py", b"x = 2")), &["modified app/util.py"]);
    changed(|tree| drop(tree.file("app.cfg", b"x")), &["modified app.cfg"]);
    let big = |tree: &Tree| drop(tree.file("lib/big.bin", &vec![8; 300_000]));
    changed(big, &["modified lib/big.bin"]);
}

#[test]
fn missing_and_new_entries_are_found() {
    changed(|tree| tree.remove("app/util.py"), &["missing app/util.py"]);
    changed(|tree| tree.remove("dangling"), &["missing dangling"]);
    changed(|tree| fs::remove_dir(tree.path("empty/deeper")).unwrap(), &["missing empty/deeper"]);
    changed(
        |tree| fs::remove_dir_all(tree.path("app")).unwrap(),
        &["missing app/link.py", "missing app/main.py", "missing app/up", "missing app/util.py"],
    );
    changed(|tree| drop(tree.file(".hidden", b"")), &["new .hidden"]);
    changed(|tree| drop(tree.file("app/__pycache__/x.pyc", b"")), &["new app/__pycache__/x.pyc"]);
    changed(|tree| drop(tree.folder("app/n")), &["new app/n"]);
    changed(|tree| drop(tree.folder("n/o/p")), &["new n/o/p"]);
    changed(|tree| drop(tree.file("empty/deeper/x", b"")), &["new empty/deeper/x"]);
    changed(|tree| symlink("x", tree.path("app/new")).unwrap(), &["new app/new"]);
    let not_utf8 = |tree: &Tree| drop(tree.file_bytes(b"app/\xff\n", b""));
    changed(not_utf8, &["new app/\\xff\\x0a"]);
}

#[test]
fn modes_are_compared() {
    for mode in [0o600, 0o666, 0o744, 0o4644, 0o2644, 0o1644] {
        changed(|tree| chmod(&tree.path("app/main.py"), mode), &["mode app/main.py"]);
    }
    changed(|tree| chmod(&tree.path("bin/run"), 0o644), &["mode bin/run"]);
    changed(|tree| chmod(&tree.path("app"), 0o777), &["mode app"]);
    changed(|tree| chmod(&tree.path("empty/deeper"), 0o700), &["mode empty/deeper"]);
    changed(|tree| chmod(&tree.root(), 0o711), &[]);
}

#[test]
fn links_are_compared_and_never_followed() {
    let relink = |tree: &Tree| {
        tree.remove("app/link.py");
        symlink("util.py", tree.path("app/link.py")).unwrap();
    };
    changed(relink, &["link_target app/link.py"]);
    let same_content = |tree: &Tree| {
        fs::rename(tree.path("app"), tree.path("moved")).unwrap();
        symlink("moved", tree.path("app")).unwrap();
    };
    let mut wanted = vec!["type app", "missing app/link.py", "missing app/main.py"];
    wanted.extend(["missing app/up", "missing app/util.py"]);
    wanted.extend(["new moved/link.py", "new moved/main.py", "new moved/up", "new moved/util.py"]);
    changed(same_content, &wanted);
}

#[test]
fn another_type_in_place_is_found_without_opening_it() {
    let replace = |tree: &Tree| tree.remove("app/util.py");
    changed(
        |tree| {
            replace(tree);
            tree.fifo("app/util.py");
        },
        &["type app/util.py"],
    );
    changed(
        |tree| {
            replace(tree);
            drop(UnixListener::bind(tree.path("app/util.py")).unwrap());
        },
        &["type app/util.py"],
    );
    changed(
        |tree| {
            replace(tree);
            symlink("main.py", tree.path("app/util.py")).unwrap();
        },
        &["type app/util.py"],
    );
    changed(
        |tree| {
            replace(tree);
            tree.folder("app/util.py");
        },
        &["type app/util.py"],
    );
    changed(
        |tree| {
            replace(tree);
            tree.file("app/util.py/x", b"");
        },
        &["type app/util.py", "new app/util.py/x"],
    );
    changed(
        |tree| {
            fs::remove_dir_all(tree.path("empty")).unwrap();
            tree.file("empty", b"");
        },
        &["type empty", "missing empty/deeper"],
    );
    changed(
        |tree| {
            fs::remove_dir(tree.path("empty/deeper")).unwrap();
            tree.file("empty/deeper", b"");
        },
        &["type empty/deeper"],
    );
    changed(|tree| tree.fifo("app/pipe"), &["new app/pipe"]);
}

#[test]
fn a_hard_link_from_outside_is_found_and_a_recorded_one_is_not() {
    let outside = Tree::new();
    changed(
        |tree| {
            let _ = fs::remove_file(outside.path("x"));
            fs::hard_link(tree.path("app/main.py"), outside.path("x")).unwrap();
        },
        &["hard_link app/main.py"],
    );
    let tree = sample();
    fs::hard_link(tree.path("app/main.py"), outside.path("y")).unwrap();
    fs::hard_link(tree.path("app/util.py"), tree.path("lib/same.py")).unwrap();
    let sealed = tree.seal(&rules());
    assert_eq!(kinds(&sealed.warnings), ["hard_link app/main.py"]);
    assert_eq!(tree.findings(&sealed, &rules()), []);
    fs::hard_link(tree.path("app/util.py"), outside.path("z")).unwrap();
    let found = tree.compare_with(&sealed, &rules(), support::SHA256, 4);
    assert_eq!(kinds(&found.findings), ["hard_link app/util.py", "hard_link lib/same.py"]);
    assert_eq!((found.total_files, found.verified_files), (6, 4));
}

#[test]
fn what_cannot_be_told_apart_is_refused_all_of_it() {
    let tree = Tree::new();
    tree.file_bytes(b"bad\xff", b"");
    tree.file("caf\u{e9}", b"");
    tree.file("cafe\u{301}", b"");
    tree.file("d/README", b"");
    tree.file("d/readme", b"");
    tree.fifo("pipe");
    symlink("/etc/passwd", tree.path("absolute")).unwrap();
    symlink("../../x", tree.path("d/above")).unwrap();
    symlink("absolute", tree.path("through")).unwrap();
    let sealed = tree.seal(&rules());
    let mut wanted = vec!["link_leaves_root absolute", "name_not_utf8 bad\\xff"];
    wanted.extend(["name_nfc_twin caf\u{e9}", "link_leaves_root d/above"]);
    wanted.extend(["name_case_twin d/readme", "special_file pipe", "link_leaves_root through"]);
    assert_eq!(kinds(&sealed.refusals), wanted);
    let twins = rules_with(|patterns| patterns.external_links = &[], false, true);
    assert!(!kinds(&tree.seal(&twins).refusals).iter().any(|kind| kind.starts_with("name_case")));
}

#[test]
fn a_named_link_may_leave_and_others_lead_through_it() {
    let tree = Tree::new();
    tree.folder("bin");
    symlink("/usr/bin/python3", tree.path("bin/python")).unwrap();
    symlink("python", tree.path("bin/python3")).unwrap();
    let links = ["bin/python".to_owned()];
    let allowed = rules_with(|patterns| patterns.external_links = &links, false, false);
    let sealed = tree.seal(&allowed);
    assert_eq!(sealed.refusals, []);
    assert_eq!(tree.findings(&sealed, &allowed), []);
    assert_eq!(tree.seal(&rules()).refusals.len(), 2);
}

#[test]
fn ignored_entries_are_left_out_and_ignored_folders_not_opened() {
    let tree = sample();
    let ignore = ["*.tmp".to_owned(), "cache/".to_owned()];
    let rules = rules_with(|patterns| patterns.ignore = &ignore, false, false);
    tree.file("a.tmp", b"");
    tree.fifo("cache/pipe");
    let sealed = tree.seal(&rules);
    assert_eq!((sealed.refusals.len(), sealed.file_count), (0, 5));
    tree.file("b.tmp", b"");
    tree.file("cache/more", b"");
    assert_eq!(tree.findings(&sealed, &rules), []);
    // A folder with only ignored entries is an empty one.
    tree.file("n/x.tmp", b"");
    assert_eq!(kinds(&tree.findings(&sealed, &rules)), ["new n"]);
    // A rule that came after the seal hides nothing that was sealed.
    let wider = ["*".to_owned()];
    let wider = rules_with(|patterns| patterns.ignore = &wider, false, false);
    tree.file("app/util.py", b"x = 2");
    let _ = fs::remove_file(tree.path("app/main.py"));
    let found = tree.findings(&sealed, &wider);
    assert_eq!(kinds(&found), ["missing app/main.py", "modified app/util.py"]);
}

#[test]
fn the_excluded_folder_is_left_out_and_only_it() {
    let tree = sample();
    tree.file(".duri/checksums.json", b"");
    tree.file("app/.duri/x", b"");
    let sealed = tree.seal(&rules());
    assert_eq!(sealed.file_count, 6);
    tree.file(".duri/more", b"");
    assert_eq!(tree.findings(&sealed, &rules()), []);
    tree.file("app/.duri/y", b"");
    assert_eq!(kinds(&tree.findings(&sealed, &rules())), ["new app/.duri/y"]);
}

#[test]
fn mutable_content_is_free_and_never_executable() {
    let tree = sample();
    tree.file("data/x", b"1");
    tree.file("run.pid", b"1");
    let patterns = ["/data/".to_owned(), "*.pid".to_owned()];
    let rules = rules_with(|rules| rules.mutable = &patterns, false, false);
    let sealed = tree.seal(&rules);
    assert_eq!((sealed.refusals.len(), sealed.file_count), (0, 5));
    tree.file("data/x", b"22");
    tree.file("data/deep/y", b"");
    tree.remove("data/x");
    tree.file("run.pid", b"2");
    tree.file("app/other.pid", b"2");
    assert_eq!(tree.findings(&sealed, &rules), []);
    for mode in [0o001, 0o010, 0o100, 0o1000, 0o2000, 0o4000] {
        chmod(&tree.file("data/deep/y", b""), 0o644 | mode);
        let found = tree.findings(&sealed, &rules);
        assert_eq!(kinds(&found), ["executable data/deep/y"], "{mode:o}");
    }
    chmod(&tree.path("data/deep/y"), 0o666);
    assert_eq!(tree.findings(&sealed, &rules), []);
    chmod(&tree.file("data/deep/evil", b""), 0o744);
    chmod(&tree.path("run.pid"), 0o4644);
    symlink("/bin/sh", tree.path("data/sh")).unwrap();
    tree.fifo("data/pipe");
    let mut wanted = vec!["executable data/deep/evil", "type data/pipe", "type data/sh"];
    wanted.push("executable run.pid");
    assert_eq!(kinds(&tree.findings(&sealed, &rules)), wanted);
    assert_eq!(kinds(&tree.seal(&rules).refusals), wanted);
    fs::remove_dir_all(tree.path("data")).unwrap();
    tree.remove("run.pid");
    assert_eq!(kinds(&tree.findings(&sealed, &rules)), ["missing data", "missing run.pid"]);
    tree.file("data", b"");
    tree.folder("run.pid");
    assert_eq!(kinds(&tree.findings(&sealed, &rules)), ["type data", "type run.pid"]);
}

#[test]
fn a_log_may_grow_and_its_sealed_part_stays() {
    let tree = sample();
    tree.file("log/a.log", b"one\n");
    let patterns = ["log/*.log".to_owned()];
    let rules = rules_with(|rules| rules.append_only = &patterns, false, false);
    let sealed = tree.seal(&rules);
    for (content, good) in [
        (&b"one\n"[..], true),
        (b"one\ntwo\n", true),
        (b"onf\ntwo\n", false),
        (b"one", false),
        (b"", false),
    ] {
        tree.file("log/a.log", content);
        let found = kinds(&tree.findings(&sealed, &rules));
        assert_eq!(found, if good { vec![] } else { vec!["modified log/a.log"] }, "{content:?}");
    }
    tree.file("log/a.log", b"one\n");
    tree.file("log/b.log", b"");
    assert_eq!(kinds(&tree.findings(&sealed, &rules)), ["new log/b.log"]);
    tree.remove("log/b.log");
    chmod(&tree.path("log/a.log"), 0o600);
    assert_eq!(kinds(&tree.findings(&sealed, &rules)), ["mode log/a.log"]);
}

#[test]
fn a_sparse_giant_is_not_read() {
    let tree = sample();
    let sealed = tree.seal(&rules());
    let giant = fs::File::options().write(true).open(tree.path("app/util.py")).unwrap();
    giant.set_len(1 << 40).unwrap();
    let found = tree.compare_with(&sealed, &rules(), support::SHA256, 4);
    assert_eq!(kinds(&found.findings), ["modified app/util.py"]);
    assert!(found.bytes_hashed <= sealed.total_bytes);
}

#[test]
fn a_folder_of_many_entries_and_a_chain_of_many_folders_are_scanned() {
    let tree = Tree::new();
    for number in 0..3000 {
        tree.file(&format!("many/{number}"), number.to_string().as_bytes());
    }
    tree.file(&format!("{}end", "d/".repeat(400)), b"end");
    let sealed = tree.seal(&rules());
    assert_eq!((sealed.refusals.len(), sealed.file_count), (0, 3001));
    assert_eq!(tree.findings(&sealed, &rules()), []);
    tree.file("many/1234", b"x");
    tree.remove("many/77");
    tree.file("many/a", b"");
    let wanted = ["modified many/1234", "missing many/77", "new many/a"];
    assert_eq!(kinds(&tree.findings(&sealed, &rules())), wanted);
}

#[test]
fn a_path_that_is_too_long_is_refused_and_does_not_end_the_scan() {
    let tree = sample();
    let sealed = tree.seal(&rules());
    tree.deep(30, 200);
    assert!(kinds(&tree.seal(&rules()).refusals)[0].starts_with("path_too_long"));
    let found = tree.findings(&sealed, &rules());
    assert_eq!((found.len(), found[0].kind.name()), (1, "new"));
}

#[test]
fn file_that_is_written_while_it_is_read_is_never_verified() {
    let tree = Tree::new();
    let path = tree.file("hot", &vec![1; 8 << 20]);
    let sealed = tree.seal(&rules());
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            }
        });
        let found = tree.compare_with(&sealed, &rules(), support::SHA256, 2);
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(kinds(&found.findings), ["changing hot"]);
        assert_eq!(found.verified_files, 0);
    });
    assert_eq!(tree.findings(&sealed, &rules()), []);
}

#[test]
fn capabilities_are_sealed_and_compared() {
    // Version 2, effective: CAP_NET_RAW (linux/capability.h).
    let raw = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let tree = sample();
    let sealed = tree.seal(&rules());
    let name = c"security.capability";
    let set =
        rustix::fs::setxattr(tree.path("bin/run"), name, raw, rustix::fs::XattrFlags::empty());
    if set.is_err() {
        eprintln!("skipped: setting a capability takes CAP_SETFCAP");
        return;
    }
    assert_eq!(kinds(&tree.findings(&sealed, &rules())), ["capability bin/run"]);
    let with = tree.seal(&rules());
    assert_eq!(tree.findings(&with, &rules()), []);
    rustix::fs::removexattr(tree.path("bin/run"), name).unwrap();
    assert_eq!(kinds(&tree.findings(&with, &rules())), ["capability bin/run"]);
    assert_eq!(tree.findings(&sealed, &rules()), []);
}

#[test]
fn owners_are_compared_where_the_policy_asks() {
    let tree = sample();
    let asking = rules_with(|_| (), true, false);
    let sealed = tree.seal(&asking);
    assert_eq!(tree.findings(&sealed, &asking), []);
    if std::os::unix::fs::chown(tree.path("app/main.py"), Some(1234), Some(5678)).is_err() {
        eprintln!("skipped: giving a file away takes CAP_CHOWN");
        return;
    }
    assert_eq!(kinds(&tree.findings(&sealed, &asking)), ["owner app/main.py"]);
    assert_eq!(tree.findings(&sealed, &rules()), []);
    let again = tree.seal(&asking);
    assert_eq!(tree.findings(&again, &asking), []);
    std::os::unix::fs::lchown(tree.path("dangling"), Some(1234), None).unwrap();
    assert_eq!(kinds(&tree.findings(&again, &asking)), ["owner dangling"]);
}
