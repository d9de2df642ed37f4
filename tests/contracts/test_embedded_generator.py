"""The generator contract on llama.cpp with the packaged model."""

import subprocess
import sys

import pytest

from service.settings import EmbeddedGeneratorSettings
from tests.support.contracts.generator import GeneratorContract

# Each test loads the model, which takes about a second on a quiet machine.
pytestmark = pytest.mark.slow


class TestEmbeddedGenerator(GeneratorContract):
    @pytest.fixture
    def generator_settings(self):
        return EmbeddedGeneratorSettings(slots=1, context_tokens=512)


def test_a_server_that_ends_right_after_its_start_does_not_hang():
    # In a program of its own, because a hanging server holds the interpreter's lock.
    program = """
from service.generation.embedded import PACKAGED_MODEL, _find_model, _start
from service.settings import EmbeddedGeneratorSettings
model, settings = _find_model(PACKAGED_MODEL), EmbeddedGeneratorSettings(slots=1, context_tokens=512)
for _ in range(5):
    _start(model, settings)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=180).returncode == 0
