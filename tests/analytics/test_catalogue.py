"""The catalogue in notebooks: Tab, Shift-Tab, and the page that describes it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from omnisight_lab.analytics import catalogue
from omnisight_lab.analytics.dictionary import COLUMN_HELP, TABLE_HELP, TableList
from omnisight_lab.analytics.queries import QUERIES
from omnisight_lab.analytics.tables import LOGICAL
from omnisight_lab.errors import UnknownName
from omnisight_lab.lab import Lab
from tests.analytics.conftest import Site

PAGE = Path(catalogue.__file__).parent / "queries" / "README.md"


@pytest.fixture(scope="module")
def shell() -> Iterator[InteractiveShell]:
    shell = InteractiveShell()
    yield shell
    shell.history_manager.end_session()


def completed(shell: InteractiveShell, text: str) -> set[str]:
    with provisionalcompleter():
        return {found.text.removeprefix(".") for found in shell.Completer.completions(text, len(text))}


@pytest.mark.parametrize("jedi", [True, False])
def test_tab_completes_queries_and_their_parameters(shell: InteractiveShell, lab: Lab, jedi: bool) -> None:
    shell.user_ns["lab"] = lab
    shell.Completer.use_jedi = jedi
    assert set(QUERIES) <= completed(shell, "lab.queries.")
    assert completed(shell, "lab.queries.act") == {"activity"}
    assert "gap=" in completed(shell, "lab.queries.activity(g")
    assert completed(shell, "lab.queries['acti") == {"activity"}


def test_shift_tab_explains_what_a_query_takes_and_gives(shell: InteractiveShell, lab: Lab) -> None:
    shell.user_ns["lab"] = lab
    shown = shell.object_inspect_mime("lab.queries.activity")["text/plain"]
    for part in ("by=", "hour_of_day", "out of: hour, day", "weekday=6,7", "gap: ", "rate_low: ", "[1/h]", "Result"):
        assert part in shown


def test_every_query_is_a_method_that_asks_it(lab: Lab, site: Site) -> None:
    site.event(site.camera("yard"), "2026-10-30T12:00")
    lab.refresh()
    assert lab.queries.events("2026-10-30", "2026-10-31", labels="car").count() == 1
    for name, query in lab.queries.items():
        told = inspect.signature(getattr(lab.queries, name)).parameters
        assert list(told)[:5] == ["from_", "to", "cameras", "tz", "engine"]
        assert {key: told[key].default for key in list(told)[5:]} == query.typed({})
    assert lab.queries["activity"].method in repr(lab.queries)
    assert "<code>activity</code>" in lab.queries._repr_html_()
    with pytest.raises(UnknownName, match="no query 'activty'; did you mean 'activity'"):
        lab.queries["activty"]


def test_no_query_hides_what_a_mapping_has() -> None:
    assert not set(QUERIES) & set(dir(dict))


def test_the_page_is_current() -> None:
    made = catalogue.markdown()
    assert PAGE.read_text(encoding="utf-8") == made, "omnisight query --list --markdown > its file"
    assert all(f"### {name}\n" in made for name in QUERIES)


def test_every_table_and_column_is_explained(lab: Lab) -> None:
    assert set(TABLE_HELP) == set(LOGICAL)
    used = {column for table in LOGICAL.values() for column in table.columns}
    assert set(COLUMN_HELP) == used
    assert lab.tables["events"]["label"] == "string: class of the object, as people corrected it"
    assert "zone_edges: edges of zones" in repr(TableList())
    assert "<code>file_size</code>" in lab.tables._repr_html_()
