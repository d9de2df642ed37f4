"""API keys: each one has a tenant and a role.

A key has the form `gw_<id>_<secret>`. The file holds id, tenant, role, salt and hash, never the secret.
One salted SHA-256 is enough: key stretching slows down guessing, but 256 random bits cannot be guessed at any speed.
"""

import fcntl
import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import structlog
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from rag.durable import replace_bytes
from rag.errors import InvalidInput, KeysUnavailable, Misconfigured, NotFound, Unauthorized
from rag.types import Scope

log = structlog.get_logger()

Role = Literal["reader", "writer"]
"""A reader may ask questions and list documents. A writer may also upload and delete documents."""

_PREFIX = "gw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An API key as stored in the file."""

    # A field of a later release may restrict the key. Ignoring the field would lift the restriction.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    id: str
    tenant: Annotated[str, Field(min_length=1)]
    role: Role
    salt: str
    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The authenticated client of a request."""

    scope: Scope
    role: Role


ANONYMOUS = Caller(scope=Scope(tenant="default"), role="writer")
"""The caller if there are no keys. The service then listens on loopback only."""

_STORED_KEYS = TypeAdapter(list[Key])


class Keys:
    """The keys of an installation, stored in one file. Changes take effect without a restart."""

    def __init__(self, path: Path, *, allow_anonymous: bool = False) -> None:
        """`allow_anonymous` admits every caller until the first key is created. Use it on loopback only."""
        self._path = path
        # The lock file stays after the first `keys create`. It distinguishes a first start from a lost key file.
        self._lock = path.parent / f"{path.stem}.lock"
        self._allow_anonymous = allow_anonymous
        self._were_seen = False
        self._stamp: tuple[int, int, int] | None = None
        self._keys: dict[str, Key] = {}
        self._reported = ""

    def list(self) -> list[Key]:
        """Return all keys. Raises `Misconfigured` if the key file is damaged, or was lost."""
        return list(self._current().values())

    def create(self, *, tenant: str, role: Role) -> str:
        """Create a key and return it. The secret cannot be read again later."""
        if not tenant:
            raise InvalidInput("A key needs a tenant. Pass `--tenant`.")
        identifier, secret, salt = secrets.token_hex(4), secrets.token_hex(32), secrets.token_hex(16)
        key = Key(id=identifier, tenant=tenant, role=role, salt=salt, hash=_hash(salt, secret), created_at=time.time())
        with self._changing() as keys:
            keys[identifier] = key
        return f"{_PREFIX}_{identifier}_{secret}"

    def revoke(self, identifier: str) -> None:
        if identifier not in self._current():
            raise NotFound(f"There is no key {identifier}. Run `python -m service keys list` to see all keys.")
        with self._changing() as keys:
            keys.pop(identifier, None)

    def authenticate(self, presented: str | None) -> Caller:
        """Return the caller.

        Raises `Unauthorized` without naming the wrong part, so that no id is revealed, and `KeysUnavailable` if the
        key file cannot be used.
        """
        keys = self._usable()
        if not self.are_required():
            return ANONYMOUS
        prefix, _, rest = (presented or "").partition("_")
        identifier, _, secret = rest.partition("_")
        key = keys.get(identifier)
        if prefix != _PREFIX or key is None or not secrets.compare_digest(key.hash, _hash(key.salt, secret)):
            raise Unauthorized("The API key is missing or not valid. Send `Authorization: Bearer gw_…`.")
        return Caller(scope=Scope(tenant=key.tenant), role=key.role)

    def check(self) -> None:
        """Raise `KeysUnavailable` if the key file is damaged or was lost."""
        self._usable()

    def exist(self) -> bool:
        """Return whether the key file exists. Revoking the last key keeps it, so no caller gets in."""
        return _may_exist(self._path)

    def are_required(self) -> bool:
        """Return whether callers need a key. Once keys were created, this stays true even if their file is lost."""
        self._were_seen = self._were_seen or _may_exist(self._lock) or self.exist()
        return self._were_seen or not self._allow_anonymous

    def _usable(self) -> dict[str, Key]:
        """Return the keys, or raise `KeysUnavailable` and log its reason once, not once for each request."""
        try:
            keys = self._current()
        except Misconfigured as error:
            if self._reported != str(error):
                self._reported = str(error)
                log.error("keys_unavailable", reason=self._reported)
            raise KeysUnavailable(
                "The service cannot check API keys now. Its operator finds the reason in the log."
            ) from error
        self._reported = ""
        return keys

    def _current(self) -> dict[str, Key]:
        keys = self._load()
        if keys is None and self.are_required():
            without = f" To go on without keys, delete {self._lock} too, and restart the service."
            raise Misconfigured(
                f"The key file {self._path} does not exist. Restore it from a backup, or create new keys with "
                "`python -m service keys create`. Until then the service accepts no call."
                f"{without if self._allow_anonymous else ''}"
            )
        return keys or {}

    def _load(self) -> dict[str, Key] | None:
        """Return the keys, or None without a key file. The file is parsed only after it has changed."""
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
            if self._stamp != stamp:
                stored = _STORED_KEYS.validate_json(self._path.read_bytes())
                self._keys, self._stamp = {key.id: key for key in stored}, stamp
                # A restored or copied key file comes without it. Its folder may be read-only.
                with suppress(OSError):
                    self._lock.touch()
        except FileNotFoundError:
            self._stamp = None
            return None
        except (OSError, ValidationError) as error:
            raise Misconfigured(
                f"The key file {self._path} is damaged: {_reason_of(error)}. Restore it from a backup, or delete it "
                "and create new keys with `python -m service keys create`. Until then the service accepts no call."
            ) from error
        return self._keys

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Key]]:
        """Lock the file across processes, yield the latest keys, and save them after the block."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keys = dict(self._load() or {})  # If they cannot be saved, the old ones stay in force.
            yield keys
            self._save(keys)

    def _save(self, keys: dict[str, Key]) -> None:
        draft = self._path.with_suffix(".draft")
        draft.touch(mode=0o600)
        # A power failure must not leave an empty file, which would lock every caller out.
        replace_bytes(self._path, _STORED_KEYS.dump_json(list(keys.values()), indent=1), draft=draft)


def _may_exist(path: Path) -> bool:
    """Return whether the file exists. One that cannot be reached, such as behind a broken link, counts as existing."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _reason_of(error: OSError | ValidationError) -> str:
    """Return the reason without the values of the file, because a log must not contain them."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    fault = error.errors()[0]
    if fault["type"] == "json_invalid":
        return "it is not valid JSON"
    return f"{'.'.join(map(str, fault['loc'])) or 'the list of keys'} is not valid"


def _hash(salt: str, secret: str) -> str:
    return hashlib.sha256(f"{salt}{secret}".encode()).hexdigest()
