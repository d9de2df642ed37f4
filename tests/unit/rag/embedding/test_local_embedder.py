"""The real embedder: both runtimes give the same vectors, and only the right weights are loaded."""

import shutil
from contextlib import asynccontextmanager

import aiohttp
import numpy as np
import pytest

from rag.embedding.factory import open_embedder
from rag.embedding.tokenizer import build_tokenizer
from rag.embedding.weights import PACKAGED_MODEL, find_weights, require_packaged_files
from rag.errors import Misconfigured
from rag.metrics import EMBED_BATCH_TOKENS
from rag.settings import LocalEmbedderSettings

TEXTS = ["What is a vector database?", "short", "A much longer text. " * 60, "Zürich, 東京", "short"]


@asynccontextmanager
async def embedder(models, *, known=None, **settings):
    async with (
        aiohttp.ClientSession() as session,
        open_embedder(LocalEmbedderSettings(**settings), session, models=models, known=known) as opened,
    ):
        yield opened


@pytest.mark.slow
async def test_onnx_and_torch_give_the_same_vectors_and_the_same_identity(onnx_models):
    async with embedder(onnx_models, runtime="onnx") as onnx, embedder(onnx_models, runtime="torch") as torch:
        ours, theirs = await onnx.embed_passages(TEXTS), await torch.embed_passages(TEXTS)
        assert onnx.identity == torch.identity
    cosines = [float(a @ b) for a, b in zip(ours, theirs, strict=True)]
    assert min(cosines) > 0.9999


@pytest.mark.slow
async def test_vectors_have_norm_one_and_keep_the_order_of_the_texts(onnx_models):
    async with embedder(onnx_models) as opened:
        vectors = await opened.embed_passages(TEXTS * 5)
        alone = [await opened.embed_query(text) for text in TEXTS]
    assert np.allclose([np.linalg.norm(vector) for vector in vectors], 1, atol=1e-5)
    assert all(np.allclose(vectors[index], alone[index % len(TEXTS)], atol=1e-5) for index in range(len(vectors)))


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["onnx", "torch"])
async def test_the_tokens_of_a_call_are_counted_with_their_padding(onnx_models, runtime):
    async with embedder(onnx_models, runtime=runtime) as opened:
        before = EMBED_BATCH_TOKENS._sum.get()
        await opened.embed_passages(["water", "water water water"])
    # Two texts as long as the longer one, which has three words and two special tokens.
    assert EMBED_BATCH_TOKENS._sum.get() - before == 2 * 5


@pytest.mark.slow
async def test_an_embedder_that_is_known_loads_its_model_with_the_first_text(onnx_models, tmp_path):
    async with embedder(onnx_models, runtime="onnx") as opened:
        identity = opened.identity
    weights = find_weights(PACKAGED_MODEL)
    (tmp_path / weights.onnx_name).write_bytes(b"no model")
    async with embedder(tmp_path, known=identity, runtime="onnx") as opened:
        assert opened.identity == identity
        (tmp_path / weights.onnx_name).write_bytes((onnx_models / weights.onnx_name).read_bytes())
        assert (await opened.embed_query("water")).shape == (identity.dimension,)


async def test_no_texts_are_no_vectors(onnx_models):
    async with embedder(onnx_models) as opened:
        assert await opened.embed_passages([]) == []


async def test_meaning_brings_vectors_together(onnx_models):
    async with embedder(onnx_models) as opened:
        question = await opened.embed_query("How do I fix a puncture?")
        near, far = await opened.embed_passages(["Repairing a flat bicycle tyre", "The history of the piano"])
    assert question @ near > question @ far + 0.2


@pytest.mark.slow
async def test_without_the_exported_form_torch_is_used_and_asking_for_it_says_what_to_do(tmp_path):
    with pytest.raises(Misconfigured, match="ingest export"):
        async with embedder(tmp_path, runtime="onnx"):
            pass
    async with embedder(tmp_path) as opened:
        assert opened.identity.dimension == 384


def test_weights_with_another_hash_are_refused(tmp_path):
    weights = find_weights(PACKAGED_MODEL)
    for file in weights.directory.rglob("*.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(Misconfigured, match="sha256"):
        find_weights(str(tmp_path), weights.sha256)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "1_Pooling/config.json", "modules.json"])
def test_each_file_of_the_packaged_model_is_checked(tmp_path, name):
    copy = tmp_path / "model"
    shutil.copytree(find_weights(PACKAGED_MODEL).directory, copy)
    require_packaged_files(copy)
    with (copy / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(Misconfigured, match=f"{name} has sha256"):
        require_packaged_files(copy)
    (copy / name).unlink()
    with pytest.raises(Misconfigured, match=f"{name} is missing"):
        require_packaged_files(copy)
    require_packaged_files(copy, optional=frozenset({name}))


def test_a_directory_without_weights_is_named(tmp_path):
    with pytest.raises(Misconfigured, match=r"model\.safetensors"):
        find_weights(str(tmp_path))


def test_the_tokenizer_counts_as_the_model_does_without_special_tokens():
    tokenizer = build_tokenizer(LocalEmbedderSettings())
    assert tokenizer.max_tokens == 254
    assert len(tokenizer.spans("hello world")) == 2
    assert len(tokenizer.spans("word " * 300)) == 300


async def test_a_damaged_model_file_is_an_error_that_says_what_to_do(tmp_path):
    weights = find_weights(PACKAGED_MODEL)
    (tmp_path / weights.onnx_name).write_bytes(b"half of a model")
    with pytest.raises(Misconfigured, match=rf"{weights.onnx_name} is damaged.*ingest export"):
        async with embedder(tmp_path, runtime="onnx"):
            pass
