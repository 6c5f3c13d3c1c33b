"""What each kind of finding is called, where a report lists it, and what it means.

Guarantees: every `duri.verdict.Kind` is here, so a new kind without words fails the tests and not
an engineer at night. The words are for people; programs compare the kind itself.
"""

import enum

import msgspec

from duri.verdict import Finding, Kind, Status


class Group(enum.StrEnum):
    """The headings of a report, in the order in which they are read."""

    UNVERIFIABLE = "No verdict because of"
    EVIDENCE = "Evidence"
    CHANGED = "Changed"
    MISSING = "Missing"
    NEW = "New"
    ATTRIBUTES = "Attributes"
    POLICY = "Policy"
    NOTES = "Notes"


class Meaning(msgspec.Struct, frozen=True):
    """The group a kind is listed under, its name in a few words, and one sentence about it."""

    group: Group
    title: str
    help: str


_U, _E, _A, _P = Group.UNVERIFIABLE, Group.EVIDENCE, Group.ATTRIBUTES, Group.POLICY

MEANINGS: dict[Kind, Meaning] = {
    Kind.ROOT_UNUSABLE: Meaning(
        _U, "root cannot be used", "The folder to verify is missing or cannot be opened."
    ),
    Kind.ARTIFACTS_MISSING: Meaning(
        _U, "no artifacts", "The folder holds no evidence of a release, so nothing can be compared."
    ),
    Kind.KEYRING_UNUSABLE: Meaning(
        _U, "keyring cannot be used", "Without a usable key no signature can be checked."
    ),
    Kind.UNREADABLE: Meaning(
        _U, "cannot be read", "The verifier lacks the right to read what was sealed."
    ),
    Kind.IO_ERROR: Meaning(
        _U, "read error", "The disk or file system failed while a file was read."
    ),
    Kind.SCAN_INCOMPLETE: Meaning(
        _U, "scan cut short", "The scan ended before it had seen the whole tree."
    ),
    Kind.SCHEMA_UNKNOWN: Meaning(
        _U, "newer schema", "The release was sealed in a format newer than this DuRi reads."
    ),
    Kind.HASH_UNKNOWN: Meaning(
        _U, "unknown hash", "The release names a hash algorithm that this DuRi does not know."
    ),
    Kind.CLOCK_BEHIND: Meaning(
        _U, "clock is behind", "The clock shows a time before one that was already seen."
    ),
    Kind.STATE_UNUSABLE: Meaning(
        _U, "state cannot be used", "What DuRi remembers between runs is unreadable or malformed."
    ),
    Kind.SETTING_UNUSABLE: Meaning(
        _U, "wrong setting", "A setting has a value that it cannot have."
    ),
    Kind.SIGNATURE_MISSING: Meaning(
        _E, "signature missing", "A release must be signed here, and a signature file is missing."
    ),
    Kind.SIGNATURE_MALFORMED: Meaning(
        _E, "signature malformed", "A signature file is not a signature envelope."
    ),
    Kind.SIGNATURE_INVALID: Meaning(
        _E, "signature invalid", "A signature by a known key does not fit what it signs."
    ),
    Kind.SIGNATURE_UNTRUSTED: Meaning(
        _E, "signature not trusted", "No key that may sign this release has signed it."
    ),
    Kind.ARTIFACT_MISSING: Meaning(
        _E, "artifact missing", "A file of the evidence that was signed is not there."
    ),
    Kind.ARTIFACT_MISMATCH: Meaning(
        _E, "artifact differs", "A file of the evidence is not the one that was signed."
    ),
    Kind.ARTIFACT_UNEXPECTED: Meaning(
        _E, "foreign file", "The artifacts folder holds something that no signature names."
    ),
    Kind.ARTIFACT_MALFORMED: Meaning(
        _E, "artifact malformed", "A file of the evidence is not what its name says."
    ),
    Kind.ARTIFACTS_MIXED: Meaning(
        _E, "artifacts mixed", "The evidence is put together from two releases."
    ),
    Kind.PRODUCT_MISMATCH: Meaning(
        _E, "other product", "The evidence is authentic, and of another product."
    ),
    Kind.ENVIRONMENT_MISMATCH: Meaning(
        _E, "other environment", "The evidence is authentic, and of another environment."
    ),
    Kind.BELOW_FLOOR: Meaning(
        _E, "older than allowed", "The release is older than the oldest that may run here."
    ),
    Kind.HASH_WEAK: Meaning(
        _E, "hash too weak", "The release was sealed with a weaker hash than is allowed."
    ),
    Kind.PROVENANCE_MISMATCH: Meaning(
        _E, "provenance differs", "The provenance speaks of other artifacts than these."
    ),
    Kind.SBOM_MISMATCH: Meaning(
        _E, "SBOM differs", "The bill of materials is not the one that the provenance names."
    ),
    Kind.MODIFIED: Meaning(Group.CHANGED, "content", "The content differs from what was sealed."),
    Kind.MISSING: Meaning(Group.MISSING, "missing", "Something that was sealed is not there."),
    Kind.NEW: Meaning(Group.NEW, "new", "Something is there that was not sealed."),
    Kind.TYPE: Meaning(
        Group.CHANGED, "type", "A file, folder or link was replaced by something of another type."
    ),
    Kind.MODE: Meaning(_A, "mode", "The permissions differ from those that were sealed."),
    Kind.LINK_TARGET: Meaning(
        Group.CHANGED, "link target", "A symbolic link points elsewhere than when it was sealed."
    ),
    Kind.CAPABILITY: Meaning(
        _A, "capability", "The file capabilities differ from the sealed ones."
    ),
    Kind.OWNER: Meaning(_A, "owner", "The owner differs from the sealed one."),
    Kind.HARD_LINK: Meaning(
        _A, "hard link", "The file has another name outside the tree, by which it can be edited."
    ),
    Kind.MOUNT_POINT: Meaning(
        Group.CHANGED, "mount point", "Another file system is mounted over a part of the tree."
    ),
    Kind.CHANGING: Meaning(
        Group.CHANGED, "changing", "The file changed while it was read, so it is being written."
    ),
    Kind.EXECUTABLE: Meaning(
        _A, "executable", "A file that may change must never be executable, and this one is."
    ),
    Kind.SCHEMA_OLDER: Meaning(
        _P, "older schema", "The release was sealed in an older format than is asked for now."
    ),
    Kind.ALGORITHM_DIFFERS: Meaning(
        _P, "hash algorithm", "The release was sealed with another hash than is declared now."
    ),
    Kind.MODE_DIFFERS: Meaning(
        _P, "mode", "The release was sealed in another mode than is declared now."
    ),
    Kind.IGNORE_DIFFERS: Meaning(
        _P, "ignore patterns", "The declared ignore patterns are not the sealed ones."
    ),
    Kind.MUTABLE_DIFFERS: Meaning(
        _P, "mutable patterns", "The declared mutable patterns are not the sealed ones."
    ),
    Kind.THRESHOLD_DIFFERS: Meaning(
        _P, "spike threshold", "The declared spike threshold is not the sealed one."
    ),
    Kind.UNSIGNED: Meaning(
        Group.NOTES, "unsigned", "The release is not signed, so nothing says who sealed it."
    ),
    Kind.KEY_OVERDUE: Meaning(
        Group.NOTES, "key overdue", "A signing key is older than its rotation period."
    ),
    Kind.CONFIGURATION_IGNORED: Meaning(
        Group.NOTES, "setting not obeyed", "A setting would loosen the sealed policy."
    ),
    Kind.KEYRING_WEAK: Meaning(
        Group.NOTES, "weak key handling", "The keys are kept in a way that prod refuses."
    ),
    Kind.UNNAMED: Meaning(
        Group.NOTES, "more than is named", "More differs than a watcher keeps the names of."
    ),
}


def group_of(finding: Finding) -> Group:
    """Return the heading for a finding; one that does not fail is a note, whatever its kind.

    A new file in lenient mode is such a note. A finding of the tree or the evidence that leaves no
    verdict (a folder that could not be opened) is listed where the reason is looked for.
    """
    if finding.status is Status.VERIFIED:
        return Group.NOTES
    if finding.status is Status.UNVERIFIABLE:
        return Group.UNVERIFIABLE
    return MEANINGS[finding.kind].group
