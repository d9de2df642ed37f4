"""The use case of the service: a question becomes an answer with citations."""
