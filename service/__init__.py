"""The online path: HTTP, retrieval, prompting, generation."""
