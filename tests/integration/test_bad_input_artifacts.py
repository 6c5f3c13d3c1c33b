"""Bad input, artifacts: missing one by one, empty, truncated, huge, nested, of another coding."""

import json
import os
import shutil
import time
from collections.abc import Callable

import pytest
from tests.conftest import RunDuri, Tree
from tests.integration.shop import Shop, complaint, sealed

CONTENT = ("checksums.json", "deployment_metadata.json", "provenance.json")
SIGNATURES = ("checksums.sig", "deployment_metadata.sig", "provenance.sig")
EVERY = (*CONTENT, *SIGNATURES)


@pytest.fixture
def shop(tree: Tree, run_duri: RunDuri) -> Shop:
    """Return a sealed and verified shop."""
    return sealed(tree, run_duri)


@pytest.mark.parametrize("left", ["no folder", "an empty folder"])
def test_no_artifacts_leave_no_verdict(left: str, shop: Shop) -> None:
    shutil.rmtree(shop.artifacts)
    if left == "an empty folder":
        shop.artifacts.mkdir()
    ran = shop.verify(check=13)
    assert f"  {shop.artifacts}  no artifacts; there are no artifacts here" in ran.out
    assert "artifacts kept elsewhere are named with --artifacts" in ran.out
    export = complaint(shop.duri("export", shop.root, "--sha256sum"), 13)
    assert export.startswith(f"{shop.artifacts}: there are no artifacts here")


@pytest.mark.parametrize("name", EVERY[:-1])
def test_missing_artifact_is_tampered(name: str, shop: Shop) -> None:
    (shop.artifacts / name).unlink()
    report = shop.report()
    assert report["status"] == "tampered"
    kinds = {one["kind"] for one in report["findings"] if one["path"] == name}
    assert kinds & {"artifact_missing", "signature_missing"}, report


def test_third_copy_of_the_signature_may_be_missing(shop: Shop) -> None:
    # Decision 0001: deployments that know five artifacts do not copy a sixth.
    (shop.artifacts / "provenance.sig").unlink()
    assert shop.found() == set()


SPOILED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "truncated": lambda data: data[:-2],
    "halved": lambda data: data[: len(data) // 2],
    "with something behind it": lambda data: data + b" ",
    "with a byte flipped": lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:],
    "deeply nested": lambda _: b'{"a":' * 100_000,
    "not UTF-8": lambda data: data.replace(b'": ', b'\xff": ', 1),
    "with NUL": lambda data: data.replace(b'": ', b'\0": ', 1),
}


# Content is hashed before it is parsed, so one way stands for all; a signature is parsed first.
WAYS = {**dict.fromkeys(EVERY, ("empty", "truncated")), "checksums.sig": tuple(SPOILED)}


@pytest.mark.parametrize("name", EVERY)
def test_spoiled_artifact_is_tampered(name: str, shop: Shop) -> None:
    path = shop.artifacts / name
    good = path.read_bytes()
    for kind in WAYS[name]:
        spoil = SPOILED[kind]
        path.write_bytes(spoil(good))
        report = shop.report(timeout=20)
        assert report["status"] == "tampered", (kind, report)
        assert name in {one["path"] for one in report["findings"]}, (kind, report)
        assert all(one["detail"] for one in report["findings"]), (kind, report)
    path.write_bytes(good)
    assert shop.found() == set()


@pytest.mark.parametrize("name", EVERY)
def test_huge_artifact_is_refused_before_it_is_read(name: str, shop: Shop) -> None:
    os.truncate(shop.artifacts / name, 5 << 30)
    begin = time.monotonic()
    report = shop.report(timeout=20)
    assert time.monotonic() - begin < 20
    assert report["status"] == "tampered"
    (finding,) = [one for one in report["findings"] if one["kind"] == "artifact_malformed"]
    assert finding["path"] == name
    assert "larger than the " in finding["detail"]


