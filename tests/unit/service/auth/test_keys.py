"""API keys: storage, authentication and revocation."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from structlog.testing import capture_logs

from rag.errors import InvalidInput, KeysUnavailable, Misconfigured, NotFound, Unauthorized
from service.auth.keys import Keys

VALID = {"id": "a1", "tenant": "acme", "role": "reader", "salt": "s", "hash": "0" * 64, "created_at": 1.0}
DAMAGED = {
    "empty": "",
    "cut off": '[{"id": "a1", "ten',
    "not a list": "{}",
    "binary": "\x00\x01",
    "a field is missing": json.dumps([{"id": "a1"}]),
    "an unknown role": json.dumps([VALID | {"role": "admin"}]),
    "no tenant": json.dumps([VALID | {"tenant": ""}]),
    "a number as tenant": json.dumps([VALID | {"tenant": 7}]),
    "a hash of another length": json.dumps([VALID | {"hash": "secret"}]),
    "a field of a later release": json.dumps([VALID | {"expires_at": 1.0}]),
}


@pytest.fixture
def keys(tmp_path) -> Keys:
    return Keys(tmp_path / "keys.json", allow_anonymous=True)


def test_without_keys_every_caller_on_loopback_is_the_default_tenant(keys):
    assert keys.authenticate(None).scope.tenant == "default"


@pytest.mark.parametrize("allow_anonymous", [True, False])
@pytest.mark.parametrize("restarted", [True, False])
def test_a_deleted_key_file_admits_no_caller(tmp_path, allow_anonymous, restarted):
    serving = Keys(tmp_path / "keys.json", allow_anonymous=allow_anonymous)
    key = serving.create(tenant="acme", role="reader")
    (tmp_path / "keys.json").unlink()
    if restarted:
        serving = Keys(tmp_path / "keys.json", allow_anonymous=allow_anonymous)
    for presented in (None, key):
        with pytest.raises(KeysUnavailable):
            serving.authenticate(presented)


def test_the_reason_of_a_deleted_key_file_says_how_to_go_on_without_keys(keys, tmp_path):
    keys.authenticate(keys.create(tenant="acme", role="reader"))
    (tmp_path / "keys.json").unlink()
    (tmp_path / "keys.lock").unlink()
    with capture_logs() as lines, pytest.raises(KeysUnavailable):
        keys.authenticate(None)
    [line] = lines
    assert line["reason"].endswith(f"delete {tmp_path / 'keys.lock'} too, and restart the service.")
    assert Keys(tmp_path / "keys.json", allow_anonymous=True).authenticate(None).scope.tenant == "default"


def test_a_copied_key_file_that_is_deleted_later_admits_no_caller(keys, tmp_path):
    (tmp_path / "keys.json").write_text(json.dumps([VALID]))
    with pytest.raises(Unauthorized):
        keys.authenticate(None)
    (tmp_path / "keys.json").unlink()
    for serving in (keys, Keys(tmp_path / "keys.json", allow_anonymous=True)):
        with pytest.raises(KeysUnavailable):
            serving.authenticate(None)


def test_a_key_file_at_a_configured_path_must_exist(tmp_path):
    with pytest.raises(KeysUnavailable):
        Keys(tmp_path / "keys.json", allow_anonymous=False).authenticate(None)


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_key_file_admits_no_caller_and_shows_no_path(keys, tmp_path, content):
    key = keys.create(tenant="acme", role="writer")
    keys.authenticate(key)
    (tmp_path / "keys.json").write_text(content)
    with capture_logs() as lines:
        for presented in (None, key, key):
            with pytest.raises(KeysUnavailable) as caught:
                keys.authenticate(presented)
            assert str(tmp_path) not in str(caught.value)
    [line] = lines
    assert (line["log_level"], line["event"]) == ("error", "keys_unavailable")
    assert str(tmp_path / "keys.json") in line["reason"]
    assert "secret" not in line["reason"]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [("cut off", "it is not valid JSON"), ("not a list", "the list of keys is not valid"), ("no tenant", "0.tenant")],
)
def test_the_reason_says_what_is_wrong_with_a_damaged_key_file(tmp_path, damage, reason):
    (tmp_path / "keys.json").write_text(DAMAGED[damage])
    with capture_logs() as lines, pytest.raises(KeysUnavailable):
        Keys(tmp_path / "keys.json").authenticate(None)
    assert reason in lines[0]["reason"]


def test_a_folder_in_place_of_the_key_file_admits_no_caller(keys, tmp_path):
    (tmp_path / "keys.json").mkdir()
    with pytest.raises(KeysUnavailable):
        keys.authenticate(None)


def test_a_link_to_a_missing_key_file_admits_no_caller(keys, tmp_path):
    (tmp_path / "keys.json").symlink_to(tmp_path / "unmounted" / "keys.json")
    with pytest.raises(KeysUnavailable):
        keys.authenticate(None)


def test_a_key_file_that_cannot_be_reached_admits_no_caller(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    unreachable = Keys(tmp_path / "loop" / "keys.json", allow_anonymous=True)
    assert unreachable.are_required()
    with pytest.raises(KeysUnavailable):
        unreachable.authenticate(None)


def test_the_check_fails_only_if_keys_were_lost(keys, tmp_path):
    keys.check()
    keys.create(tenant="acme", role="reader")
    keys.check()
    (tmp_path / "keys.json").unlink()
    with pytest.raises(KeysUnavailable):
        keys.check()


def test_a_restored_key_file_admits_its_callers_again(keys, tmp_path):
    key = keys.create(tenant="acme", role="reader")
    stored = (tmp_path / "keys.json").read_text()
    (tmp_path / "keys.json").write_text("")
    with pytest.raises(KeysUnavailable):
        keys.authenticate(key)
    (tmp_path / "keys.json").write_text(stored)
    assert keys.authenticate(key).scope.tenant == "acme"


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_the_keys_of_a_damaged_file_can_be_neither_listed_nor_overwritten(keys, tmp_path, content):
    (tmp_path / "keys.json").write_text(content)
    with pytest.raises(Misconfigured, match="Restore it from a backup"):
        keys.list()
    with pytest.raises(Misconfigured, match="Restore it from a backup"):
        keys.create(tenant="acme", role="reader")
    assert (tmp_path / "keys.json").read_text() == content


def test_after_the_loss_of_the_key_file_new_keys_can_be_created(keys, tmp_path):
    keys.create(tenant="acme", role="reader")
    (tmp_path / "keys.json").unlink()
    with pytest.raises(Misconfigured, match="keys create"):
        keys.list()
    assert keys.authenticate(keys.create(tenant="new", role="reader")).scope.tenant == "new"


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


def test_revoking_an_unknown_key_fails_and_requires_no_keys(keys):
    with pytest.raises(NotFound, match="keys list"):
        keys.revoke("nothing")
    assert not keys.are_required()


def test_the_folder_of_the_key_file_is_created(tmp_path):
    path = tmp_path / "new" / "folder" / "keys.json"
    key = Keys(path).create(tenant="acme", role="reader")
    assert Keys(path).authenticate(key).scope.tenant == "acme"


def test_a_key_needs_a_tenant(keys):
    with pytest.raises(InvalidInput):
        keys.create(tenant="", role="reader")
