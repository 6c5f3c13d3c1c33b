"""The fuzz targets: each accepts its seeds, and the seeds' neighbours keep the promises."""

import random
from pathlib import Path

import pytest
from tests.fuzz.oracles import SEEDS, TARGETS, read_attributes, read_checksums

HERE = Path(__file__).parent


def test_every_target_has_a_script_and_seeds() -> None:
    scripts = {path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.py")}
    assert scripts == TARGETS.keys() == SEEDS.keys()


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_promises_hold_near_valid_documents(name: str) -> None:
    randomness = random.Random(name)  # noqa: S311 - mutations, not keys
    for seed in SEEDS[name]:
        TARGETS[name](seed)
        for _ in range(300):
            data = bytearray(seed)
            for _ in range(randomness.randint(1, 3)):
                at = randomness.randrange(len(data) + 1)
                part = bytes(
                    randomness.choice([b"\n", b" ", b'"', b"0", b"{}", b"\xff", b"/", b"."])
                )
                match randomness.randint(0, 2):
                    case 0:
                        data[at:at] = part
                    case 1:
                        data[at : at + 1] = part
                    case 2:
                        del data[at : at + randomness.randint(1, 4)]
            TARGETS[name](bytes(data))


def test_seeds_of_the_core_are_read_by_the_standard_library_too() -> None:
    assert all(read_checksums(seed) is not None for seed in SEEDS["checksums"])
    assert all(read_attributes(seed) for seed in SEEDS["attributes"])
    assert read_checksums(b'{\n  "a": "' + b"0" * 63 + b'"\n}\n') is None
    assert not read_attributes(b'{\n    "modes": {}\n  }')
