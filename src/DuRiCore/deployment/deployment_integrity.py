"""`deployment_integrity`: seal and verify the working folder, or DURI_INTEGRITY_ROOT.

Guarantees:

1. Environment and working folder are read at each call and never at import, so one object serves a
   process whose settings change.
2. Every answer is `duri.verify`'s; nothing of the evidence is returned before a signature vouched
   for it.
3. `create_provenance` signs anew only what is verified, and seals nothing again, so that describing
   a build never blesses a change or another policy.

Left to `duri`: everything else. Lists hold paths as `os.fsdecode` gives them, so `os.fsencode`
gives the exact name back.
"""

import os
import time
from collections.abc import Mapping

import msgspec

from duri import settings, times
from duri.errors import UsageError
from duri.evidence import anchor, findings, release, signing
from duri.evidence.countersignature import describe_build
from duri.evidence.folder import locate
from duri.report.kinds import MEANINGS, Group
from duri.seal import Seal, seal
from duri.settings import Settings
from duri.verdict import Finding, Kind, Status, Verdict
from duri.verify import verify

_PROVENANCE = frozenset({Kind.PROVENANCE_MISMATCH, Kind.SBOM_MISMATCH})


class IntegrityResult(dict[str, object]):
    """What `verify_integrity` returns: a dict, with the verdict that it was made from beside it."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(_result(verdict))
        self.verdict = verdict


class DeploymentIntegrity:
    """One deployment, by its root.

    Args:
        root: the folder; DURI_INTEGRITY_ROOT, else the working folder at each call, when None.
        artifacts: the folder that holds the evidence; as the settings say when None.
        keyring: the file that holds the keys; as the settings say when None.
        product: as the settings say when None.
        environment: likewise.
        mode: `strict` or `lenient`; likewise.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        *,
        artifacts: str | os.PathLike[str] | None = None,
        keyring: str | os.PathLike[str] | None = None,
        product: str | None = None,
        environment: str | None = None,
        mode: str | None = None,
    ) -> None:
        self._flags: dict[str, object] = {
            "root": None if root is None else os.fspath(root),
            "artifacts": None if artifacts is None else os.fspath(artifacts),
            "keyring": None if keyring is None else os.fspath(keyring),
            "product": product,
            "environment": environment,
            "mode": mode,
        }

    def create_deployment_metadata(self, version: str) -> dict[str, object]:
        """Seal the root as a release and return its metadata.

        Raises:
            DuriError: it could not be sealed; the artifacts before it are untouched.
        """
        root = self._root()
        sealed = seal(root, version=version, settings=settings.load(flags=self._flags))
        return _metadata(sealed)

    def verify_integrity(self) -> IntegrityResult:
        """Verify the root and return the result as a dict; a wrong setting is `unverifiable`."""
        return IntegrityResult(self._verify())

    def create_provenance(self, build_info: Mapping[str, object]) -> dict[str, object]:
        """Put what is known of the build into the release's provenance, and return that.

        The provenance is among what is signed, so the release is signed anew; what was sealed, and
        under which policy, stays as it is.

        Args:
            build_info: JSON values, such as a commit and a build's address; nothing secret.

        Raises:
            UsageError: there is no release, or what is here is not it any more.
        """
        verdict = self._verify()
        if verdict.status is not Status.VERIFIED or verdict.version is None:
            raise UsageError(
                "only a verified release gets a provenance",
                where=verdict.root,
                expected=Status.VERIFIED.value,
                got=verdict.status.value,
                todo="Seal it first: create_deployment_metadata(version).",
            )
        found = self._settings(verdict.root)
        now = int(time.time())
        loaded = anchor.load(None, settings=found, now=now) if verdict.signatures else None
        signers = signing.Signers()
        if loaded is not None:
            signers = signing.choose(
                loaded.keyring,
                now=now,
                dual_verify=found.dual_verify,
                period_days=found.rotation_period_days,
            )
        written = describe_build(
            verdict.root,
            _json(build_info),
            keyring=None if loaded is None else loaded.keyring,
            signers=signers,
            now=now,
            artifacts=found.artifacts,
        )
        return msgspec.json.decode(written, type=dict[str, object])

    def verify_provenance(self) -> dict[str, object]:
        """Verify the release and say whether its provenance is authentic and about it.

        What is wrong with the tree, or with the policy, is not held against the provenance.
        """
        verdict = self._verify()
        problems = [
            finding
            for finding in verdict.findings
            if finding.status in {Status.UNVERIFIABLE, Status.TAMPERED}
        ]
        return {
            "provenance_verified": verdict.deployment_id is not None and not problems,
            "status": verdict.status.value,
            "deployment_id": verdict.deployment_id,
            "mismatch": any(finding.kind in _PROVENANCE for finding in problems),
            "problems": [_sentence(finding) for finding in problems],
        }

    def get_deployment_info(self) -> dict[str, object]:
        """Verify the root and return what the release says of itself, None where unauthentic."""
        verdict = self._verify()
        return {
            "integrity_verified": verdict.status is Status.VERIFIED,
            "status": verdict.status.value,
            "deployment_id": verdict.deployment_id,
            "product": verdict.product,
            "environment": verdict.environment,
            "version": verdict.version,
            "sequence": verdict.sequence,
            "created_at": verdict.created_at,
            "schema_version": verdict.schema_version,
            "hash_algorithm": verdict.hash_algorithm,
            "hash_version": verdict.hash_version,
            "mode": verdict.mode,
            "root": verdict.root,
            "artifacts": locate(verdict.root, self._settings(verdict.root).artifacts).path,
        }

    def _root(self) -> str:
        # A duri.toml in the working folder may be part of what is judged, so it names no root.
        found = settings.load(flags=self._flags, verifying=os.getcwd()).root
        return os.path.abspath(found or os.getcwd())

    def _settings(self, root: str) -> Settings:
        return settings.load(flags=self._flags, verifying=root)

    def _verify(self) -> Verdict:
        """Verify; a wrong setting leaves no verdict, and must not leave the last one standing."""
        try:
            root = self._root()
            return verify(root, settings=self._settings(root))
        except (UsageError, FileNotFoundError) as error:
            # A working folder that was deleted has no name either.
            wrong = error if isinstance(error, UsageError) else UsageError(str(error))
            return Verdict(
                status=Status.UNVERIFIABLE,
                root=os.curdir,
                checked_at=times.write(int(time.time())),
                findings=(findings.unverifiable(Kind.SETTING_UNUSABLE, wrong),),
            )


