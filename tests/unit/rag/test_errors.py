"""What an error tells users and operators."""

from rag.errors import Unavailable


def test_the_words_of_another_server_are_for_operators_and_without_secrets():
    error = Unavailable("The model server failed.", upstream="Wrong key sk-live-77aa1234beef at /v1")
    assert str(error) == "The model server failed."
    assert error.upstream == "Wrong key *** at /v1"
    assert error.describe() == "The model server failed. It said: Wrong key *** at /v1"
    assert Unavailable("The inbox is full.").describe() == "The inbox is full."
