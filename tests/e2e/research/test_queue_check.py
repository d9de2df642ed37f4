"""The comparison of the queueing model with the real service."""

import pytest

from research.capacity.queue_check import check_queue_model

PAGE = "# Pump\n\n## Seals\n\nUse seals of type S-17.\n\n## Oil\n\nUse oil of grade ISO 46.\n"


@pytest.mark.nightly
async def test_more_load_is_predicted_and_measured_to_wait_longer(tmp_path, onnx_models):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "models").symlink_to(onnx_models)
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "pump.md").write_text(PAGE)
    unloaded, checks = await check_queue_model(
        tmp_path / "documents", tmp_path, rounds=1, seconds=8, unloaded_seconds=6
    )
    assert 0.3 < unloaded.held < 3
    low, _, overload = checks
    assert low.failed == overload.failed == 0
    assert overload.predicted_refused > low.predicted_refused
    assert overload.wait > low.wait
    assert (tmp_path / "queueing.svg").read_text().startswith("<svg")
