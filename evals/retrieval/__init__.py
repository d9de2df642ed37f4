"""Documents found for questions that people have judged, with a reranker and without."""
