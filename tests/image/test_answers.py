"""The end-to-end tests of answers, run against the service in its container."""

from tests.e2e.test_answers import (
    test_a_filter_that_matches_nothing_finds_nothing,
    test_a_models_tokens_arrive_one_by_one,
    test_a_stream_is_sources_then_tokens_then_done,
    test_an_answer_cites_the_passage_that_holds_it,
    test_an_oversized_body_is_refused,
    test_each_way_to_write_an_answer_can_be_asked_for,
    test_every_sentence_of_an_answer_carries_a_citation,
    test_search_gives_passages_best_first,
    test_the_log_has_the_request_and_none_of_its_content,
    test_timings_name_every_stage_and_add_up,
    test_what_the_documents_do_not_say_is_refused_without_a_model,
)
from tests.support.container_engine import needs_images

__all__ = [
    "test_a_filter_that_matches_nothing_finds_nothing",
    "test_a_models_tokens_arrive_one_by_one",
    "test_a_stream_is_sources_then_tokens_then_done",
    "test_an_answer_cites_the_passage_that_holds_it",
    "test_an_oversized_body_is_refused",
    "test_each_way_to_write_an_answer_can_be_asked_for",
    "test_every_sentence_of_an_answer_carries_a_citation",
    "test_search_gives_passages_best_first",
    "test_the_log_has_the_request_and_none_of_its_content",
    "test_timings_name_every_stage_and_add_up",
    "test_what_the_documents_do_not_say_is_refused_without_a_model",
]

pytestmark = needs_images
