"""Artifacts that a watcher leaves on disk: judged as those in memory are, and never parsed unseen.

Each change of the evidence is judged in both ways and must give the same findings; checksums that
are not the ones that were judged are never compared with.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from tests.attack import releases
from tests.attack.releases import LATER, Release, make, new_key, ring_of

from duri import inspection
from duri.errors import UnverifiableError
from duri.evidence import folder, release
from duri.inspection import Case, Weighed
from duri.settings import Settings
from duri.tree import scan
from duri.tree.digest import sha256
from duri.verdict import Kind, Status, conclude
from duri.watch import basis
from duri.watch.basis import Basis

SBOM = "sbom.spdx.json"


class Place(NamedTuple):
    """A release and its root, open."""

    made: Release
    root_fd: int

    @property
    def case(self) -> Case:
        """What is verified."""
        return Case(root=os.fspath(self.made.root), settings=Settings(), keyring=self.made.ring)

    @property
    def checksums(self) -> Path:
        """The file that is left on disk."""
        return self.made.folder / release.CHECKSUMS

    def weigh(self, *, leave_large: bool) -> Weighed:
        """Weigh the evidence."""
        return inspection.weigh(self.case, self.root_fd, now=LATER, leave_large=leave_large)

    def base(self, last: Basis | None = None) -> Basis:
        """Weigh the evidence as a watcher does."""
        return basis.weigh(self.case, self.root_fd, last, now=LATER)

    def read(self, *, leave_large: bool) -> folder.Artifacts:
        """Read the artifacts."""
        location = folder.locate(self.case.root, None)
        return folder.read(location, root_fd=self.root_fd, leave_large=leave_large)

    def status(self, based: Basis) -> Status:
        """Compare the tree with a basis."""
        compared = inspection.compare(self.case, self.root_fd, based.weighed, parsed=based.baseline)
        return conclude([*based.weighed.findings, *compared.findings])


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Return a release that is verified, and its root."""
    made = make(tmp_path / "app")
    root_fd = os.open(made.root, os.O_RDONLY | os.O_DIRECTORY)
    yield Place(made, root_fd)
    os.close(root_fd)


def successor(place: Place, tmp_path: Path) -> Release:
    """Return another release by the same key, whose checksums have the same size."""
    files = dict(releases.CODE) | {"main.py": b"print('other')\n"}
    made = make(tmp_path / "next", place.made.ring, files=files, sequence=101)
    assert (made.folder / release.CHECKSUMS).stat().st_size == place.checksums.stat().st_size
    return made


def install(place: Place, made: Release) -> None:
    """Replace the artifacts by those of another release."""
    for name, data in made.read().items():
        (place.made.folder / name).write_bytes(data)


