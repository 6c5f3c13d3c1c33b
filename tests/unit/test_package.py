"""`duri.seal` and `duri.verify` are functions, in whatever order things are imported."""

import subprocess
import sys

import pytest

import duri

CHECK = "assert callable(duri.seal) and callable(duri.verify), (duri.seal, duri.verify)"


@pytest.mark.parametrize(
    "before",
    [
        "import duri",
        "import duri.seal",
        "import duri.verify, duri.seal",
        "from duri.verify import verify; import duri",
        "from DuRiCore.deployment.deployment_integrity import deployment_integrity; import duri",
        "import duri; duri.seal; import duri.seal",
    ],
)
def test_functions_are_not_hidden_by_their_modules(before: str) -> None:
    code = f"{before}\n{CHECK}\nfrom duri.seal import Seal\nfrom duri.verify import verify\n{CHECK}"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_package_loads_nothing_of_it() -> None:
    code = (
        "import sys, duri\n"
        "loaded = sorted(name for name in sys.modules if name.startswith(('duri.', 'msgspec')))\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_is_there() -> None:
    for name in duri.__all__:
        assert getattr(duri, name) is not None


def test_no_other_name_is() -> None:
    with pytest.raises(AttributeError, match="no attribute 'sael'"):
        _ = duri.sael  # type: ignore[attr-defined]
