"""Reasoning of models is removed, however the text is split."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.generation.base import Retraction
from service.generation.reasoning import ReasoningFilter, is_opened_by_prompt

REMOVED = {
    "a block": "<think>Passage [3] may help.</think>\n\nIt opened [1].",
    "space before the block": "\n <think>Hm.</think>It opened [1].",
    "an empty block": "<think>\n\n</think>\n\nIt opened [1].",
    "two blocks": "<think>Hm.</think> <think>Yes.</think> It opened [1].",
    "capital letters": "<THINK>Hm.</Think>It opened [1].",
    "another tag": "<thinking>Hm.</thinking>It opened [1].",
    "a tag of another block inside": "<reasoning>I </think> so.</reasoning>It opened [1].",
    "MiniMax": "<mm:think>Hm.</mm:think>It opened [1].",
    "Mistral": "[THINK]Hm.[/THINK]It opened [1].",
    "Kimi": "◁think▷Hm.◁/think▷It opened [1].",
    "gpt-oss": "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>It opened [1].",
    "no opening tag": "Passage [3] may help.\n</think>\n\nIt opened [1].",
}
KEPT = [
    "It opened [1].",
    "It opened [1]. The tag <think> starts the reasoning and </think> ends it.",
    "Write `</think>` at the end.",
    "a < b and <thin> and <",
    "<",
    "<thin",
    "[1] says so.",
    "[think",
    "```\n</think>\n```",
]
OPENED = "It opened [1]."


def visible(*pieces: str, starts_inside: bool = False, is_cut_off: bool = False) -> str:
    """Return the text that a reader of the pieces ends up with."""
    reasoning = ReasoningFilter(starts_inside=starts_inside)
    text = ""
    released = [part for piece in pieces for part in reasoning.push(piece)]
    for part in [*released, *reasoning.end(is_cut_off=is_cut_off)]:
        text = "" if isinstance(part, Retraction) else text + part
    return text


@pytest.mark.parametrize("written", REMOVED.values(), ids=list(REMOVED))
def test_reasoning_before_the_answer_is_removed(written):
    assert visible(written) == OPENED
    assert visible(*written) == OPENED


@pytest.mark.parametrize("written", KEPT)
def test_tags_inside_an_answer_stay(written):
    assert visible(written) == written
    assert visible(*written) == written


@given(st.sampled_from([*REMOVED.values(), *KEPT]), st.lists(st.integers(0, 120)))
def test_the_result_does_not_depend_on_where_the_text_is_split(written, cuts):
    bounds = [0, *sorted(min(cut, len(written)) for cut in cuts), len(written)]
    assert visible(*(written[a:b] for a, b in itertools.pairwise(bounds))) == visible(written)


@pytest.mark.parametrize("written", ["<think>Hm.", "<think>Hm.</thi", "<think>", "  ", ""])
def test_a_text_that_ends_inside_its_reasoning_is_empty(written):
    assert visible(written) == visible(*written) == ""


def test_a_tag_inside_the_reasoning_is_text_wherever_the_pieces_begin():
    for length in range(40):
        assert visible("<think>", "x" * 40 + "<thought>" + "y" * length, "z", "</think>It opened.") == "It opened."


def test_a_closing_tag_is_found_behind_long_reasoning_however_it_is_split():
    for starts_inside in (True, False):
        pieces = ["<think>" if not starts_inside else "Hm.", *["so "] * 1000, "</", "thi", "nk>", "It ", "opened."]
        assert visible(*pieces, starts_inside=starts_inside) == "It opened."


def test_the_time_for_a_piece_does_not_grow_with_the_reasoning_before_it():
    def seconds(pieces: int) -> float:
        reasoning = ReasoningFilter(starts_inside=True)
        began = time.process_time()
        for _ in range(pieces):
            reasoning.push("word ")
        return time.process_time() - began

    # Four times the pieces took sixteen times as long.
    assert min(seconds(16_000) for _ in range(3)) < 10 * min(seconds(4_000) for _ in range(3))


def test_reasoning_without_an_opening_tag_is_held_back_after_the_first_time():
    reasoning = ReasoningFilter(starts_inside=False)
    assert [*reasoning.push("Hm. "), *reasoning.push("</think> It "), *reasoning.push("opened.")] == [
        "Hm. ",
        Retraction(),
        "It ",
        "opened.",
    ]
    assert reasoning.began == "inside"
    following = ReasoningFilter(starts_inside=True)
    assert [*following.push("Hm. "), *following.push("</think> It ")] == ["It "]


def test_an_answer_without_the_expected_reasoning_is_not_lost():
    assert visible("It ", "opened.", starts_inside=True) == "It opened."
    assert visible("Hm, it", starts_inside=True, is_cut_off=True) == ""


def test_text_is_not_held_back():
    reasoning = ReasoningFilter(starts_inside=False)
    assert [list(reasoning.push(piece)) for piece in ("It ", "opened ", "<b", ">")] == [
        ["It "],
        ["opened "],
        ["<b"],
        [">"],
    ]


@pytest.mark.parametrize(
    ("model", "is_expected"),
    [
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", True),
        ("deepseek-r1:8b", True),
        ("Qwen/QwQ-32B", True),
        ("qwq", True),
        ("Qwen/Qwen3-30B-A3B-Thinking-2507", True),
        ("THUDM/GLM-Z1-9B-0414", True),
        ("MiniMaxAI/MiniMax-M2.5", True),
        ("Qwen/Qwen3.5-35B-A3B", True),
        ("nvidia/NVIDIA-Nemotron-Nano-9B-v2", True),
        ("allenai/Olmo-3-7B-Think", True),
        ("deepseek-chat", False),
        ("Qwen/Qwen3-8B", False),
        ("command-r", False),
        ("gpt-4.1-mini", False),
        ("llama-3.1-8b-instruct", False),
        ("SmolLM2-135M-Instruct.Q4_1", False),
    ],
)
def test_the_name_of_a_model_tells_whether_its_prompt_opens_the_reasoning(model, is_expected):
    assert is_opened_by_prompt(model) is is_expected
