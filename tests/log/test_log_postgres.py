from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time

import pytest

from holdfast.errors import BusyLogError, HoldfastError, LogError, RequestError, TamperError
from holdfast.log import FORMAT, Head, PostgresLog, exists, list_studies, open_log, server
from holdfast.log import postgres as log_in_postgres
from holdfast.log.verify import verify
from holdfast.testing.logs import append, entry, insist
from holdfast.testing.postgres import PASSWORD, PostgresServer

WRITER = """
import sys
from holdfast.log import PostgresLog
from holdfast.testing.logs import entry, insist
address, name, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
log = PostgresLog(address, "digits")
for number in range(count):
    log.put(bytes([number % 7]) * 1000)
    head = insist(log, [entry(number, writer=name, part=part) for part in range(2)])
    print(head.length, head.hash, flush=True)
"""


def writer(address: str, name: int, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, address, str(name), str(count)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "TRIES", (0.01, 0.01))


def test_four_processes_that_append_at_once_lose_nothing(postgres: str) -> None:
    processes = [writer(postgres, name, 60) for name in range(4)]  # they race to make the tables, too
    told = [process.communicate(timeout=60) for process in processes]
    assert [err for _, err in told] == [""] * 4
    log = PostgresLog(postgres, "digits")
    events = list(log.read())
    assert sorted((e.data["writer"], e.data["number"], e.data["part"]) for e in events) == [
        (name, number, part) for name in range(4) for number in range(60) for part in range(2)
    ]
    assert all(
        first.data["writer"] == second.data["writer"] for first, second in zip(events[::2], events[1::2], strict=True)
    )
    assert verify(log).ok
    heads = {(event.index + 1, event.hash) for event in events}
    assert {(int(line.split()[0]), line.split()[1]) for out, _ in told for line in out.splitlines()} <= heads
    log.close()


def test_what_append_returned_for_survives_a_crash_of_the_server_and_the_writer_goes_on(
    postgres: str, postgres_server: PostgresServer
) -> None:
    process = writer(postgres, 0, 400)
    assert process.stdout is not None
    for _ in range(30):
        process.stdout.readline()
    postgres_server.crash()
    time.sleep(0.3)
    postgres_server.start()
    rest, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "is gone; waiting for it" in err
    assert PASSWORD.replace(" ", "%20") not in err
    log = PostgresLog(postgres, "digits")
    assert [event.data["number"] for event in log.read()] == [number for number in range(400) for _ in range(2)]
    assert verify(log, rest.splitlines()[-1].split()[1]).ok
    log.close()


def test_an_append_whose_answer_was_lost_is_not_written_twice(postgres: str) -> None:
    log = PostgresLog(postgres, "digits")
    connection = log.server._held[0]
    real = connection.execute

    def breaks(query: str, *arguments: object, **options: object) -> object:
        cursor = real(query, *arguments, **options)  # type: ignore[call-overload]
        if "moved" in query:
            connection.close()
            raise server._driver().OperationalError("the connection was lost")
        return cursor

    connection.execute = breaks  # type: ignore[method-assign, assignment]
    head = log.append([entry(0), entry(1)], Head())
    assert head == log.head()
    assert [event.data["number"] for event in log.read()] == [0, 1]
    log.close()


def test_a_server_that_stands_still_is_waited_for(postgres: str, postgres_server: PostgresServer) -> None:
    log = PostgresLog(postgres, "digits")
    append(log, entry(0))
    postgres_server.pause()
    thread = threading.Thread(target=lambda: insist(log, [entry(1)]))
    thread.start()
    thread.join(1.0)
    assert thread.is_alive()
    postgres_server.go_on()
    thread.join(20)
    assert [event.data["number"] for event in log.read()] == [0, 1]
    log.close()


