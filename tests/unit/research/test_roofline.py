"""The plan's model as PyTorch computes it: of the size that the plan says, and slower where there is more to do."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from loadtests.inputs import Inputs
from loadtests.planning import prefill_seconds, token_seconds
from research.capacity.roofline import Decoder, Shape, measure

ROOT = Path(__file__).parents[3]
INPUTS = Inputs.read()
SMALL = Shape(hidden=64, layers=2, heads=4, kv_heads=2, mlp=128, vocabulary=100)


def test_it_has_the_parameters_and_the_cache_of_the_plan():
    shape = Shape()
    with torch.device("meta"):
        parameters = sum(each.numel() for each in Decoder(shape).parameters())
    assert parameters == pytest.approx(INPUTS.model.parameters, rel=0.01)
    keys_and_values = 2 * shape.layers * shape.kv_heads * shape.head * INPUTS.model.bytes_per_parameter
    assert keys_and_values == INPUTS.model.kv_bytes_per_token


@torch.inference_mode()
def test_a_token_sees_those_before_it_and_none_after():
    torch.manual_seed(0)
    decoder = Decoder(SMALL)
    tokens = torch.tensor([[1, 2, 3], [1, 5, 3]])
    first, second = decoder(tokens)
    assert not torch.allclose(first, second)
    [alone] = decoder(tokens[:1, :2])
    caches = [torch.zeros(2, 1, SMALL.kv_heads, 2, SMALL.head) for _ in range(SMALL.layers)]
    decoder(tokens[:1, :1], [cache[:, :, :, :1] for cache in caches])
    [stepwise] = decoder(tokens[:1, 1:2], caches)
    assert torch.allclose(alone, stepwise, atol=1e-5)


def test_what_was_reached_is_what_was_planned_with_by_how_much_faster_it_was():
    inputs = replace(INPUTS, model=replace(INPUTS.model, prompt_tokens=64, answer_tokens=8, slots=32))
    rows = list(measure(inputs, "cpu", shape=SMALL))
    assert [row.sequences for row in rows] == [1, 4, 1, 16, 32]
    for row in rows:
        assert 0 < min(row.took) <= row.median <= max(row.took)
        assert row.reached / row.planned == pytest.approx(row.predicted / row.median)
    assert rows[1].predicted == 4 * prefill_seconds(inputs)
    assert rows[-1].predicted == token_seconds(32, inputs) > token_seconds(1, inputs)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, so nothing is refused")
def test_without_a_gpu_it_says_what_it_takes():
    run = subprocess.run(
        [sys.executable, "-m", "loadtests.capacity", "gpu"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert "sees no GPU" in run.stderr
