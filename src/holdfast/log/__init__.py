"""Events and blobs: hash-chained, durable, in memory, in SQLite or in PostgreSQL."""

from holdfast.log.base import FORMAT, GENESIS, Auditable, Conflict, Head, Log, Row, Snapshots, StudyLog
from holdfast.log.memory import MemoryLog
from holdfast.log.open import exists, list_studies, open_log
from holdfast.log.postgres import PostgresLog
from holdfast.log.sqlite import SqliteLog

__all__ = [
    "FORMAT",
    "GENESIS",
    "Auditable",
    "Conflict",
    "Head",
    "Log",
    "MemoryLog",
    "PostgresLog",
    "Row",
    "Snapshots",
    "SqliteLog",
    "StudyLog",
    "exists",
    "list_studies",
    "open_log",
]
