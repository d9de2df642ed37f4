"""Refusals of services that do not say in a field that they refuse."""

import re

import pytest

from evals.scorecard.asking import Reply
from evals.scorecard.refusals import is_hedge, is_refusal


@pytest.mark.parametrize(
    "text",
    [
        "The documents do not say anything about this.",
        "The provided context does not contain information on the price.",
        "Unfortunately, the passages don't mention a limit.",
        "The retrieved documents did not directly answer this question.",
        "None of the passages mentions it.",
        "I don't know.",
        "I\N{RIGHT SINGLE QUOTATION MARK}m sorry, but I cannot answer that from the documents.",
        "Sorry, I couldn't find anything about this in the manual.",
        "I am unable to determine this from the context.",
        "We do not have information about that.",
        "There is no information available about the owner.",
        "There is not enough information to answer.",
        "No relevant documents found.",
        "Nothing near enough was found.",
        "This is not mentioned in the provided documentation.",
        "The question cannot be answered from the sources.",
    ],
)
def test_a_refusal_is_recognised_by_its_opening(text):
    assert is_refusal(Reply(text=text))


@pytest.mark.parametrize(
    "text",
    [
        "A document that does not contain text is reported as empty.",
        "Alerts do not fire while the rule is pending.",
        "If a key is not found, the service answers with 404.",
        "Prometheus does not provide long-term storage.",
        "You cannot delete a document while it is processed.",
        "The worker says that no lock was given.",
        f"Set `RAG_PORT`. {'It takes a number. ' * 15} The documents do not say more.",
        "",
    ],
)
def test_a_statement_about_documents_is_an_answer(text):
    assert not is_refusal(Reply(text=text))


@pytest.mark.parametrize(
    "text",
    [
        "This may not answer your question:\n\nThe service listens on port 8000.",
        "I\N{RIGHT SINGLE QUOTATION MARK}m not sure, but it could be port 8000.",
        "We are not entirely certain. Port 8000.",
        "Not sure: port 8000.",
        "This might be wrong: port 8000.",
        "The answer may not be correct: 8000.",
        "Port 8000, but this answer might be wrong.",
        "These may be incomplete. Port 8000.",
    ],
)
def test_an_answer_that_says_first_that_it_is_unsure_is_a_hedge(text):
    assert is_hedge(Reply(text=text))


@pytest.mark.parametrize(
    "text",
    [
        "The service may not answer while it starts.",
        "The port may be changed. This may help: 8001.",
        "Port 8000. This may not apply to older versions.",
        "Port 8000, but this might be wrong.",
        "Set A=1. This may be incorrect if the clock is off.",
        "These may not help on Windows.",
        "If you are not sure, ask the operator.",
        "Set the clock of each node, because it may be wrong.",
        f"Set `RAG_PORT`. {'It takes a number. ' * 15} This may be wrong.",
        "",
    ],
)
def test_a_statement_about_what_may_be_is_not_a_hedge(text):
    assert not is_hedge(Reply(text=text))


def test_the_field_of_a_service_is_believed_before_its_text():
    assert not is_refusal(Reply(text="I don't know.", declined=False))
    assert is_refusal(Reply(text="Port 8000.", declined=True))
    assert not is_hedge(Reply(text="I'm not sure.", unsure=False))
    assert is_hedge(Reply(text="Port 8000.", unsure=True))


def test_a_service_with_its_own_words_is_recognised_by_them():
    reply = Reply(text="Das steht nicht in den Unterlagen.")
    assert not is_refusal(reply)
    assert is_refusal(reply, re.compile("steht nicht in den Unterlagen"))
