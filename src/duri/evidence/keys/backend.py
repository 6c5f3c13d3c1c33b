"""What every home of a key speaks, whoever holds the key.

Guarantees: a signature is over a DSSE pre-authentication encoding and nothing else, so a key asked
to sign through here never serves another purpose; an answer about a signature is a word, and using
it as a truth value is an error.

Each backend is one file beside this one; `local` is the one whose keys stand in the keyring.
"""

import enum
from typing import NoReturn, Protocol

from duri.evidence.keys.key import Key
from duri.evidence.keys.material import Algorithm

PAE_PREFIX = b"DSSEv1 "
"""How each DSSE pre-authentication encoding starts (DSSE 1.0, protocol.md)."""


class SignatureVerdict(enum.Enum):
    """What a check of one signature says."""

    GOOD = "good"
    BAD = "bad"

    def __bool__(self) -> NoReturn:
        """Refuse: BAD would be true."""
        message = "compare with SignatureVerdict.GOOD"
        raise TypeError(message)


class Signer(Protocol):
    """One key that can sign."""

    @property
    def keyid(self) -> str:
        """The key's id in the keyring and in envelopes."""

    @property
    def algorithm(self) -> Algorithm:
        """What it signs with."""

    def sign(self, pae: bytes) -> bytes:
        """Return the signature over a pre-authentication encoding.

        ECDSA signatures are DER, Ed25519 and HMAC ones raw (64 and 32 bytes).
        """


class Verify(Protocol):
    """A function that checks one signature by one key of the keyring."""

    def __call__(self, key: Key, pae: bytes, signature: bytes) -> SignatureVerdict:
        """Return GOOD or BAD; raise KeyringError where neither can be said."""
