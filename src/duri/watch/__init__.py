"""Watching a running release: events and scans in, metrics, receipts and a page out."""
