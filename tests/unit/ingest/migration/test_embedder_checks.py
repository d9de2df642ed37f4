"""Embedders that break a promise of the port are refused. The packaged one keeps all promises in each form."""

import zlib
from contextlib import asynccontextmanager

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from pydantic import HttpUrl

from ingest.migration.embedder_checks import GOLDEN_COSINE, check_embedder, require_valid
from ingest.migration.golden import golden_texts, golden_vectors
from ingest.migration.reindex import reindex
from ingest.settings import Settings
from rag.embedding.factory import open_embedder
from rag.embedding.tokenizer import build_tokenizer
from rag.errors import BadResponse
from rag.settings import LocalEmbedderSettings, OpenAIEmbedderSettings
from rag.store.edge.store import open_edge_reader, open_edge_writer
from rag.types import EmbedderIdentity, Vector
from tests.support.contracts.store import EMBEDDER, OURS, point, put, texts
from tests.support.fakes.servers import serve

TOKENIZER = build_tokenizer(LocalEmbedderSettings())


class Embedder:
    """An embedder that computes vectors from the text; each test breaks one promise."""

    batch_size = 8
    concurrency = 1

    def __init__(self, vector_of=None, *, dimension: int = 16, together=lambda vectors: vectors) -> None:
        self.identity = EmbedderIdentity(model="fake", dimension=dimension)
        self._vector_of = vector_of or hashed
        self._together = together

    async def embed_query(self, text: str) -> Vector:
        return self._vector_of(text)

    async def embed_passages(self, texts):
        return self._together([self._vector_of(text) for text in texts])


def hashed(text: str) -> Vector:
    return normalised(np.random.default_rng(zlib.crc32(text.encode())).standard_normal(16))


def normalised(vector) -> Vector:
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def words_of(text: str, limit: int) -> Vector:
    return normalised(sum(hashed(word) for word in text.split()[:limit]))


def drifting(vectors):
    return [normalised(vector + len(vectors)) for vector in vectors]


async def broken_promises(embedder) -> list[str]:
    return [result.check for result in await check_embedder(embedder, TOKENIZER) if not result.holds]


async def test_a_correct_embedder_passes_all_checks():
    assert await broken_promises(Embedder()) == []
    assert await broken_promises(Embedder(lambda text: words_of(text, 254))) == []


@pytest.mark.parametrize(
    ("embedder", "promise"),
    [
        (Embedder(dimension=17), "dimension"),
        (Embedder(lambda text: hashed(text) * 2), "norm"),
        (Embedder(lambda text: hashed(text) * np.nan), "norm"),
        (Embedder(lambda _: normalised(np.random.default_rng().standard_normal(16))), "the same texts twice"),
        (Embedder(together=drifting), "a text alone and in a batch"),
        (Embedder(lambda _: hashed("always this")), "different texts"),
        (Embedder(lambda text: words_of(text, 128)), "reads all of 254 tokens"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_failed_check_is_named_in_the_error(embedder, promise):
    assert promise in await broken_promises(embedder)
    with pytest.raises(BadResponse, match=promise):
        await require_valid(embedder, TOKENIZER)


@pytest.mark.slow
async def test_other_weights_under_the_packaged_name_fail_the_golden_vectors(onnx_models):
    async with opened(onnx_models, "onnx") as real:

        class Retrained(Embedder):
            """The packaged embedder with slightly rotated vectors."""

            async def embed_passages(self, texts):
                return [
                    normalised(vector + 0.002 * np.arange(384) / 384) for vector in await real.embed_passages(texts)
                ]

        retrained = Retrained()
        retrained.identity = real.identity
        assert await broken_promises(retrained) == ["golden vectors"]


@pytest.mark.parametrize("runtime", ["onnx", pytest.param("torch", marks=pytest.mark.slow)])
async def test_the_packaged_embedder_gives_the_golden_vectors(onnx_models, runtime):
    async with opened(onnx_models, runtime) as embedder:
        results = await check_embedder(embedder, TOKENIZER)
        alone = np.stack([await embedder.embed_query(text) for text in golden_texts()])
    assert [result.measured for result in results if not result.holds] == []
    assert results[-1].check == "golden vectors"
    assert np.min(np.sum(alone * golden_vectors(), axis=1)) >= GOLDEN_COSINE
    assert alone.shape == (48, 384)


@pytest.mark.slow
async def test_only_tokens_within_the_maximum_length_change_the_vector(onnx_models):
    fits, too_long = golden_vectors()[-2:]
    assert np.allclose(fits, too_long, atol=1e-6)
    async with opened(onnx_models, "onnx") as embedder:
        exact, other_end, truncated = await embedder.embed_passages(
            ["word " * 253 + "end", "word " * 253 + "tax", "word " * 253 + "end " + "tax " * 50]
        )
    assert np.allclose(exact, truncated, atol=1e-6)
    assert np.linalg.norm(exact - other_end) > 0.01


@pytest.mark.slow
async def test_a_reindex_with_an_embedder_that_truncates_early_switches_nothing(tmp_path):
    async def embed(request: web.Request) -> web.Response:
        inputs = (await request.json())["input"]
        data = [{"index": n, "embedding": words_of(text, 100).tolist()} for n, text in enumerate(inputs)]
        return web.json_response({"data": data})

    async with open_edge_writer(tmp_path / "store", EMBEDDER) as writer:
        await put(writer, OURS, [point("one")])
        await writer.publish()
    async with serve("/v1/embeddings", embed) as url:
        short = OpenAIEmbedderSettings(kind="openai", url=HttpUrl(f"{url}/v1"), model="short", dimension=16)
        with pytest.raises(BadResponse, match=r"short failed its checks.*reads all of 254 tokens"):
            await reindex(Settings(data_dir=tmp_path, embedder=short), print)
    async with open_edge_reader(tmp_path / "store", EMBEDDER) as reader:
        assert await texts(reader, OURS) == {"one"}


@asynccontextmanager
async def opened(models, runtime):
    async with (
        aiohttp.ClientSession() as session,
        open_embedder(LocalEmbedderSettings(runtime=runtime), session, models=models) as embedder,
    ):
        yield embedder
