"""The benchmark: `python -m bench`.

    corpora       the trees, made from a fixed seed
    contestants   duri, the floor, `python -c pass`; `peers` has the others, one class each
    stopwatch     one process, timed and weighed from outside
    rounds        everybody in turn, so that drift hits all; warm or with dropped caches
    sample        medians and spread (pure)
    targets       what is to be reached, and whether it is (pure)
    machine       what it ran on
    report        all of it as one value; `render` and `plots` show it
    watch         the watcher's own: `python -m bench.watch`

It leaves the product's correctness to the product's tests; its own is in `bench/tests`.
"""
