"""An embedder that does not keep its promises is refused, and told which; the real one keeps them in each form."""

import zlib
from contextlib import asynccontextmanager

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from pydantic import HttpUrl

from ingest.migration.embedder_checks import GOLDEN_COSINE, require_valid, validate
from ingest.migration.golden import golden_texts, golden_vectors
from ingest.migration.reindex import reindex
from ingest.settings import Settings
from rag.embedding.factory import build_tokenizer, open_embedder
from rag.errors import BadResponse
from rag.settings import LocalEmbedderSettings, OpenAIEmbedderSettings
from rag.store.edge.store import open_edge_reader, open_edge_writer
from rag.types import EmbedderIdentity, Vector
from tests.support.contracts.store import EMBEDDER, OURS, point, put, texts
from tests.support.fakes.servers import serve

TOKENIZER = build_tokenizer(LocalEmbedderSettings())


class Embedder:
    """Vectors from a function of the text; each test breaks one promise."""

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


def words_of(text: str, most: int) -> Vector:
    return normalised(sum(hashed(word) for word in text.split()[:most]))


def drifting(vectors):
    return [normalised(vector + len(vectors)) for vector in vectors]


async def broken_promises(embedder) -> list[str]:
    return [finding.check for finding in await validate(embedder, TOKENIZER) if not finding.holds]


async def test_a_sound_embedder_breaks_no_promise():
    assert await broken_promises(Embedder()) == []
    assert await broken_promises(Embedder(lambda text: words_of(text, 254))) == []


@pytest.mark.parametrize(
    ("embedder", "promise"),
    [
        (Embedder(dimension=17), "dimension"),
        (Embedder(lambda text: hashed(text) * 2), "norm"),
        (Embedder(lambda text: hashed(text) * np.nan), "norm"),
        (Embedder(lambda _: normalised(np.random.default_rng().standard_normal(16))), "the same texts twice"),
        (Embedder(together=drifting), "a text alone and among others"),
        (Embedder(lambda _: hashed("always this")), "different texts"),
        (Embedder(lambda text: words_of(text, 128)), "reads all of 254 tokens"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_broken_promise_is_named(embedder, promise):
    assert promise in await broken_promises(embedder)
    with pytest.raises(BadResponse, match=promise):
        await require_valid(embedder, TOKENIZER)


async def test_vectors_of_other_weights_under_the_packaged_name_are_found_out(onnx_models):
    async with opened(onnx_models, "onnx") as real:

        class Retrained(Embedder):
            """What the real one says, turned a little."""

            async def embed_passages(self, texts):
                return [
                    normalised(vector + 0.002 * np.arange(384) / 384) for vector in await real.embed_passages(texts)
                ]

        retrained = Retrained()
        retrained.identity = real.identity
        assert await broken_promises(retrained) == ["golden vectors"]


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
async def test_the_packaged_embedder_gives_the_golden_vectors(onnx_models, runtime):
    async with opened(onnx_models, runtime) as embedder:
        findings = await validate(embedder, TOKENIZER)
        alone = np.stack([await embedder.embed_query(text) for text in golden_texts()])
    assert [finding.measured for finding in findings if not finding.holds] == []
    assert findings[-1].check == "golden vectors"
    assert np.min(np.sum(alone * golden_vectors(), axis=1)) >= GOLDEN_COSINE
    assert alone.shape == (48, 384)


async def test_what_is_past_the_length_changes_nothing_and_the_last_token_within_it_does(onnx_models):
    fits, loses_one = golden_vectors()[-2:]
    assert np.allclose(fits, loses_one, atol=1e-6)
    async with opened(onnx_models, "onnx") as embedder:
        whole, other_end, cut = await embedder.embed_passages(
            ["word " * 253 + "end", "word " * 253 + "tax", "word " * 253 + "end " + "tax " * 50]
        )
    assert np.allclose(whole, cut, atol=1e-6)
    assert np.linalg.norm(whole - other_end) > 0.01


async def test_a_reindex_by_an_embedder_that_reads_too_little_is_refused_and_nothing_is_switched(tmp_path):
    async def embed(request: web.Request) -> web.Response:
        inputs = (await request.json())["input"]
        data = [{"index": n, "embedding": words_of(text, 100).tolist()} for n, text in enumerate(inputs)]
        return web.json_response({"data": data})

    async with open_edge_writer(tmp_path / "store", EMBEDDER) as writer:
        await put(writer, OURS, [point("one")])
        await writer.publish()
    async with serve("/v1/embeddings", embed) as url:
        short = OpenAIEmbedderSettings(kind="openai", url=HttpUrl(f"{url}/v1"), model="short", dimension=16)
        with pytest.raises(BadResponse, match=r"short is refused\. reads all of 254 tokens"):
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
