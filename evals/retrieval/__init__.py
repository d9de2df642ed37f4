"""Evaluation of retrieval on data sets with human relevance judgements."""
