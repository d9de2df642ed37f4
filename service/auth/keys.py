"""API keys: each one has a tenant and a role.

A key has the form `gw_<id>_<secret>`. The file holds id, tenant, role, salt and hash, never the secret.
One salted SHA-256 is enough: key stretching slows down guessing, but 256 random bits cannot be guessed at any speed.
"""

import fcntl
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rag.errors import InvalidInput, Misconfigured, NotFound, Unauthorized
from rag.types import Scope

Role = Literal["reader", "writer"]
"""A reader may ask questions and list documents. A writer may also upload and delete documents."""

_PREFIX = "gw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An API key as stored in the file."""

    id: str
    tenant: str
    role: Role
    salt: str
    hash: str
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The authenticated client of a request."""

    scope: Scope
    role: Role


ANONYMOUS = Caller(scope=Scope(tenant="default"), role="writer")
"""The caller if there are no keys. The service then listens on loopback only."""


class Keys:
    """The keys of an installation, stored in one file. Changes take effect without a restart."""

    def __init__(self, path: Path, *, allow_anonymous: bool = False) -> None:
        """`allow_anonymous` admits every caller as long as the key file does not exist. Use it on loopback only."""
        self._path = path
        self._allow_anonymous = allow_anonymous
        self._file_stamp: tuple[int, int] | None = None
        self._keys: dict[str, Key] = {}

    def list(self) -> list[Key]:
        self._refresh()
        return list(self._keys.values())

    def create(self, *, tenant: str, role: Role) -> str:
        """Create a key and return it. The secret cannot be read again later."""
        if not tenant:
            raise InvalidInput("A key needs a tenant. Pass `--tenant`.")
        identifier, secret, salt = secrets.token_hex(4), secrets.token_hex(32), secrets.token_hex(16)
        key = Key(id=identifier, tenant=tenant, role=role, salt=salt, hash=_hash(salt, secret), created_at=time.time())
        with self._changing():
            self._keys[identifier] = key
        return f"{_PREFIX}_{identifier}_{secret}"

    def revoke(self, identifier: str) -> None:
        with self._changing():
            if self._keys.pop(identifier, None) is None:
                raise NotFound(f"There is no key {identifier}. Run `python -m service keys list` to see all keys.")

    def authenticate(self, presented: str | None) -> Caller:
        """Return the caller. Raises `Unauthorized` without naming the wrong part, so that no id is revealed."""
        self._refresh()
        if self._allow_anonymous and not self._path.exists():
            return ANONYMOUS
        prefix, _, rest = (presented or "").partition("_")
        identifier, _, secret = rest.partition("_")
        key = self._keys.get(identifier)
        if prefix != _PREFIX or key is None or not secrets.compare_digest(key.hash, _hash(key.salt, secret)):
            raise Unauthorized("The API key is missing or not valid. Send `Authorization: Bearer gw_…`.")
        return Caller(scope=Scope(tenant=key.tenant), role=key.role)

    def exist(self) -> bool:
        """Return whether keys are required. Revoking the last key keeps them required, so no caller gets in."""
        return self._path.exists()

    def _refresh(self) -> None:
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            self._keys, self._file_stamp = {}, None
            return
        if self._file_stamp == (stat.st_mtime_ns, stat.st_ino):
            return
        try:
            keys = [Key(**entry) for entry in json.loads(self._path.read_text())]
        except (ValueError, TypeError) as error:
            raise Misconfigured(f"{self._path} is not a valid key file: {error}. Check RAG_KEYS_PATH.") from error
        self._keys = {key.id: key for key in keys}
        self._file_stamp = (stat.st_mtime_ns, stat.st_ino)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Lock the file across processes, read the latest keys, and save them after the block."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._refresh()
            yield
            self._save()

    def _save(self) -> None:
        draft = self._path.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps([asdict(key) for key in self._keys.values()], indent=1))
        draft.replace(self._path)


def _hash(salt: str, secret: str) -> str:
    return hashlib.sha256(f"{salt}{secret}".encode()).hexdigest()
