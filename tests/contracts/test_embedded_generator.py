"""The generator contract on llama.cpp with the packaged model."""

import os
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


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="a process can be kept on one core on Linux only")
def test_a_server_that_ends_right_after_its_start_does_not_hang():
    # On one core, the loop of the server has not begun when the server is returned. A hanging server holds the
    # interpreter's lock, so it gets a program of its own.
    program = """
import os
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
from service.generation.embedded import PACKAGED_MODEL, _find_model, _start
from service.settings import EmbeddedGeneratorSettings
_start(_find_model(PACKAGED_MODEL), EmbeddedGeneratorSettings(slots=1, context_tokens=512))
"""
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=180).returncode == 0
