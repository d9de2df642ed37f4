"""The end-to-end tests of answers, run against the service in its container."""

from tests.e2e.service.test_answers import (
    test_a_filter_without_matches_returns_no_results,
    test_a_models_tokens_arrive_one_by_one,
    test_a_question_that_the_documents_do_not_answer_is_declined_without_the_model,
    test_a_request_can_choose_each_answer_mode,
    test_a_stream_is_sources_then_tokens_then_done,
    test_an_answer_cites_the_passage_that_holds_it,
    test_an_oversized_body_is_refused,
    test_every_sentence_of_an_answer_carries_a_citation,
    test_search_returns_the_best_passage_first,
    test_the_log_names_the_request_and_contains_none_of_its_content,
    test_timings_name_every_stage_and_add_up,
)
from tests.support.servers.container_engine import needs_images

__all__ = [
    "test_a_filter_without_matches_returns_no_results",
    "test_a_models_tokens_arrive_one_by_one",
    "test_a_question_that_the_documents_do_not_answer_is_declined_without_the_model",
    "test_a_request_can_choose_each_answer_mode",
    "test_a_stream_is_sources_then_tokens_then_done",
    "test_an_answer_cites_the_passage_that_holds_it",
    "test_an_oversized_body_is_refused",
    "test_every_sentence_of_an_answer_carries_a_citation",
    "test_search_returns_the_best_passage_first",
    "test_the_log_names_the_request_and_contains_none_of_its_content",
    "test_timings_name_every_stage_and_add_up",
]

pytestmark = needs_images
