"""An update of the service and of the collection loses no request, and kill -9 cuts only the open streams."""

import asyncio
from dataclasses import replace
from pathlib import Path

from tests.drills.rolling.haproxy import needs_haproxy
from tests.drills.rolling.killing import Series, kill_replicas
from tests.drills.rolling.rolling import DELAYS, RollingUpdate, open_replicas, roll

# Streams of more than five seconds: on a busy machine HAProxy may notice seconds late that a replica drains. A few slow
# tokens need less processor time than many fast ones.
_PACE = replace(DELAYS, tokens=16, tpot=0.35)


@needs_haproxy
def test_a_replaced_replica_fails_no_stream_and_a_killed_one_cuts_only_its_own(onnx_models):
    rolled, killed = asyncio.run(_replace_and_kill(onnx_models))
    assert len(rolled.streams) > 20
    assert not rolled.reasons
    assert not any(rolled.errors.values()), rolled.errors
    assert all(one.answered for one in rolled.replacements)
    assert [one.version for one in rolled.replacements] == ["v1"]
    assert all(rolled.served.values())
    [kill] = killed.kills
    assert 0 < kill.cut < killed.streams / 2
    assert kill.refused == 0


async def _replace_and_kill(models: Path) -> tuple[RollingUpdate, Series]:
    async with open_replicas(models, versions=2, pace=_PACE, RAG_DRAIN_DELAY_SECONDS="10") as replicas:
        rolled = await roll(replicas, replacements=1, rate=2)
        return rolled, await kill_replicas(replicas, kills=1, rate=3)