def flipped(path: Path) -> None:
    """Change one byte in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def appended(path: Path) -> None:
    """Add a newline."""
    path.write_bytes(path.read_bytes() + b"\n")


def cut(path: Path) -> None:
    """Take the last byte away."""
    path.write_bytes(path.read_bytes()[:-1])


def replaced(path: Path) -> None:
    """Put a FIFO in its place."""
    path.unlink()
    os.mkfifo(path)


CHANGES: list[Callable[[Path], None]] = [flipped, appended, cut, replaced, Path.unlink]


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.__name__)
@pytest.mark.parametrize("name", [release.CHECKSUMS, release.METADATA, release.PROVENANCE])
def test_changed_evidence_is_judged_alike_wherever_it_is_kept(
    place: Place, name: str, change: Callable[[Path], None]
) -> None:
    assert place.weigh(leave_large=True).is_authentic
    assert place.weigh(leave_large=False).is_authentic
    change(place.made.folder / name)
    left, kept = place.weigh(leave_large=True), place.weigh(leave_large=False)
    assert left.findings == kept.findings
    assert not left.is_authentic
    assert not kept.is_authentic
    assert left.evidence.metadata == kept.evidence.metadata
    assert {*left.evidence.content, *left.evidence.on_disk} == {*kept.evidence.content}


def test_artifacts_that_no_signature_names_are_refused_alike(place: Place) -> None:
    (place.made.folder / SBOM).write_bytes(b"{}")
    left, kept = place.weigh(leave_large=True), place.weigh(leave_large=False)
    assert left.findings == kept.findings
    assert [one.kind for one in left.findings] == [Kind.ARTIFACT_UNEXPECTED]
    assert SBOM not in left.evidence.on_disk


def test_large_artifacts_are_left_with_their_size_and_digest_alone(place: Place) -> None:
    data = place.checksums.read_bytes()
    left, kept = place.read(leave_large=True), place.read(leave_large=False)
    assert left.on_disk == {release.CHECKSUMS: folder.OnDisk(size=len(data), sha256=sha256(data))}
    assert left.names() == kept.names()
    assert {name: left.digests[name] for name in left.names()} == {
        name: kept.digests[name] for name in kept.names()
    }
    assert release.CHECKSUMS not in left.files
    assert kept.files[release.CHECKSUMS] == data
    assert not kept.on_disk


def test_artifact_larger_than_it_may_be_is_not_left_but_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = place.checksums.stat().st_size
    monkeypatch.setitem(folder.LIMITS, release.CHECKSUMS, size)
    assert not place.read(leave_large=True).problems
    monkeypatch.setitem(folder.LIMITS, release.CHECKSUMS, size - 1)
    (problem,) = place.read(leave_large=True).problems
    assert problem.kind is Kind.ARTIFACT_MALFORMED


def test_artifact_that_grows_beyond_its_limit_while_it_is_read_is_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = place.checksums.stat().st_size
    monkeypatch.setitem(folder.LIMITS, release.CHECKSUMS, size)
    read = os.read
    grown: list[int] = []

    def growing(fd: int, length: int) -> bytes:
        if os.path.samestat(os.fstat(fd), place.checksums.stat()) and not grown:
            grown.append(fd)
            appended(place.checksums)
        return read(fd, length)

    monkeypatch.setattr(os, "read", growing)
    artifacts = place.read(leave_large=True)
    assert grown
    assert [one.kind for one in artifacts.problems] == [Kind.ARTIFACT_MALFORMED]
    assert release.CHECKSUMS not in artifacts.names()


def test_what_is_left_on_disk_is_never_parsed(place: Place) -> None:
    weighed = place.weigh(leave_large=True)
    assert weighed.evidence.usable
    with pytest.raises(UnverifiableError):
        inspection.baseline(weighed)
    compared = inspection.compare(place.case, place.root_fd, weighed)
    assert conclude(compared.findings) is Status.UNVERIFIABLE
    metadata = weighed.evidence.metadata
    assert metadata is not None
    with pytest.raises(TypeError):
        scan.baseline(
            checksums=weighed.evidence.on_disk[release.CHECKSUMS],  # type: ignore[arg-type]
            attributes=None,
            policy=metadata.policy,
            algorithm=metadata.hash_algorithm,
        )
    # The twin: with its bytes it is.
    assert inspection.baseline(place.weigh(leave_large=False)) is not None


def test_same_evidence_is_parsed_once(place: Place) -> None:
    first = place.base()
    assert place.status(first) is Status.VERIFIED
    again = place.base(first)
    assert again.baseline is first.baseline
    assert release.CHECKSUMS not in again.weighed.evidence.content
    os.utime(place.checksums)
    assert place.base(again).baseline is first.baseline


def test_other_evidence_of_the_same_size_is_parsed_anew(place: Place, tmp_path: Path) -> None:
    first = place.base()
    install(place, successor(place, tmp_path))
    other = place.base(first)
    assert other.baseline is not None
    assert other.baseline is not first.baseline
    assert place.status(other) is Status.CORRUPTED
    shutil.copy2(tmp_path / "next" / "main.py", place.made.root / "main.py")
    assert place.status(place.base(other)) is Status.VERIFIED


def test_other_metadata_over_the_same_checksums_are_parsed_anew(place: Place) -> None:
    first = place.base()
    releases.resign(place.made, metadata={"version": "1.0.1"})
    other = place.base(first)
    assert other.weighed.evidence.on_disk == first.weighed.evidence.on_disk
    assert other.baseline is not None
    assert other.baseline is not first.baseline
    assert place.status(other) is Status.VERIFIED


@pytest.mark.parametrize("field", ["sha256", "size"])
def test_other_checksums_under_the_same_metadata_are_parsed_anew(place: Place, field: str) -> None:
    """Metadata of older schemas do not name the checksums."""
    first = place.base()
    evidence = first.weighed.evidence
    others = {"sha256": sha256(b""), "size": 1}
    said = msgspec.structs.replace(evidence.on_disk[release.CHECKSUMS], **{field: others[field]})
    evidence = msgspec.structs.replace(evidence, on_disk={release.CHECKSUMS: said})
    weighed = msgspec.structs.replace(first.weighed, evidence=evidence)
    after = place.base(Basis(weighed=weighed, baseline=first.baseline))
    assert after.baseline is not None
    assert after.baseline is not first.baseline


def test_checksums_of_one_changed_byte_are_not_compared_with(place: Place) -> None:
    first = place.base()
    flipped(place.checksums)
    other = place.base(first)
    assert other.baseline is None
    assert place.status(other) is Status.TAMPERED


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.__name__)
def test_checksums_changed_after_they_were_judged_are_judged_again(
    place: Place, change: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = folder.open_file

    def after_a_change(location: folder.Location, name: str, *, root_fd: int) -> int:
        change(place.checksums)
        return opened(location, name, root_fd=root_fd)

    monkeypatch.setattr(folder, "open_file", after_a_change)
    based = place.base()
    assert based.baseline is None
    assert place.status(based) in {Status.TAMPERED, Status.UNVERIFIABLE}
    assert not based.weighed.is_authentic


def test_release_replaced_after_it_was_judged_is_compared_with_its_successor(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = successor(place, tmp_path)
    opened = folder.open_file

    def after_a_release(location: folder.Location, name: str, *, root_fd: int) -> int:
        install(place, made)
        return opened(location, name, root_fd=root_fd)

    with monkeypatch.context() as patched:
        patched.setattr(folder, "open_file", after_a_release)
        based = place.base()
    metadata = based.weighed.evidence.metadata
    assert isinstance(metadata, release.Metadata)
    assert metadata.sequence == 101
    assert place.status(based) is Status.CORRUPTED
    # Its bytes were kept this once; the next look leaves them on disk.
    assert release.CHECKSUMS in based.weighed.evidence.content
    after = place.base(based)
    assert release.CHECKSUMS not in after.weighed.evidence.content
    assert place.status(after) is Status.CORRUPTED


def test_malformed_checksums_that_are_well_signed_are_a_finding(place: Place) -> None:
    releases.resign(place.made, checksums=b"{ }\n")
    based = place.base()
    assert based.baseline is None
    compared = inspection.compare(place.case, place.root_fd, based.weighed, parsed=None)
    assert [one.kind for one in compared.findings] == [Kind.ARTIFACT_MALFORMED]


@pytest.mark.parametrize("algorithm", release.HASH_ALGORITHMS)
def test_release_without_files_and_with_any_hash_is_verified(
    tmp_path: Path, algorithm: str
) -> None:
    for name, files in (("some", releases.CODE), ("none", {})):
        (tmp_path / name).mkdir()
        made = make(tmp_path / name, ring_of(new_key()), algorithm=algorithm, files=files)
        root_fd = os.open(made.root, os.O_RDONLY)
        here = Place(made, root_fd)
        based = here.base()
        assert based.baseline is not None
        assert here.status(based) is Status.VERIFIED
        assert here.base(msgspec.structs.replace(based)).baseline is based.baseline
        (made.root / "planted").write_bytes(b"")
        assert here.status(based) is Status.CORRUPTED
        os.close(root_fd)