@pytest.mark.parametrize("name", EVERY)
def test_artifact_of_another_type_is_tampered_and_never_blocks(name: str, shop: Shop) -> None:
    (shop.artifacts / name).rename(shop.root.parent / "kept")
    os.mkfifo(shop.artifacts / name)
    assert ("artifact_unexpected", name) in shop.found(timeout=20)
    (shop.artifacts / name).unlink()
    (shop.artifacts / name).symlink_to(shop.root.parent / "kept")
    assert ("artifact_unexpected", name) in shop.found()
    shop.verify(check=11)


def test_foreign_file_among_the_artifacts_is_tampered(shop: Shop) -> None:
    (shop.artifacts / "hook.sh").write_bytes(b"")
    ran = shop.verify(check=11)
    assert "  hook.sh  foreign file" in ran.out
    (shop.artifacts / "hook.sh").unlink()
    shop.verify(check=0)


def test_artifacts_folder_that_is_a_link_is_tampered(shop: Shop) -> None:
    shop.artifacts.rename(shop.root.parent / "evidence")
    shop.artifacts.symlink_to(shop.root.parent / "evidence")
    assert shop.report()["status"] == "tampered"
    # Named on purpose it is where it is; then `.duri` is one more new link.
    report = shop.report("--artifacts", str(shop.root.parent / "evidence"))
    assert [(one["kind"], one["path"]) for one in report["findings"]] == [("new", ".duri")]
    shop.artifacts.unlink()
    shop.verify("--artifacts", str(shop.root.parent / "evidence"), check=0)


UNSIGNED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "duplicate path": (
        "checksums.json",
        lambda data: data.replace(b'"shop.py"', b'"lib/prices.py"'),
    ),
    "path with ..": ("checksums.json", lambda data: data.replace(b'"shop.py"', b'"../shop.py"')),
    "absolute path": ("checksums.json", lambda data: data.replace(b'"shop.py"', b'"/shop.py"')),
    "path with NUL": (
        "checksums.json",
        lambda data: data.replace(b'"shop.py"', b'"shop\\u0000.py"'),
    ),
    "a digest of another length": (
        "checksums.json",
        lambda data: data.replace(b'",\n', b'0",\n', 1),
    ),
    "duplicate field": (
        "deployment_metadata.json",
        lambda data: data.replace(b'  "mode"', b'  "mode": "lenient",\n  "mode"'),
    ),
    "unknown field": (
        "deployment_metadata.json",
        lambda data: data.replace(b'  "mode"', b'  "mod": 1,\n  "mode"'),
    ),
    "a float": (
        "deployment_metadata.json",
        lambda data: data.replace(b'"file_count": ', b'"file_count": 1.'),
    ),
    "a number beyond all bounds": (
        "deployment_metadata.json",
        lambda data: data.replace(b'"sequence": ', b'"sequence": ' + b"9" * 5000),
    ),
}


@pytest.mark.parametrize("kind", UNSIGNED)
def test_malformed_unsigned_artifact_is_tampered_in_lenient_mode_too(kind: str, shop: Shop) -> None:
    lenient = {"DURI_INTEGRITY_MODE": "lenient"}
    shop.duri("seal", shop.root, "--version", "1", env=lenient, check=0)
    shop.duri("verify", shop.root, env=lenient, check=0)
    name, spoil = UNSIGNED[kind]
    good = (shop.artifacts / name).read_bytes()
    bad = spoil(good)
    assert bad != good
    (shop.artifacts / name).write_bytes(bad)
    ran = shop.duri("verify", shop.root, "--json", env=lenient, check=11)
    report = json.loads(ran.stdout)
    assert name in {one["path"] for one in report["findings"]}, report
    assert not (shop.root.parent / "shop.py").exists()


def test_export_of_spoiled_artifacts_says_what_is_wrong(shop: Shop) -> None:
    good = shop.duri("export", shop.root, "--sha256sum", check=0)
    assert len(good.out.splitlines()) == 3
    path = shop.artifacts / "checksums.json"
    path.write_bytes(path.read_bytes().replace(b'"shop.py"', b'"../shop.py"'))
    ran = shop.duri("export", shop.root, "--sha256sum")
    assert "checksums.json: malformed" in complaint(ran, 11)
    assert ran.stdout == b""
    path.unlink()
    assert "checksums.json" in complaint(shop.duri("export", shop.root, "--sha256sum"), 13)
