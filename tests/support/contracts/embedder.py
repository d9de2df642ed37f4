"""The contract of every embedder; each adapter's test class collects this suite."""

import numpy as np

from rag.embedding.base import Embedder

TEXTS = ["What is a vector database?", "short", "def retrieve(question): ...", "Zürich, 東京", "The weather is fine."]
# Quantised models and batched computation change a vector slightly.
SAME_COSINE = 0.99


class EmbedderContract:
    """A subclass provides the fixture `embedder`."""

    async def test_vectors_have_the_dimension_of_the_identity_and_norm_1(self, embedder: Embedder):
        vectors = await embedder.embed_passages(TEXTS)
        assert {vector.shape for vector in vectors} == {(embedder.identity.dimension,)}
        assert {vector.dtype for vector in vectors} == {np.dtype(np.float32)}
        assert np.allclose([np.linalg.norm(vector) for vector in vectors], 1, atol=1e-3)

    async def test_vectors_are_returned_in_the_order_of_the_texts(self, embedder: Embedder):
        # More texts than one batch, and of different lengths, so that an adapter may reorder them.
        texts = [text * repeats for repeats in (1, 4, 2) for text in TEXTS]
        texts *= 1 + embedder.batch_size // len(texts)
        together = await embedder.embed_passages(texts)
        alone = {text: (await embedder.embed_passages([text]))[0] for text in texts}
        assert min(float(vector @ alone[text]) for text, vector in zip(texts, together, strict=True)) > SAME_COSINE

    async def test_a_question_and_a_passage_with_the_same_text_have_the_same_vector(self, embedder: Embedder):
        [passage] = await embedder.embed_passages([TEXTS[0]])
        assert float(await embedder.embed_query(TEXTS[0]) @ passage) > SAME_COSINE

    async def test_different_texts_have_different_vectors(self, embedder: Embedder):
        vectors = np.stack(await embedder.embed_passages(TEXTS))
        cosines = vectors @ vectors.T
        assert cosines[~np.eye(len(TEXTS), dtype=bool)].max() < SAME_COSINE

    async def test_a_text_beyond_the_length_of_the_model_is_truncated(self, embedder: Embedder):
        [vector] = await embedder.embed_passages(["word " * 5000])
        assert np.isfinite(vector).all()

    async def test_no_texts_have_no_vectors(self, embedder: Embedder):
        assert await embedder.embed_passages([]) == []

    async def test_batch_size_and_concurrency_are_positive(self, embedder: Embedder):
        assert embedder.batch_size >= 1
        assert embedder.concurrency >= 1
