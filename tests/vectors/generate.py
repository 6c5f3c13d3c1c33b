"""Make the signed releases of one schema: `python tests/vectors/generate.py tests/vectors/NAME`.

Run once a schema, by a person; what it makes is committed and never made again. The private ECDSA
key is thrown away; the HMAC secret is a published test secret and protects nothing.
"""

import os
import sys

import duri
from duri.evidence.keys import generate, store
from duri.evidence.keys.keyring import Algorithm
from duri.settings import Settings

MOMENT = 1_767_225_600
"""2026-01-01T00:00:00Z."""

TEST_SECRET = b"DuRi test vector: not a secret.."
FILES = {
    "README.txt": (b"A release for ever.\n", 0o644),
    "bin/run": (b"#!/bin/sh\nexec true\n", 0o755),
    "data/blob.bin": (bytes(range(256)), 0o644),
    "data/gr\u00fc\u00df dich.txt": ("gr\u00fc\u00df dich\n".encode(), 0o644),
    "empty": (b"", 0o644),
}


def main(out: str) -> None:
    """Write a folder a kind of key, each with a sealed tree and the keyring that verifies it."""
    for algorithm in (Algorithm.ECDSA_P256_SHA256, Algorithm.HMAC_SHA256):
        folder = os.path.join(out, algorithm.value)
        root = os.path.join(folder, "tree")
        for name, (content, mode) in FILES.items():
            path = os.path.join(root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "xb") as file:
                file.write(content)
            os.chmod(path, mode)
        os.symlink("../README.txt", os.path.join(root, "data", "link"))
        key = generate.new_key(algorithm, now=MOMENT, name="vector", random=lambda _: TEST_SECRET)
        keyring = generate.new_keyring(key, now=MOMENT)
        duri.seal(
            root,
            version="1.0.0",
            product="vector",
            environment="test",
            sequence=1,
            keyring=keyring,
            settings=Settings(mutable=("var/",), spike_threshold="0.25"),
            now=MOMENT,
        )
        if algorithm.is_asymmetric:
            keyring = generate.public_part(keyring).keyring
        store.write_file(os.path.join(folder, "keyring.json"), keyring, replace=False)


if __name__ == "__main__":
    os.umask(0o022)
    main(sys.argv[1])
