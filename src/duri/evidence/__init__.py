"""The evidence: a release's artifacts, the signatures over them, and the keys behind those."""
