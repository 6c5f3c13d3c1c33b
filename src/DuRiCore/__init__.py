"""The import paths that existing deployments use; a thin face over `duri`.

Guarantees: importing does nothing, and nothing is decided here. New code imports `duri`.
"""
