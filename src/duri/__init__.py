"""DuRi: proof that what is running is what was released.

    import duri

    sealed = duri.seal("app", version="1.4.2", keyring="keyring.json")
    verdict = duri.verify("app", keyring="keyring.json")
    if verdict.status is not duri.Status.VERIFIED:
        for finding in verdict.findings:
            print(finding.kind, finding.path, finding.detail)

`seal` and `verify` read no environment: pass `duri.Settings` for what it says. Importing the
package loads nothing of it until it is used, since a boot gate pays for each module.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

_HOMES = {
    "DuriError": "errors",
    "Finding": "verdict",
    "Kind": "verdict",
    "Seal": "seal",
    "Settings": "settings",
    "Status": "verdict",
    "Summary": "verdict",
    "Verdict": "verdict",
    "seal": "seal",
    "verify": "verify",
}


class _Package(ModuleType):
    """The package as a module whose `seal` and `verify` are the functions, whoever imports first.

    Importing the module `duri.seal` sets the package's attribute of that name to the module; the
    function of the same name is what callers of `duri.seal` mean.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(value, ModuleType) and _HOMES.get(name) == name:
            value = getattr(value, name)
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            message = f"module 'duri' has no attribute {name!r}"
            raise AttributeError(message)
        from importlib import import_module

        value = getattr(import_module(f"duri.{home}"), name)
        super().__setattr__(name, value)
        return value


sys.modules[__name__].__class__ = _Package
