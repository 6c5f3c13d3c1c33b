"""The watcher's own key: named as a mounted file, or made at the first start.

Guarantees: the private half has mode 0600 and stays in its file; the public half lies beside the
receipts for whoever checks them, and keeps the keys of earlier runs, so that old receipts can be
checked too. A key that is there is never replaced.

Leaves to others: trusting the public half. Whoever can rewrite the receipts can rewrite it too, so
an auditor keeps a copy elsewhere.
"""

import os

import msgspec

from duri.errors import KeyringError
from duri.evidence.keys import generate, local, source, store
from duri.evidence.keys.backend import SignatureVerdict
from duri.evidence.keys.keyring import Keyring, State, assemble
from duri.evidence.keys.material import Algorithm
from duri.limits import MAX_KEYS
from duri.report.receipt.receipt import Receipt, message, signature_bytes

PRIVATE = "watch-key.json"
PUBLIC = "watch-key.pub.json"

_COUNTING = (State.ACTIVE, State.RETIRING, State.ARCHIVED)
"""States in which a key's receipts count: a receipt outlives the key that signed it."""


class WatchKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that signs receipts, and the keyring that checks them."""

    signer: local.LocalSigner
    keyring: Keyring

    @property
    def keyid(self) -> str:
        """The key's id."""
        return self.signer.keyid

    @property
    def algorithm(self) -> Algorithm:
        """What it signs with."""
        return self.signer.algorithm

    def sign(self, pae: bytes) -> bytes:
        """Return the signature over a pre-authentication encoding."""
        return self.signer.sign(pae)


def open_or_make(folder: str, named: str | None, *, now: int) -> WatchKey:
    """Return the key that a file holds; without one named, that of the folder, made when missing.

    Args:
        folder: where the receipts are; it exists.
        named: a keyring or a raw secret, as `--keyring` takes; None for the folder's own.
        now: Unix seconds.

    Raises:
        KeyringError: the file holds no key that signs.
        PublishError: a new key could not be written.
    """
    path = named
    if path is None:
        path = os.path.join(folder, PRIVATE)
        if not os.path.lexists(path):
            made = generate.new_key(Algorithm.ED25519, now=now, name="watch")
            store.write_file(path, generate.new_keyring(made, now=now), replace=False)
    keyring = source.load_file(path, now=now, prod=False).keyring
    active = [key for key in keyring.keys if key.state is State.ACTIVE and key.holds_secret]
    if not active:
        raise KeyringError(
            "the watcher's keyring holds no active key that signs",
            where=source.shown_path(path),
            todo="Make one: duri keys new --algorithm ed25519 --out FILE",
        )
    # The newest: an older one that is active too is on its way out.
    key = WatchKey(signer=local.signer_for(active[-1]), keyring=keyring)
    publish(folder, keyring, now=now)
    return key


def check(receipt: Receipt, keyring: Keyring) -> str | None:
    """Return why a receipt's signature does not count; None when it does.

    Raises:
        KeyringError: the keyring does not hold what it takes to say.
    """
    key = keyring.find(receipt.keyid)
    if key is None:
        return f"signed by a key that the keyring does not have: {receipt.keyid[:16]}"
    if key.state not in _COUNTING:
        return f"signed by a key that does not count, it is {key.state}: {receipt.keyid[:16]}"
    verdict = local.verify_signature(key, message(receipt), signature_bytes(receipt))
    if verdict is not SignatureVerdict.GOOD:
        return f"the signature by key {receipt.keyid[:16]} is not over this receipt"
    return None


def load_public(folder: str, *, now: int) -> Keyring:
    """Return the public half beside the receipts.

    Raises:
        KeyringError: it is not there, or not usable.
    """
    return source.load_file(os.path.join(folder, PUBLIC), now=now, prod=False).keyring


def publish(folder: str, keyring: Keyring, *, now: int) -> None:
    """Write the public half where it lacks a key; a MAC secret has none."""
    mine = [key for key in keyring.keys if key.public_key is not None]
    try:
        there = list(load_public(folder, now=now).keys)
    except KeyringError:
        there = []
    known = {key.keyid for key in there}
    if not mine or all(key.keyid in known for key in mine):
        return
    fresh = {key.keyid for key in mine}
    keys = [key for key in there if key.keyid not in fresh][-(MAX_KEYS - len(mine)) :] + mine
    public = generate.public_part(assemble(keys))
    store.write_file(os.path.join(folder, PUBLIC), public.keyring, replace=True)