def test_a_server_that_is_down_is_tried_a_few_times_and_then_told(
    postgres: str, postgres_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    postgres_server.crash()
    try:
        with (
            caplog.at_level(logging.WARNING),
            pytest.raises(BusyLogError, match=r"does not answer .*refused.* see that") as told,
        ):
            open_log(postgres, "digits")
    finally:
        postgres_server.start()
    assert told.value.exit_code == 1
    assert [record.message.partition("; ")[2][:12] for record in caplog.records] == ["trying again"] * 2
    assert PASSWORD.replace(" ", "%20") not in caplog.text + str(told.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            ("correct%20horse", "wrong%20horse"),
            "does not accept this user and password; give it in the address, in PGPASS",
        ),
        ((":correct%20horse", ""), "asks for a password; give it in the address, in PGPASSWORD or in ~/.pgpass"),
        (("holdfast:", "nobody:"), "does not accept this user and password"),
        (("/postgres", "/no_such_base"), 'does not have: database "no_such_base"'),
        (("127.0.0.1", "no.such.host.invalid"), "names a host that cannot be found; check its name"),
    ],
)
def test_what_a_server_refuses_is_one_sentence_without_the_password(
    postgres: str, change: tuple[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.address._remembered", {})
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setenv("PGPASSFILE", "/nowhere")
    with pytest.raises(RequestError) as told:
        open_log(postgres.replace(*change), "digits")
    assert sentence in str(told.value)
    assert "horse" not in str(told.value)


@pytest.mark.parametrize(
    "address", ["postgresql://", "postgresql://user:sec@ret@host", "postgresql://user:secret@host:port/base"]
)
def test_an_address_that_cannot_be_meant_is_refused(address: str) -> None:
    with pytest.raises(RequestError, match="is not understood; write postgresql://user@host/database") as told:
        list_studies(address)
    assert "sec" not in str(told.value)


def test_a_user_who_may_not_write_is_told_what_to_grant(postgres: str, postgres_server: PostgresServer) -> None:
    postgres_server.sql("CREATE ROLE reader LOGIN PASSWORD 'correct horse'")
    own = postgres_server.address(user="reader")
    with pytest.raises(RequestError, match=r"permission denied for database .* GRANT CREATE ON DATABASE"):
        open_log(own, "digits")
    append(PostgresLog(postgres, "digits"), entry(0))
    postgres_server.sql("GRANT USAGE ON SCHEMA holdfast TO reader")
    postgres_server.sql("GRANT SELECT ON ALL TABLES IN SCHEMA holdfast TO reader")
    log = open_log(own, "digits", read_only=True)
    assert len(list(log.read())) == 1
    with pytest.raises(RequestError, match="read-only"):
        log.append([entry(1)], log.head())
    with pytest.raises(RequestError, match=r"permission denied .* grant it all on the schema holdfast"):
        append(open_log(own, "digits"), entry(1))


def test_reading_creates_nothing(postgres: str, postgres_server: PostgresServer) -> None:
    assert list_studies(postgres) == []
    assert not exists(postgres, "digits")
    with pytest.raises(LogError, match="holds no study yet"):
        open_log(postgres, "digits", read_only=True)
    found = postgres_server.sql("SELECT to_regnamespace('holdfast')")
    assert found == [(None,)]
    open_log(postgres, "digits").close()
    assert list_studies(postgres) == []
    append(open_log(postgres, "ä 'quoted' \" ;--"), entry(0))
    assert list_studies(postgres) == ["ä 'quoted' \" ;--"]


def test_a_log_from_a_newer_holdfast_is_refused(postgres: str, postgres_server: PostgresServer) -> None:
    open_log(postgres, "digits").close()
    postgres_server.sql(f"INSERT INTO holdfast.format VALUES ({FORMAT + 1})")
    for read_only in (False, True):
        with pytest.raises(
            LogError, match=rf"log format {FORMAT + 1}, .* up to {FORMAT}; install a newer holdfast"
        ) as told:
            open_log(postgres, "digits", read_only=read_only)
        assert told.value.exit_code == 2


def test_a_reader_does_not_wait_for_a_writer(postgres: str) -> None:
    log = PostgresLog(postgres, "digits")
    append(log, entry(0))
    other = server.connected(postgres)
    with other.transaction():
        other.execute("SELECT * FROM holdfast.study FOR UPDATE")
        other.execute("INSERT INTO holdfast.event VALUES (1, 1, '{}', 'unfinished')")
        assert len(list(log.read())) == log.head().length == 1
        assert list_studies(postgres) == ["digits"]
    other.close()
    log.close()


def test_a_turn_is_waited_for_and_one_that_stands_still_is_passed_by(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = PostgresLog(postgres, "digits"), PostgresLog(postgres, "digits")
    order: list[str] = []

    def wait() -> None:
        with second.turn(0):
            order.append("second")

    with first.turn(0):
        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.3)
        order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]
    monkeypatch.setattr(log_in_postgres, "_WAIT", "100ms")
    with first.turn(0), second.turn(0):
        insist(second, [entry(0)])
    with second.turn(0):  # it was not held twice, and is free again
        insist(second, [entry(1)])
    assert second.head().length == 2
    first.close()
    second.close()


def test_an_end_that_was_changed_by_hand_is_said(postgres: str, postgres_server: PostgresServer) -> None:
    log = PostgresLog(postgres, "digits")
    append(log, entry(0), entry(1))
    postgres_server.sql("DELETE FROM holdfast.event WHERE idx = 1")
    with pytest.raises(TamperError, match="the end of study 'digits' was changed by hand; run 'holdfast verify'"):
        log.append([entry(2)], log.head())
    log.close()


def test_a_closed_log_says_so_and_closes_twice(postgres: str) -> None:
    log = PostgresLog(postgres, "digits")
    log.close()
    log.close()
    with pytest.raises(LogError, match="is closed"):
        log.head()


def test_a_database_in_another_encoding_is_refused(postgres_server: PostgresServer) -> None:
    postgres_server.sql("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'")
    with pytest.raises(HoldfastError, match="has the encoding LATIN1; create one for studies with ENCODING 'UTF8'"):
        open_log(postgres_server.address("latin"), "digits")
