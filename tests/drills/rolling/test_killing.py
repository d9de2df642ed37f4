"""kill -9 costs what was under way, and nothing that comes after."""

import asyncio

from tests.drills.rolling.haproxy import needs_haproxy
from tests.drills.rolling.killing import kill_redis, kill_replicas, kill_workers
from tests.support.redis_server import needs_redis


@needs_haproxy
def test_a_replica_that_is_killed_cuts_its_streams_and_fails_no_other(onnx_models):
    series = asyncio.run(kill_replicas(onnx_models, kills=1, rate=3))
    [kill] = series.kills
    assert 0 < kill.cut < series.streams / 2
    assert kill.refused == 0


@needs_redis
def test_a_redis_that_is_killed_refuses_uploads_while_it_is_away_and_loses_none(onnx_models):
    series = asyncio.run(kill_redis(onnx_models, kills=1, rate=2))
    [kill] = series.kills
    assert (kill.cut, kill.refused) == (0, 0)
    assert kill.uploads_refused
    assert series.uploads > kill.uploads_refused


@needs_redis
def test_a_worker_that_is_killed_fails_nobody_and_loses_no_document(onnx_models):
    series = asyncio.run(kill_workers(onnx_models, kills=1, rate=2, claim_seconds=3))
    [kill] = series.kills
    assert (kill.cut, kill.refused, kill.uploads_refused) == (0, 0, 0)
    assert series.uploads == 22
