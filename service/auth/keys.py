"""API keys: who may call, for which tenant, and what they may do.

A key is `gw_<id>_<secret>`. The file holds id, tenant, role, salt and hash; the secret is shown once and kept nowhere.
The secret has 256 random bits, so one salted SHA-256 is enough: there is nothing to guess that stretching would slow.
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
"""A reader asks and lists; a writer also uploads and deletes."""

_PREFIX = "gw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key as it is stored."""

    id: str
    tenant: str
    role: Role
    salt: str
    hash: str
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks."""

    scope: Scope
    role: Role


NOBODY_IN_PARTICULAR = Caller(scope=Scope(tenant="default"), role="writer")
"""Whoever calls a service without keys, which listens on loopback only."""


class Keys:
    """The keys of one installation, in one file; a change takes effect without a restart."""

    def __init__(self, path: Path, *, allow_anonymous: bool = False) -> None:
        """`allow_anonymous`: while there is no key file, everybody is let in. Only for loopback."""
        self._path = path
        self._allow_anonymous = allow_anonymous
        self._read_at: tuple[int, int] | None = None
        self._keys: dict[str, Key] = {}

    def list(self) -> list[Key]:
        self._refresh()
        return list(self._keys.values())

    def create(self, *, tenant: str, role: Role) -> str:
        """Returns the key itself; nobody can read it again."""
        if not tenant:
            raise InvalidInput("A key needs a tenant.")
        identifier, secret, salt = secrets.token_hex(4), secrets.token_hex(32), secrets.token_hex(16)
        key = Key(id=identifier, tenant=tenant, role=role, salt=salt, hash=_hash(salt, secret), created_at=time.time())
        with self._changing():
            self._keys[identifier] = key
        return f"{_PREFIX}_{identifier}_{secret}"

    def revoke(self, identifier: str) -> None:
        with self._changing():
            if self._keys.pop(identifier, None) is None:
                raise NotFound(f"There is no key {identifier}. `python -m service keys list` shows them.")

    def authenticate(self, presented: str | None) -> Caller:
        """Raises `Unauthorized` without saying which part of the key was wrong."""
        self._refresh()
        if self._allow_anonymous and not self._path.exists():
            return NOBODY_IN_PARTICULAR
        prefix, _, rest = (presented or "").partition("_")
        identifier, _, secret = rest.partition("_")
        key = self._keys.get(identifier)
        if prefix != _PREFIX or key is None or not secrets.compare_digest(key.hash, _hash(key.salt, secret)):
            raise Unauthorized("Send a valid key: `Authorization: Bearer gw_…`.")
        return Caller(scope=Scope(tenant=key.tenant), role=key.role)

    def exist(self) -> bool:
        """Whether keys are in force. Revoking the last one locks everybody out rather than letting everybody in."""
        return self._path.exists()

    def _refresh(self) -> None:
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            self._keys, self._read_at = {}, None
            return
        if self._read_at == (stat.st_mtime_ns, stat.st_ino):
            return
        try:
            keys = [Key(**entry) for entry in json.loads(self._path.read_text())]
        except (ValueError, TypeError) as error:
            raise Misconfigured(f"{self._path} is damaged. Restore it from a backup.") from error
        self._keys = {key.id: key for key in keys}
        self._read_at = (stat.st_mtime_ns, stat.st_ino)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One change at a time, each on top of the one before, whichever process makes it."""
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
