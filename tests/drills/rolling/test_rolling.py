"""An update of the service and of the collection loses no request and cuts no stream."""

import asyncio
from dataclasses import replace

from tests.drills.rolling.haproxy import needs_haproxy
from tests.drills.rolling.rolling import DELAYS, roll


@needs_haproxy
def test_replacing_a_replica_and_the_collection_fails_no_stream(onnx_models):
    # Streams of six seconds: on a busy machine HAProxy may notice seconds late that a replica drains. A few slow tokens
    # need less processor time than many fast ones.
    pace = replace(DELAYS, tokens=16, tpot=0.4)
    rolled = asyncio.run(roll(onnx_models, replacements=1, rate=2, delay=10, pace=pace))
    assert len(rolled.streams) > 20
    assert not rolled.reasons
    assert not any(rolled.errors.values()), rolled.errors
    assert all(one.answered for one in rolled.replacements)
    assert [one.version for one in rolled.replacements] == ["v1"]
    assert all(rolled.served.values())
