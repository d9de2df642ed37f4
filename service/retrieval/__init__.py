"""Retrieval of passages: search, reranking, selection and expansion."""
