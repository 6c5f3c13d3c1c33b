"""A verdict, rendered for whoever reads it.

    escape     bytes of a path → text that a terminal or a page can show, and back
    kinds      what each kind of finding is called, where it is listed and what it means
    text       what a person sees
    document   what `--json` prints; its schema is `verdict.schema.json` beside it
    sarif      SARIF 2.1.0, for code-scanning tools
    lines      the one log line of `duri gate`
    metrics    Prometheus series, and `textfile` for a node exporter's folder

Guarantees: rendering decides nothing, so no renderer changes a status or drops a finding without
saying so. Importing the package does nothing; `metrics` alone needs prometheus_client.
"""
