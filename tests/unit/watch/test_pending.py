"""What events have named since the last look."""

from duri.tree.events import Changes
from duri.watch.pending import MAX_FOLDERS, Named, Pending


def test_what_was_named_is_given_once() -> None:
    pending = Pending()
    pending.add(Changes(folders=((b"a", False), (b"b", True)), events=2), 10.0)
    named = pending.take()
    assert dict(named.folders) == {b"a": False, b"b": True}
    assert (named.first, named.everything, named.artifacts) == (10.0, False, False)
    assert pending.take() == Named()


def test_folder_that_appeared_stays_so_until_it_is_looked_at() -> None:
    pending = Pending()
    pending.add(Changes(folders=((b"a", True),), events=1), 10.0)
    pending.add(Changes(folders=((b"a", False),), events=1), 11.0)
    assert pending.take() == Named(folders=((b"a", True),), first=10.0)


def test_events_that_name_nothing_start_no_burst() -> None:
    pending = Pending()
    pending.add(Changes(events=5), 10.0)
    assert pending.burst is None


def test_lost_events_name_the_whole_tree() -> None:
    pending = Pending()
    pending.add(Changes(folders=((b"a", False),), events=1), 10.0)
    pending.add(Changes(lost=True, events=1), 11.0)
    assert pending.everything
    assert pending.take() == Named(everything=True, first=10.0)
    assert not pending.everything


def test_too_many_folders_are_the_whole_tree() -> None:
    pending = Pending()
    names = tuple((b"%d" % number, False) for number in range(MAX_FOLDERS))
    pending.add(Changes(folders=names, events=1), 10.0)
    assert not pending.everything
    pending.add(Changes(folders=((b"one more", False),), events=1), 10.0)
    assert pending.take().everything


def test_artifacts_are_named_however_they_were_noticed() -> None:
    pending = Pending()
    pending.add(Changes(artifacts=True, events=1), 10.0)
    assert pending.take() == Named(artifacts=True, first=10.0)
    pending.touch_artifacts(12.0)
    assert pending.take() == Named(artifacts=True, first=12.0)


def test_what_a_failed_look_took_is_looked_at_again() -> None:
    pending = Pending()
    pending.lose(12.0)
    assert pending.take() == Named(everything=True, artifacts=True, first=12.0)


def test_folders_taken_before_can_be_added_again() -> None:
    pending = Pending()
    pending.add_named(Named(folders=((b"a", True),), first=1.0))
    pending.add_named(Named(everything=True, first=2.0))
    assert pending.take().everything
