"""An update of the service, and of the collection beneath it, loses no request and cuts no stream."""

import asyncio
from dataclasses import replace

from tests.drills.rolling.haproxy import needs_haproxy
from tests.drills.rolling.rolling import DELAYS, roll


@needs_haproxy
def test_replacing_replicas_and_the_collection_fails_nobody(onnx_models):
    # Both longer than where it is measured: HAProxy may see a second or two late on a busy machine that a replica ends.
    pace = replace(DELAYS, tpot=0.08)
    rolled = asyncio.run(roll(onnx_models, replacements=2, rate=3, delay=5, pace=pace))
    assert len(rolled.streams) > 20
    assert not rolled.reasons
    assert not any(rolled.troubles.values()), rolled.troubles
    assert all(one.answered for one in rolled.replacements)
    assert [one.version for one in rolled.replacements] == ["v1", "v1"]
    assert all(rolled.served.values())
