"""Everything one benchmark found, as one value that is kept as `results.json`.

Guarantees: what is written is read back equal; a report holds no path and no host name, so it can
be published. Sections of corpora that a later, partial run did not touch can be taken over from an
earlier one, each with its own date: figures of one corpus always come from one run.
"""

import json
from dataclasses import asdict, dataclass, replace

from bench.sample import Absence, Measurement

FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A corpus, when it was measured and how noisy the machine was."""

    corpus: str
    title: str
    files: int
    folders: int
    links: int
    size: int
    left_out: int
    measured_at: str
    load: str
    cold: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The whole of it."""

    command: str
    machine: dict[str, str]
    sections: tuple[Section, ...]
    measurements: tuple[Measurement, ...]
    absences: tuple[Absence, ...]

    def keeping(self, earlier: "Report") -> "Report":
        """Return this report with the earlier one's sections that this one has not."""
        mine = {(section.corpus, section.cold) for section in self.sections}
        mine |= {(absence.corpus, absence.cold) for absence in self.absences}
        return replace(
            self,
            sections=self.sections
            + tuple(row for row in earlier.sections if (row.corpus, row.cold) not in mine),
            measurements=self.measurements
            + tuple(row for row in earlier.measurements if (row.corpus, row.cold) not in mine),
            absences=self.absences
            + tuple(row for row in earlier.absences if (row.corpus, row.cold) not in mine),
        )


def dump(report: Report) -> str:
    """Return the report as JSON."""
    return json.dumps({"format": FORMAT, **asdict(report)}, indent=1, ensure_ascii=False) + "\n"


def load(text: str) -> Report:
    """Return the report that `dump` wrote.

    Raises:
        ValueError: it is of another format.
    """
    data = json.loads(text)
    if data.get("format") != FORMAT:
        message = f"results of format {data.get('format')!r}, expected {FORMAT}: measure anew"
        raise ValueError(message)
    measurements = (
        {**row, "walls": tuple(row["walls"]), "inner": tuple(row["inner"])}
        for row in data["measurements"]
    )
    return Report(
        command=data["command"],
        machine=data["machine"],
        sections=tuple(Section(**row) for row in data["sections"]),
        measurements=tuple(Measurement(**row) for row in measurements),
        absences=tuple(Absence(**row) for row in data["absences"]),
    )
