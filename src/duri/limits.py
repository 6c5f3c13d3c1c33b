"""Every bound DuRi puts on what it reads, in one place, each with its reason.

The bounds hold before anything is believed: they keep a hostile artifact from costing more time or
memory than a real one of the largest size that DuRi is made for (ten million files).
"""

MAX_SIGNATURE_BYTES = 64 * 1024
"""A `.sig`: a statement of a few hundred bytes and at most MAX_SIGNATURES signatures."""

MAX_SIGNATURES = 16
"""Signatures in one envelope: one a key; a rotation needs two, a threshold a few."""

MAX_PAE_BYTES = 4096
"""What key services accept as the message of a MAC (AWS KMS GenerateMac)."""

MAX_WATCHED_FINDINGS = 10_000
"""Findings that a watcher names: more than a person reads, and few enough to keep in memory while a
storm goes on. Counts are of all, and `duri verify` names all."""

MAX_CHECKSUMS_BYTES = 1 << 30
"""`checksums.json`: ten million files at about a hundred bytes a line."""

MAX_METADATA_BYTES = 256 * 1024 * 1024
"""`deployment_metadata.json`: its attributes list exceptions only, a /usr needs 2 MB."""

MAX_PROVENANCE_BYTES = 16 * 1024 * 1024
"""`provenance.json`: SLSA provenance of large builds stays under 1 MB."""

MAX_SBOM_BYTES = 256 * 1024 * 1024
"""An SBOM is hashed, never held as objects; Syft's largest are tens of MB."""

MAX_ARTIFACTS = 64
"""Entries looked at in the artifacts folder before it is called foreign."""

MAX_KEYRING_BYTES = 1024 * 1024
"""A keyring: also the size limit of a Kubernetes secret."""

MAX_KEYS = 256
"""Keys in one keyring: years of rotation every week."""

MAX_IGNORE_BYTES = 1024 * 1024
"""`duriignore.json`."""

MAX_PATTERNS = 4096
"""Patterns of one kind in a policy."""

MIN_SECRET_BYTES = 32
"""A MAC secret shorter than its digest can be guessed sooner than forged (RFC 2104, section 3)."""

MAX_SECRET_BYTES = 4096
"""A raw key file is a key, not a document."""

CLOCK_SKEW_SECONDS = 300
"""How far two honest clocks may be apart; Kerberos uses the same five minutes."""

KEY_GRACE_DAYS = 14
"""How long an overdue key still seals, with a warning, before sealing is refused."""

MAX_WITNESS_BYTES = 1024 * 1024
"""A verifier's state: a line a product and environment."""

MAX_CONFIGURATION_BYTES = 1024 * 1024
"""`duri.toml`: a screen of lines."""

MAX_RECEIPT_BYTES = 8 * 1024
"""One line of a receipt log: MAX_PAE_BYTES of content, a signature, and room for later fields."""

MAX_RECEIPT_FILE_BYTES = 64 * 1024 * 1024
"""A receipt file is rotated at this size: nine months of a scan every five minutes."""

MAX_WAITING_RECEIPTS = 4096
"""Receipts kept in memory while they cannot be written: two weeks of a scan every five minutes."""

MAX_LISTED = 1000
"""Problems, gaps and incidents that an audit lists one by one; the rest is counted."""
