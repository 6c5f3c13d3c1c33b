"""Receipts: what a watcher recorded, signed and chained, so that others can check it later.

    receipt    one receipt: the type, its one parse and write, what is signed
    entry      a verdict as the entry of a receipt
    key        the watcher's own key
    folder     the files of a log, read forwards, backwards and by sequence
    repair     where an existing log ends, and what a power cut left there
    appender   the file that grows: appended, synced, rotated, never overwritten
    log        the log of a running watcher: order, and what waits for a disk
    query      receipts for readers that show them
    chain      proves a log line by line, in constant memory
    coverage   which stretches of time receipts cover, and with which status
    audit      chain and coverage in one pass
    document   an audit as JSON
    text       an audit for a terminal
    length     a length of time for a person
    page       the auditor's page

Importing the package imports none of them.
"""
