"""The watcher's HTTP server: metrics, probes, status, receipts, the page and its live events."""
