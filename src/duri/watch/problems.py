"""What does not work beside the release: each by a name, said when it begins and when it ends."""

from duri.watch.log import Log


class Problems:
    """The problems there are now."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._sentences: dict[str, str] = {}

    def note(self, name: str, sentence: str | None) -> bool:
        """Take note of how something stands; return whether that is new.

        Args:
            name: what does not work, in a word.
            sentence: why, for a person; None where it works.
        """
        if sentence == self._sentences.get(name):
            return False
        if sentence is None:
            del self._sentences[name]
            self._log.say("watch.recovered", about=name)
        else:
            self._sentences[name] = sentence
            self._log.say("watch.problem", level="error", about=name, reason=sentence)
        return True

    def shown(self) -> tuple[str, ...]:
        """Return the sentences, oldest first."""
        return tuple(self._sentences.values())
