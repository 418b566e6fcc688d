"""Every released version's log opens, and goes on; a change of the stored form is one transaction with its record."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from holdfast.errors import LogError, NewerLogError
from holdfast.log import Conflict, Head, SqliteLog, StudyLog, open_log
from holdfast.log.base import Row
from holdfast.log.database import Database
from holdfast.log.server import Server
from holdfast.log.upgrade import STEPS, UPGRADED, Step, newest
from holdfast.log.verify import first_broken, verify
from holdfast.records import Entry
from holdfast.study.book import Book
from holdfast.study.load import load_study
from holdfast.testing.postgres import PostgresServer

if TYPE_CHECKING:
    from tests.log.make_fixture import FIXTURES, STUDIES, summary
else:
    from make_fixture import FIXTURES, STUDIES, summary

RELEASES = sorted(folder.name for folder in FIXTURES.iterdir())


def expected(release: str, study: str) -> Any:
    return json.loads((FIXTURES / release / "expected.json").read_text(encoding="utf-8"))[study]


def goes_on(log: StudyLog, before: dict[str, Any]) -> None:
    """The log is whole and folds to what it did; an event can be added behind it."""
    whole = verify(log, before["head"][1])
    assert (whole.ok, whole.problems) == (True, ())
    events = list(log.read())
    added = [event.kind for event in events[before["head"][0] :]]
    assert set(added) <= {UPGRADED}
    if not added:
        assert json.loads(json.dumps(summary(log))) == before
    trials = json.loads(json.dumps(summary(log)))["trials"]
    assert trials == before["trials"]
    head = log.append([Entry("budget.set", {"trials": 1}, 0.0)], log.head())
    assert not isinstance(head, Conflict)
    assert verify(log, head.hash).ok


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("release", RELEASES)
def test_a_file_of_every_release_opens_and_goes_on(release: str, study: str, tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    shutil.copy(FIXTURES / release / "study.sqlite", path)
    with closing(SqliteLog(path, study, read_only=True)) as log:
        assert json.loads(json.dumps(summary(log)))["trials"] == expected(release, study)["trials"]
    with closing(SqliteLog(path, study)) as log:
        goes_on(log, expected(release, study))
    found = load_study(study, f"sqlite:///{path}")
    found.tell(found.ask(), 0.5)
    found.close()


@pytest.mark.parametrize("release", RELEASES)
def test_a_database_of_every_release_opens_and_goes_on(
    release: str, postgres: str, postgres_server: PostgresServer
) -> None:
    postgres_server.sql((FIXTURES / release / "study.sql").read_text(encoding="utf-8"))
    for study in STUDIES:
        with closing(open_log(postgres, study)) as log:
            goes_on(log, expected(release, study))


def test_the_fixture_of_this_version_is_what_it_writes() -> None:
    """A release must leave one behind: whoever raises the version makes it."""
    from importlib.metadata import version

    assert version("holdfast") in RELEASES, "run: python tests/log/make_fixture.py"


def put_who(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE event ADD COLUMN who TEXT NOT NULL DEFAULT 'nobody'")


def put_who_on_server(connection: Any) -> None:
    connection.execute("ALTER TABLE holdfast.event ADD COLUMN who text NOT NULL DEFAULT 'nobody'")


def nothing(connection: Any) -> None:
    """A step that changes what events mean to the tables, which is nothing."""


MADE_UP = (
    *STEPS,
    Step("every event says who wrote it", put_who, put_who_on_server),
    Step("and more", nothing, nothing),
)


def fixture(tmp_path: Path) -> Path:
    path = tmp_path / "study.db"
    shutil.copy(FIXTURES / RELEASES[0] / "study.sqlite", path)
    return path


def rows(database: Database, study: str) -> list[Row]:
    query = "SELECT idx, body, hash FROM event WHERE study = ? ORDER BY idx"
    return [Row(*row) for row in database.use(lambda sql: sql.execute(query, (study,)).fetchall())]


@pytest.mark.parametrize("read_only", [False, True])
def test_a_change_of_the_stored_form_is_made_with_its_record(tmp_path: Path, read_only: bool) -> None:
    path = fixture(tmp_path)
    before = path.read_bytes()
    with closing(SqliteLog(path, "plain", read_only=True)) as log:
        length = log.head().length
    with closing(Database(path, read_only, MADE_UP)) as database:
        assert database.use(lambda sql: sql.execute("SELECT DISTINCT who FROM event").fetchall()) == [("nobody",)]
        for study in STUDIES:
            found = rows(database, study)
            assert first_broken(found) is None
            told = [json.loads(row.body) for row in found[-2:]]
            assert [(event["kind"], event["data"]["from"], event["data"]["to"]) for event in told] == [
                (UPGRADED, newest(), newest() + 1),
                (UPGRADED, newest() + 1, newest() + 2),
            ]
            assert told[0]["data"]["text"] == "every event says who wrote it"
        assert len(rows(database, "plain")) == length + 2
    with closing(Database(path, read_only, MADE_UP)) as database:
        assert len(rows(database, "plain")) == length + 2, "it was done twice"
    if read_only:
        assert path.read_bytes() == before
        return
    for reading in (False, True):
        with pytest.raises(NewerLogError, match=rf"log format {newest() + 2}, .* up to {newest()}; install a newer"):
            SqliteLog(path, "plain", read_only=reading)


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    def fails(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM event")
        raise sqlite3.OperationalError("something went wrong")

    path = fixture(tmp_path)
    with pytest.raises(LogError, match="something went wrong"):
        Database(path, steps=(*MADE_UP[:-1], replace(MADE_UP[-1], in_sqlite=fails)))
    with closing(SqliteLog(path, "plain")) as log:
        goes_on(log, expected(RELEASES[0], "plain"))


def test_what_was_upgraded_folds_and_goes_on(tmp_path: Path) -> None:
    """A step that leaves the tables as they are: this version can still read what it made."""
    path = fixture(tmp_path)
    Database(path, steps=(*STEPS, Step("nothing", nothing, nothing))).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {newest()}")
    with closing(SqliteLog(path, "plain")) as log:
        elapsed = Book(log).state.elapsed
        goes_on(log, expected(RELEASES[0], "plain"))
    assert elapsed < 3600, "the years until a log is upgraded are no time spent"


def test_a_server_is_brought_to_the_newest_format_with_its_record(
    postgres: str, postgres_server: PostgresServer
) -> None:
    with closing(open_log(postgres, "digits")) as log:
        assert isinstance(log.append([Entry("noted", {}, 0.0)], Head()), Head)
    with pytest.raises(LogError, match=f"has log format {newest()}, which has to be brought to {newest() + 2}"):
        Server(postgres, read_only=True, steps=MADE_UP)
    for _ in range(2):
        server = Server(postgres, steps=MADE_UP)
        found = server.use(
            lambda sql: sql.execute("SELECT idx, body, hash FROM holdfast.event ORDER BY idx").fetchall()
        )
        ends = server.use(lambda sql: sql.execute("SELECT length, hash FROM holdfast.study").fetchall())
        server.close()
        assert [json.loads(body)["kind"] for _, body, _ in found] == ["noted", UPGRADED, UPGRADED]
        assert first_broken([Row(*row) for row in found]) is None
        assert ends == [(3, found[-1][2])]
    with pytest.raises(NewerLogError, match="install a newer holdfast"):
        open_log(postgres, "digits")
