"""Is what is here what was released? Numbered steps, one verdict.

    1. Open the root once; read the keyring; read the artifacts as raw bytes.
    2. Judge the evidence (`duri.evidence.authenticity`); nothing unauthentic in it is used.
    3. Compare the tree with the checksums and attributes, under the sealed policy.
    4. Compare the sealed policy with what is declared here; report, never obey.
    5. Conclude: the first status, from the top, that any finding calls for.
    6. After a verified release only: raise the floor, where a state file keeps one.

Guarantees: bad evidence and bad trees give findings, never exceptions; nothing is kept in memory
between two calls, so verifying twice gives the same answer. Exceptions are left for wrong calls.
"""

import os
import time

from duri import inspection
from duri.errors import UsageError
from duri.evidence.keys.keyring import Keyring
from duri.settings import Settings
from duri.tree import scan
from duri.verdict import Verdict


def verify(
    root: str | os.PathLike[str],
    *,
    keyring: Keyring | str | os.PathLike[str] | None = None,
    artifacts: str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
    from_archive: bool = False,
    now: int | None = None,
    progress: scan.Progress | None = None,
) -> Verdict:
    """Verify a root against its artifacts.

    Args:
        root: the folder that is said to be a release.
        keyring: keys, or the file that holds them; the settings' own when None.
        artifacts: the artifacts folder; the settings' own, else `.duri` under the root, when None.
        settings: what the place of verification says; defaults when None, never the environment.
        from_archive: whether the release was brought back from an archive, so archived keys count.
        now: unix seconds; the clock's when None.
        progress: counters to add to while the tree is read.

    Returns:
        The verdict; its status is `unverifiable` where none could be reached.
    """
    case = inspection.Case(
        root=os.fspath(root),
        settings=settings or Settings(),
        keyring=keyring if keyring is None or isinstance(keyring, Keyring) else os.fspath(keyring),
        artifacts=None if artifacts is None else os.fspath(artifacts),
        from_archive=from_archive,
    )
    now = int(time.time()) if now is None else now
    try:
        root_fd = scan.open_root(case.root)  # step 1
    except UsageError as error:
        return inspection.unusable_root(case, error, now=now)
    try:
        weighed = inspection.weigh(case, root_fd, now=now)  # steps 1 and 2
        compared = inspection.compare(case, root_fd, weighed, progress=progress)  # step 3
        return inspection.judge(case, root_fd, weighed, compared, now=now)  # steps 4 to 6
    finally:
        os.close(root_fd)