deployment_integrity = DeploymentIntegrity()
"""The deployment in the working folder, or where DURI_INTEGRITY_ROOT says."""


def _result(verdict: Verdict) -> dict[str, object]:
    missing = _paths(verdict, {Group.MISSING})
    new = _paths(verdict, {Group.NEW})
    modified = _paths(verdict, {Group.CHANGED, Group.ATTRIBUTES}) - missing - new
    policy = verdict.policy
    return {
        "integrity_verified": verdict.status is Status.VERIFIED,
        "status": verdict.status.value,
        "deployment_id": verdict.deployment_id,
        "schema_version": verdict.schema_version,
        "hash_algorithm": verdict.hash_algorithm,
        "hash_version": verdict.hash_version,
        "mode": verdict.mode,
        "summary": msgspec.structs.asdict(verdict.summary),
        "modified_files": _decoded(modified),
        "missing_files": _decoded(missing),
        "new_files": _decoded(new),
        "ignore_info": {
            "current_hash": policy.current_hash,
            "stored_hash": policy.stored_hash,
            "mismatch": policy.mismatch,
        },
        "signatures": _signatures(verdict),
    }


def _signatures(verdict: Verdict) -> dict[str, bool | None]:
    """Say of each signature whether it is good; None only for a release accepted unsigned."""
    if any(finding.kind is Kind.UNSIGNED for finding in verdict.findings):
        return {"checksums_hmac_ok": None, "metadata_hmac_ok": None, "enabled": False}
    good = {check.name for check in verdict.signatures if check.ok}
    return {
        "checksums_hmac_ok": release.CHECKSUMS_SIGNATURE in good,
        "metadata_hmac_ok": release.METADATA_SIGNATURE in good,
        "enabled": True,
    }


def _paths(verdict: Verdict, groups: set[Group]) -> set[bytes]:
    return {
        finding.path
        for finding in verdict.findings
        if finding.path is not None and MEANINGS[finding.kind].group in groups
    }


def _decoded(paths: set[bytes]) -> list[str]:
    return [os.fsdecode(path) for path in sorted(paths)]


def _sentence(finding: Finding) -> str:
    meaning = MEANINGS[finding.kind]
    name = "" if finding.path is None else f"{os.fsdecode(finding.path)}: "
    return f"{name}{meaning.title}; {finding.detail or meaning.help}"


def _metadata(sealed: Seal) -> dict[str, object]:
    return msgspec.json.decode(release.write_metadata(sealed.metadata), type=dict[str, object])


def _json(build_info: Mapping[str, object]) -> dict[str, object]:
    try:
        return msgspec.convert(msgspec.to_builtins(build_info), dict[str, object])
    except (TypeError, msgspec.ValidationError) as error:
        raise UsageError(
            "a build's description is made of JSON values", where="build_info", got=str(error)
        ) from error
