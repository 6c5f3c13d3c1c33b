"""The watcher's benchmark and soak: `python -m bench.watch`.

    release       a tree that may be changed, sealed; made from a corpus
    watcher       `duri watch` as a process: its log, its HTTP, its weight, its end
    client        HTTP over one connection, and a thread that polls
    changes       one change with its exact undoing, from a seed
    damage        whatever somebody may do to a tree, and repair from a pristine copy
    oracle        what differs, by os.walk, lstat and hashlib: nothing of DuRi
    detection, replacement, idle, storm, soak    one scenario each; `writer` is the storm's process
    peers         inotifywait, AIDE and find over the same tree
    targets       what is to be reached, and whether it is (pure)
    page          all of it as one value, as JSON and as Markdown

It talks to DuRi through its command line, its log lines and its HTTP only.
"""
