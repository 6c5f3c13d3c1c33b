"""A registry in the two text formats that Prometheus reads.

Source: the Prometheus text format 0.0.4 and OpenMetrics 1.0.0.

Guarantees: both hold the same series with the same values. Which of them a scrape asks for is left
to whoever answers it.
"""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics_format


def exposition(registry: CollectorRegistry, *, openmetrics: bool = False) -> bytes:
    """Return everything in the registry, in the text format or in OpenMetrics."""
    if openmetrics:
        encoded: bytes = openmetrics_format.generate_latest(registry)  # type: ignore[no-untyped-call]
        return encoded
    return generate_latest(registry)
