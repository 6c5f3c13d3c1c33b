"""DuRi: proof that what is running is what was released.

    import duri

    sealed = duri.seal("app", version="1.4.2", keyring="keyring.json")
    verdict = duri.verify("app", keyring="keyring.json")
    if verdict.status is not duri.Status.VERIFIED:
        for finding in verdict.findings:
            print(finding.kind, finding.path, finding.detail)

`seal` and `verify` read no environment: pass `duri.Settings` for what it says. Importing does
nothing else.
"""

from duri.errors import DuriError
from duri.seal import Seal, seal
from duri.settings import Settings
from duri.verdict import Finding, Kind, Status, Summary, Verdict
from duri.verify import verify

__version__ = "0.1.0"

__all__ = [
    "DuriError",
    "Finding",
    "Kind",
    "Seal",
    "Settings",
    "Status",
    "Summary",
    "Verdict",
    "__version__",
    "seal",
    "verify",
]
