"""An update of the service and of the collection loses no request and cuts no stream."""

import asyncio
from dataclasses import replace

from tests.drills.rolling.haproxy import needs_haproxy
from tests.drills.rolling.rolling import DELAYS, roll


@needs_haproxy
def test_replacing_replicas_and_the_collection_fails_no_stream(onnx_models):
    # Longer than in the measurement: on a busy machine HAProxy may notice seconds late that a replica drains.
    pace = replace(DELAYS, tpot=0.08)
    rolled = asyncio.run(roll(onnx_models, replacements=2, rate=3, delay=10, pace=pace))
    assert len(rolled.streams) > 20
    assert not rolled.reasons
    assert not any(rolled.errors.values()), rolled.errors
    assert all(one.answered for one in rolled.replacements)
    assert [one.version for one in rolled.replacements] == ["v1", "v1"]
    assert all(rolled.served.values())
