"""How well follow-up questions are found: with their conversation, without it, and asked so that they stand alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evals.answers.gold import GoldQuestion, QuestionSet
from evals.answers.ranking import rank_all
from evals.answers.results import Estimate
from evals.collection import open_resources_over
from service.resources import Resources
from service.settings import Settings

_MEASURE = "R@3"


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpResult:
    """The recall of one way to ask the same questions."""

    way: str
    recall: Estimate
    of_stand_alone: Estimate
    """The recall among the questions that are found when they stand alone."""

    def to_row(self) -> str:
        return f"| {self.way} | {self.recall} | {self.of_stand_alone} |"


HEADER = "| asked | gold passage in the first three | of those that the stand-alone question finds |\n|---|---|---|"


async def measure_follow_ups(questions: QuestionSet, settings: Settings) -> list[FollowUpResult]:
    """Search for each question in three forms. The mode of the service decides whether a model rewrites."""
    forms = {
        "so that it stands alone": [
            replace(question, text=question.stand_alone, earlier="") for question in questions.questions
        ],
        "with its conversation": list(questions.questions),
        "without its conversation": [replace(question, earlier="") for question in questions.questions],
    }
    async with open_resources_over(questions.documents, settings) as resources:
        found = {way: await _recall(asked, resources=resources) for way, asked in forms.items()}
    reachable = {question for question, recall in next(iter(found.values())).items() if recall == 1}
    return [
        FollowUpResult(
            way=way,
            recall=Estimate.of(list(recalls.values())),
            of_stand_alone=Estimate.of([recalls[question] for question in reachable]),
        )
        for way, recalls in found.items()
    ]


async def _recall(questions: Sequence[GoldQuestion], *, resources: Resources) -> Mapping[str, float]:
    scores = await rank_all(questions, resources)
    return {question: values[_MEASURE] for question, values in scores.items()}
