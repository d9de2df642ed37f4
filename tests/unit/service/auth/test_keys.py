"""API keys: storage, authentication and revocation."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from rag.errors import InvalidInput, NotFound, Unauthorized
from service.auth.keys import Keys


@pytest.fixture
def keys(tmp_path) -> Keys:
    return Keys(tmp_path / "keys.json", allow_anonymous=True)


def test_without_keys_every_caller_on_loopback_is_the_default_tenant(keys):
    assert keys.authenticate(None).scope.tenant == "default"


def test_beyond_loopback_a_deleted_key_file_admits_no_caller(tmp_path):
    serving = Keys(tmp_path / "keys.json")
    key = serving.create(tenant="acme", role="reader")
    (tmp_path / "keys.json").unlink()
    for presented in (None, key):
        with pytest.raises(Unauthorized):
            serving.authenticate(presented)


def test_keys_created_concurrently_are_all_stored(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        made = list(
            threads.map(lambda n: Keys(tmp_path / "keys.json").create(tenant=f"t{n}", role="reader"), range(16))
        )
    assert {key.id for key in Keys(tmp_path / "keys.json").list()} == {key.split("_")[1] for key in made}


def test_the_first_key_creates_the_missing_folders_of_its_file(tmp_path):
    keys = Keys(tmp_path / "not" / "there" / "keys.json")
    keys.create(tenant="acme", role="reader")
    assert [key.tenant for key in keys.list()] == ["acme"]


def test_a_key_carries_its_tenant_and_role(keys):
    caller = keys.authenticate(keys.create(tenant="acme", role="reader"))
    assert (caller.scope.tenant, caller.role) == ("acme", "reader")


def test_the_file_contains_no_secret_and_is_private(keys, tmp_path):
    secret = keys.create(tenant="acme", role="reader").split("_")[2]
    file = tmp_path / "keys.json"
    assert secret not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("presented", [None, "", "gw", "gw__", "gw_00000000_abc", "Bearer x"])
def test_a_malformed_key_is_rejected(keys, presented):
    keys.create(tenant="acme", role="reader")
    with pytest.raises(Unauthorized):
        keys.authenticate(presented)


def test_the_secret_of_another_key_is_rejected(keys):
    first, second = keys.create(tenant="a", role="reader"), keys.create(tenant="b", role="reader")
    with pytest.raises(Unauthorized):
        keys.authenticate("_".join([*first.split("_")[:2], second.split("_")[2]]))


def test_a_revoked_key_is_rejected_at_once_in_another_process(keys, tmp_path):
    key = keys.create(tenant="acme", role="reader")
    keys.create(tenant="acme", role="reader")
    serving = Keys(tmp_path / "keys.json")
    serving.authenticate(key)
    keys.revoke(key.split("_")[1])
    with pytest.raises(Unauthorized):
        serving.authenticate(key)


def test_revoking_the_last_key_admits_no_caller(keys):
    key = keys.create(tenant="acme", role="reader")
    keys.revoke(key.split("_")[1])
    with pytest.raises(Unauthorized):
        keys.authenticate(None)


def test_revoking_an_unknown_key_fails(keys):
    with pytest.raises(NotFound, match="keys list"):
        keys.revoke("nothing")


def test_the_folder_of_the_key_file_is_created(tmp_path):
    path = tmp_path / "new" / "folder" / "keys.json"
    key = Keys(path).create(tenant="acme", role="reader")
    assert Keys(path).authenticate(key).scope.tenant == "acme"


def test_a_key_needs_a_tenant(keys):
    with pytest.raises(InvalidInput):
        keys.create(tenant="", role="reader")
