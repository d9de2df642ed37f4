"""`python -m service erase`: the records of one tenant."""

import asyncio

from rag.state.base import RecordKind
from rag.state.factory import open_state
from service.program import build_parser
from service.settings import Settings

KIND = RecordKind(name="conversations", limit=9, seconds=3600)


def test_all_records_of_the_tenant_are_deleted_and_no_others(tmp_path, capsys):
    settings = Settings(data_dir=tmp_path)

    async def keys_of(tenant: str, *added: str) -> list[str]:
        async with open_state(settings.state, path=settings.state_file) as state:
            for key in added:
                await state.put(KIND, tenant, key, b"")
            return [record.key for record in await state.page(KIND, tenant, before=None, limit=9)]

    asyncio.run(keys_of("acme", "a", "b"))
    asyncio.run(keys_of("other", "c"))
    arguments = build_parser().parse_args(["erase", "acme"])
    arguments.run(arguments, settings)
    assert capsys.readouterr().out == "2 records of acme are deleted.\n"
    assert asyncio.run(keys_of("acme")) == []
    assert asyncio.run(keys_of("other")) == ["c"]
