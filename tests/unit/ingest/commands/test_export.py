"""The command that writes the ONNX form of the embedder."""

import argparse

from ingest.commands.export import run
from ingest.settings import Settings
from rag.settings import OpenAIEmbedderSettings


async def test_an_embedding_server_needs_no_export(tmp_path, capsys):
    server = OpenAIEmbedderSettings(kind="openai", url="http://127.0.0.1:9/v1", model="bge-m3", dimension=1024)
    assert await run(argparse.Namespace(), Settings(data_dir=tmp_path, embedder=server)) == 0
    assert "RAG_EMBEDDER__KIND=openai" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
