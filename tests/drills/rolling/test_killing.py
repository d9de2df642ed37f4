"""kill -9 affects only the streams that are open at that moment, and loses no document."""

import asyncio
from dataclasses import replace

import pytest

from tests.drills.rolling.haproxy import needs_haproxy
from tests.drills.rolling.killing import kill_redis, kill_replicas, kill_workers
from tests.drills.rolling.rolling import DELAYS
from tests.support.servers.redis_server import needs_redis


@needs_haproxy
def test_killing_a_replica_cuts_only_its_own_streams(onnx_models):
    # Streams as long as in the measurement, with fewer tokens.
    pace = replace(DELAYS, tokens=16, tpot=0.25)
    series = asyncio.run(kill_replicas(onnx_models, kills=1, rate=3, pace=pace))
    [kill] = series.kills
    assert 0 < kill.cut < series.streams / 2
    assert kill.refused == 0


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
