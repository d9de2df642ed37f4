"""The decoder of the GPU study: it has the planned size, and its times are compared with the roofline."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from loadtests.capacity.inputs import CapacityInputs
from loadtests.capacity.planning import prefill_seconds, token_seconds
from research.capacity.roofline import Decoder, DecoderShape, measure_roofline

ROOT = Path(__file__).parents[3]
INPUTS = CapacityInputs.read()
SMALL = DecoderShape(hidden=64, layers=2, heads=4, kv_heads=2, mlp=128, vocabulary=100)


def test_the_decoder_has_the_planned_parameters_and_cache():
    shape = DecoderShape()
    with torch.device("meta"):
        parameters = sum(each.numel() for each in Decoder(shape).parameters())
    assert parameters == pytest.approx(INPUTS.model.parameters, rel=0.01)
    keys_and_values = 2 * shape.layers * shape.kv_heads * shape.head * INPUTS.model.bytes_per_parameter
    assert keys_and_values == INPUTS.model.kv_bytes_per_token


@torch.inference_mode()
def test_a_token_attends_to_earlier_tokens_only():
    torch.manual_seed(0)
    decoder = Decoder(SMALL)
    tokens = torch.tensor([[1, 2, 3], [1, 5, 3]])
    first, second = decoder(tokens)
    assert not torch.allclose(first, second)
    [without_third_token] = decoder(tokens[:1, :2])
    caches = [torch.zeros(2, 1, SMALL.kv_heads, 2, SMALL.head) for _ in range(SMALL.layers)]
    decoder(tokens[:1, :1], [cache[:, :, :, :1] for cache in caches])
    [stepwise] = decoder(tokens[:1, 1:2], caches)
    assert torch.allclose(without_third_token, stepwise, atol=1e-5)


def test_the_reached_efficiency_is_the_planned_one_times_the_speedup():
    inputs = replace(INPUTS, model=replace(INPUTS.model, prompt_tokens=64, answer_tokens=8, slots=32))
    rows = list(measure_roofline(inputs, "cpu", shape=SMALL))
    assert [row.sequences for row in rows] == [1, 4, 1, 16, 32]
    for row in rows:
        assert 0 < min(row.seconds) <= row.median <= max(row.seconds)
        assert row.reached / row.planned == pytest.approx(row.predicted / row.median)
    assert rows[1].predicted == 4 * prefill_seconds(inputs)
    assert rows[-1].predicted == token_seconds(32, inputs) > token_seconds(1, inputs)


@pytest.mark.slow
def test_without_a_gpu_the_command_says_what_it_needs():
    run = subprocess.run(
        [sys.executable, "-m", "research", "gpu-roofline"],
        cwd=ROOT,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert "finds no GPU" in run.stderr
