"""The use case: question in, cited answer out."""
