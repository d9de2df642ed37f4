"""Shared state in an SQLite file, for all processes of one machine."""

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from rag.errors import Unavailable
from rag.gate import Gate
from rag.state.base import Record, RecordKind, changed_meanwhile

FORMAT = 1
"""Number of the tables, kept in `user_version` of the file."""
# Another process holds its lock for a millisecond. A longer wait means a disk that does not answer.
_BUSY_SECONDS = 5.0
_WAITING = 256
_TABLES = """
CREATE TABLE records (
    kind TEXT NOT NULL,
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    changed INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (kind, tenant, key)
) WITHOUT ROWID;
CREATE INDEX changes ON records (kind, tenant, changed);
CREATE INDEX ages ON records (kind, changed);
"""
_OURS = "kind = ? AND tenant = ?"

T = TypeVar("T")


class SqliteState:
    """Records in one table. One thread of its own works with the file, so the event loop never waits for the disk."""

    def __init__(self, path: Path, executor: ThreadPoolExecutor) -> None:
        self._path = path
        self._executor = executor
        self._gate = Gate("state", running=1, waiting=_WAITING)
        self._connection: sqlite3.Connection | None = None

    async def get(self, kind: RecordKind, tenant: str, key: str) -> Record | None:
        def read(database: sqlite3.Connection) -> Record | None:
            query = f"SELECT key, value, changed FROM records WHERE {_OURS} AND key = ? AND changed > ?"
            row = database.execute(query, (kind.name, tenant, key, _oldest(kind))).fetchone()
            return _to_record(row) if row else None

        return await self._run(read)

    async def put(self, kind: RecordKind, tenant: str, key: str, value: bytes, *, expected: int | None = None) -> int:
        def write(database: sqlite3.Connection) -> int:
            database.execute("DELETE FROM records WHERE kind = ? AND changed <= ?", (kind.name, _oldest(kind)))
            ours = (kind.name, tenant)
            [last] = database.execute(f"SELECT max(changed) FROM records WHERE {_OURS}", ours).fetchone()
            if expected is not None:
                query = f"SELECT changed FROM records WHERE {_OURS} AND key = ?"
                found = database.execute(query, (*ours, key)).fetchone()
                if expected != (found[0] if found else 0):
                    raise changed_meanwhile()
            changed = max(_now(), (last or 0) + 1)
            database.execute("REPLACE INTO records VALUES (?, ?, ?, ?, ?)", (*ours, key, changed, value))
            beyond = f"SELECT changed FROM records WHERE {_OURS} ORDER BY changed DESC LIMIT 1 OFFSET ?"
            database.execute(f"DELETE FROM records WHERE {_OURS} AND changed <= ({beyond})", (*ours, *ours, kind.limit))
            return changed

        return await self._run(write)

    async def delete(self, kind: RecordKind, tenant: str, key: str) -> bool:
        query = f"DELETE FROM records WHERE {_OURS} AND key = ?"
        return await self._run(lambda database: database.execute(query, (kind.name, tenant, key)).rowcount > 0)

    async def page(self, kind: RecordKind, tenant: str, *, before: int | None, limit: int) -> list[Record]:
        def read(database: sqlite3.Connection) -> list[Record]:
            query = f"SELECT key, value, changed FROM records WHERE {_OURS} AND changed > ? AND changed < ?"
            bounds = (_oldest(kind), _now() + 1 if before is None else before)
            rows = database.execute(f"{query} ORDER BY changed DESC LIMIT ?", (kind.name, tenant, *bounds, limit))
            return [_to_record(row) for row in rows]

        return await self._run(read)

    async def erase(self, tenant: str) -> int:
        def delete(database: sqlite3.Connection) -> int:
            return database.execute("DELETE FROM records WHERE tenant = ?", (tenant,)).rowcount

        return await self._run(delete)

    async def check(self) -> None:
        await self._run(lambda database: database.execute("SELECT count(*) FROM records WHERE kind = ''").fetchone())

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do the work in one transaction, in the thread of this state."""
        async with self._gate.enter():
            return await asyncio.get_running_loop().run_in_executor(self._executor, self._transact, work)

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with _translated_errors(self._path):
            if self._connection is None:
                self._connection = _connect(self._path)
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                return work(self._connection)

    def close(self) -> None:
        if self._connection:
            self._connection.close()


@asynccontextmanager
async def open_sqlite_state(path: Path) -> AsyncIterator[SqliteState]:
    """Open the file with the first call, which creates it if it does not exist."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="state") as executor:
        state = SqliteState(path, executor)
        try:
            yield state
        finally:
            executor.submit(state.close)


def back_up_state(source: Path, target: Path) -> None:
    """Copy the database to a new file while other processes use it. Raises `Unavailable` if a file fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with _translated_errors(source), closing(_connect(source)) as database, closing(sqlite3.connect(target)) as copy:
        database.backup(copy)
        # One file, so that a manifest can name it by its hash.
        copy.execute("PRAGMA journal_mode = DELETE")


def restore_state(source: Path, target: Path) -> None:
    """Replace the records by those of a backup, in one step that running processes see. Raises `Unavailable`."""
    # Immutable, or SQLite would write its own files beside the backup, whose files have known hashes.
    address = f"file:{quote(str(source.absolute()))}?immutable=1"
    with (
        _translated_errors(target),
        closing(sqlite3.connect(address, uri=True)) as copy,
        closing(_connect(target)) as database,
    ):
        copy.backup(database)


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Only the owner may read it: it holds questions and answers. SQLite gives its other files the same mode.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    # The thread that closes it at the end may be another one than the thread that opened it.
    database = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    with ExitStack() as on_failure:
        on_failure.callback(database.close)
        database.execute("PRAGMA journal_mode = WAL")
        # A power failure may lose the last changes, but cannot damage the file. A flush for each answer costs more.
        database.execute("PRAGMA synchronous = NORMAL")
        # Deleted conversations are overwritten, not only unlinked.
        database.execute("PRAGMA secure_delete = ON")
        _create_tables(database, path)
        on_failure.pop_all()
    return database


def _create_tables(database: sqlite3.Connection, path: Path) -> None:
    with database:
        database.execute("BEGIN IMMEDIATE")
        [number] = database.execute("PRAGMA user_version").fetchone()
        if number > FORMAT:
            raise Unavailable(f"A newer version of this program wrote {path}. Use that version, or move the file away.")
        if number == 0:
            for statement in _TABLES.split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {FORMAT}")


@contextmanager
def _translated_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(
            f"{path} cannot be used: {error}. Check the disk and the permissions of RAG_DATA_DIR. Move a damaged file "
            "away, or set RAG_STATE__KIND=redis."
        ) from error


def _to_record(row: tuple[str, bytes, int]) -> Record:
    return Record(key=row[0], value=row[1], changed=row[2])


def _oldest(kind: RecordKind) -> int:
    return _now() - kind.seconds * 1_000_000


def _now() -> int:
    return time.time_ns() // 1000
