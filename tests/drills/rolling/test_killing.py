"""kill -9 of Redis or of a worker loses no document. test_rolling.py kills a replica."""

import asyncio

import pytest

from tests.drills.rolling.killing import kill_redis, kill_workers
from tests.support.servers.redis_server import needs_redis


@pytest.mark.nightly  # tests/faults/test_redis_inbox.py restarts Redis too.
@needs_redis
def test_killing_redis_refuses_uploads_until_it_is_back_and_loses_none(onnx_models):
    series = asyncio.run(kill_redis(onnx_models, kills=1, rate=2))
    [kill] = series.kills
    assert (kill.cut, kill.refused) == (0, 0)
    assert kill.uploads_refused
    assert series.uploads > kill.uploads_refused


@pytest.mark.nightly  # tests/faults kills workers too.
@needs_redis
def test_killing_a_worker_fails_no_stream_and_loses_no_document(onnx_models):
    series = asyncio.run(kill_workers(onnx_models, kills=1, rate=2, claim_seconds=3))
    [kill] = series.kills
    assert (kill.cut, kill.refused, kill.uploads_refused) == (0, 0, 0)
    assert series.uploads == 22
