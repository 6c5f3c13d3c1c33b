"""Is a path part of a tree, or does following it lead through one?

Whoever can change a tree can change a file in it, and where a link in it leads. So neither may
decide how the tree is judged, wherever the link ends.

Guarantees: every link on the way is looked at, not only where the way ends. What is mounted below
the root is no part of the tree.
"""

import os

_MAX_LINKS = 40  # as Linux follows, path_resolution(7)


def passes_through(path: str, root: str) -> bool:
    """Return whether opening `path` reads something of the tree under `root`.

    A path that cannot be followed to its end is judged by the part that can.
    """
    try:
        outer = os.path.realpath(root).rstrip("/") + "/"
        device = os.stat(root).st_dev
        current, parts, links = "/", _parts(os.path.abspath(path)), 0
        while parts and links <= _MAX_LINKS:
            entry = os.path.normpath(os.path.join(current, parts.pop(0)))
            # A file that is not there yet would be made on its folder's mount.
            known = entry if os.path.lexists(entry) else current
            if entry.startswith(outer) and os.lstat(known).st_dev == device:
                return True
            if os.path.islink(entry):
                links += 1
                target = os.path.join(current, os.readlink(entry))
                current, parts = "/", _parts(target) + parts
            else:
                current = entry
    except (OSError, ValueError):
        pass  # whoever opens it says why it cannot be
    return False


def lies_in(path: str, root: os.stat_result) -> bool:
    """Return whether a path lies in a folder that is known by its identity, not by a path.

    That is how the root of another process is known: it may be mounted here too, under another
    name. A path that cannot be followed lies in none; whoever opens it says why it cannot be.
    """
    at = os.path.realpath(path)
    while True:
        try:
            if os.path.samestat(os.stat(at), root):
                return True
        except (OSError, ValueError):
            pass  # not there yet, or not to be seen; its folder may be
        if at == os.path.dirname(at):
            return False
        at = os.path.dirname(at)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]
