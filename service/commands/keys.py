"""`python -m service keys`: creates, lists and revokes API keys."""

import argparse
import sys
from datetime import UTC, datetime
from typing import TypeAlias

from service.auth.keys import Keys
from service.settings import Settings

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""The return type of `add_subparsers`, which has no public name in argparse."""

_DESCRIPTION = "Creates, lists and revokes API keys. A running service notices each change at once."
_EXAMPLES = """examples:
  python -m service keys create --tenant acme --role writer
  python -m service keys list
  python -m service keys revoke 1a2b3c4d

needs: write access to the key file, which is keys.json in RAG_DATA_DIR or the file in RAG_KEYS_PATH.

exit status: 0 success, 1 failure, 2 wrong arguments"""


def add_command(commands: Commands) -> None:
    command = commands.add_parser(
        "keys",
        help="create, list and revoke API keys",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = command.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="print a new key; it cannot be shown again")
    create.add_argument("--tenant", default="default", help="tenant that the key belongs to (default: %(default)s)")
    create.add_argument("--role", choices=["reader", "writer"], default="reader", help="a writer may upload and delete")
    create.set_defaults(run=_create)
    listing = actions.add_parser("list", help="list every key with its tenant and role, without the secret")
    listing.set_defaults(run=_list)
    revoke = actions.add_parser("revoke", help="revoke a key at once")
    revoke.add_argument("id", help="key id from `keys list`")
    revoke.set_defaults(run=_revoke)


def _create(arguments: argparse.Namespace, settings: Settings) -> None:
    print(_open(settings).create(tenant=arguments.tenant, role=arguments.role))


def _list(_: argparse.Namespace, settings: Settings) -> None:
    keys = _open(settings)
    for key in keys.list():
        created = datetime.fromtimestamp(key.created_at, UTC).strftime("%Y-%m-%d %H:%M")
        print(f"{key.id}  {key.role:6}  {created}  {key.tenant}")
    if not keys.exist():
        print("There are no keys yet. Create one: python -m service keys create --role writer", file=sys.stderr)


def _revoke(arguments: argparse.Namespace, settings: Settings) -> None:
    _open(settings).revoke(arguments.id)
    print(f"{arguments.id} is revoked.")


def _open(settings: Settings) -> Keys:
    # A file that RAG_KEYS_PATH names must exist. The usual file may be missing before the first key.
    return Keys(settings.keys_file, allow_anonymous=settings.keys_path is None)
