"""The counters of prompts exist before the first answer, or an alert would miss the first failures."""

from string import Template

import pytest
from prometheus_client import REGISTRY

from service.generation.absent import AbsentGenerator
from service.prompting.base import PromptTemplate, PromptVersion
from service.writing.checked import CheckedWriter
from service.writing.generate import GenerateWriter


@pytest.mark.parametrize("writer", [GenerateWriter, CheckedWriter])
def test_a_writer_counts_the_answers_of_its_prompt_from_zero(writer):
    version = PromptVersion(name=writer.__name__, version="v7", hash="")
    template = PromptTemplate(version=version, purpose="", system=Template(""), user=Template(""), verdicts={})
    writer(AbsentGenerator(), template)
    for outcome in ("cited", "uncited", "failed"):
        labels = {"name": writer.__name__, "version": "v7", "outcome": outcome}
        assert REGISTRY.get_sample_value("rag_prompt_answers_total", labels) == 0
