"""`python -m service erase`: deletes what the service keeps of a tenant's questions."""

import argparse
import asyncio

from rag.state.factory import open_state
from service.commands.keys import Commands
from service.settings import Settings

_DESCRIPTION = """Deletes all records of a tenant from the shared state: conversations, recent answers and feedback.

Documents are not deleted: `python -m ingest remove --tenant TENANT` does that. Backups keep what they have."""
_EXAMPLES = """examples:
  python -m service erase acme

needs: access to the shared state, which is a file in RAG_DATA_DIR or the Redis in RAG_STATE__URL.

exit status: 0 success, 1 failure, 2 wrong arguments"""


def add_command(commands: Commands) -> None:
    command = commands.add_parser(
        "erase",
        help="delete all conversations, recent answers and feedback of a tenant",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("tenant", help="name of the tenant; without API keys, it is default")
    command.set_defaults(run=_erase)


def _erase(arguments: argparse.Namespace, settings: Settings) -> None:
    count = asyncio.run(_erase_records(arguments.tenant, settings))
    print(f"{count:,} records of {arguments.tenant} are deleted.")


async def _erase_records(tenant: str, settings: Settings) -> int:
    async with open_state(settings.state, path=settings.state_file) as state:
        return await state.erase(tenant)
