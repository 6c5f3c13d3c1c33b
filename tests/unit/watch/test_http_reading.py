"""What Accept asks for, whatever it holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duri.watch.http.reading import wants_openmetrics

RANGES = st.sampled_from(
    ["application/openmetrics-text", "text/plain", "text/*", "*/*", "text/html", ""]
)
PARAMETERS = st.sampled_from(
    ["", ";version=1.0.0", ";version=0.0.4", ";version=x", ";q=0", ";q=0.5", ";q=2", ";q=nan", ";="]
)


@given(st.lists(st.tuples(RANGES, PARAMETERS, PARAMETERS)).map(lambda rows: map("".join, rows)))
def test_every_list_of_ranges_has_an_answer(rows: "map[str]") -> None:
    assert wants_openmetrics(",".join(rows)) in {True, False}


@given(st.text())
def test_every_text_has_an_answer(accept: str) -> None:
    assert wants_openmetrics(accept) is False or "openmetrics" in accept.lower()


@pytest.mark.parametrize("version", ["x", "1.0.0", "0.0.1", "2.0.0", "9" * 30, ".", "-1", ""])
def test_a_version_that_is_none_fails_nothing(version: str) -> None:
    accept = f"application/openmetrics-text;version={version}, text/plain"
    assert wants_openmetrics(accept) is version.startswith("1.")
