"""The judge contract on the judges of the evaluations."""

import pytest

from evals.judging.cache import CachedJudge
from evals.judging.lexical import LexicalJudge
from tests.support.contracts.judge import JudgeContract


class TestLexicalJudge(JudgeContract):
    @pytest.fixture
    def judge(self):
        return LexicalJudge()


class TestCachedJudge(JudgeContract):
    @pytest.fixture
    def judge(self, tmp_path):
        return CachedJudge(LexicalJudge(), tmp_path / "judgements.jsonl")
