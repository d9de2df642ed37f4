"""What parser libraries log or warn about becomes one warning of the document."""

import logging
import warnings

from ingest.isolation.parser_messages import collected_messages


def test_the_first_message_is_kept_and_all_are_counted():
    with collected_messages() as messages:
        logging.getLogger("reader").warning("skipped %s of\n%s records", 2, 9)
        warnings.warn("a part has no name", UserWarning, stacklevel=1)
    [warning] = messages.to_warnings()
    assert (warning.code, warning.count) == ("parser_message", 2)
    assert warning.message == "The parser library reported a problem. reader: skipped 2 of 9 records"


def test_every_document_hears_of_the_same_message_and_long_ones_are_cut():
    for _ in range(2):
        with collected_messages() as messages:
            warnings.warn("x" * 10_000, UserWarning, stacklevel=1)
        [warning] = messages.to_warnings()
        assert (warning.count, len(warning.message)) == (1, 239)


def test_messages_about_code_and_messages_of_other_times_are_not_collected():
    with collected_messages() as messages:
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        logging.getLogger("reader").info("reads")
    logging.getLogger("reader").warning("later")
    assert messages.to_warnings() == ()
