"""Runs one target under atheris, from a file that is executed by its path.

Guarantees: DuRi's own code and the oracles are instrumented before they are imported, and every
run starts from the target's valid documents. Options are libFuzzer's.
"""

import importlib
import os
import sys
import tempfile

import atheris

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def fuzz(name: str) -> None:
    """Fuzz the target of this name until libFuzzer's options end it."""
    sys.path.insert(0, REPOSITORY)
    with atheris.instrument_imports(include=["duri", "tests"]):
        oracles = importlib.import_module("tests.fuzz.oracles")
    with tempfile.TemporaryDirectory(prefix="duri-fuzz-") as seeds:
        for number, data in enumerate(oracles.SEEDS[name]):
            with open(os.path.join(seeds, str(number)), "wb") as file:
                file.write(data)
        atheris.Setup([*sys.argv, seeds], oracles.TARGETS[name])
        atheris.Fuzz()
