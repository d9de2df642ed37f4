"""A service of the size of a tutorial, built with Haystack and Hayhooks, to compare with.

`make peer` serves it. It reads the folder PEER_CORPUS and finds passages by BM25. Without a model it quotes the best
one. PEER_MODEL_URL is the address of a model that writes the answer, PEER_MODEL its name, and PEER_MODEL_KEY its key.
"""

import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from hayhooks import AsyncPipeline, BasePipelineWrapper, async_streaming_generator, get_last_user_message
from haystack import Document
from haystack.components.builders import ChatPromptBuilder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.components.preprocessors import DocumentSplitter
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.dataclasses import ChatMessage
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.utils import Secret

# In tokens of BM25, a passage of this length is about a paragraph.
_WORDS = 100
_OVERLAP = 20
_PASSAGES = 5
_PROMPT = """Answer the question from the passages only. Say that the passages do not answer it if they do not.

{% for document in documents %}[{{ loop.index }}] {{ document.meta.path }}: {{ document.content }}
{% endfor %}
Question: {{ question }}"""


class PipelineWrapper(BasePipelineWrapper):
    """The pipeline that Hayhooks serves over OpenAI's API, under the name of this folder."""

    def setup(self) -> None:
        corpus = Path(os.environ["PEER_CORPUS"])
        store = InMemoryDocumentStore()
        documents = [
            Document(content=path.read_text(encoding="utf-8"), meta={"path": path.relative_to(corpus).as_posix()})
            for path in sorted(corpus.rglob("*.md"))
        ]
        splitter = DocumentSplitter(split_by="word", split_length=_WORDS, split_overlap=_OVERLAP)
        store.write_documents(splitter.run(documents)["documents"])
        self.retriever = InMemoryBM25Retriever(store, top_k=_PASSAGES)
        model_url = os.environ.get("PEER_MODEL_URL")
        self.pipeline = _open_pipeline(store, model_url) if model_url else None

    async def run_chat_completion_async(
        self,
        model: str,  # noqa: ARG002 - the name of this folder
        messages: list[dict[str, Any]],
        body: dict[str, Any],  # noqa: ARG002 - no option is read
    ) -> AsyncGenerator[Any, None]:
        question = get_last_user_message(messages) or ""
        if self.pipeline is None:
            return self._quote(question)
        inputs = {"retriever": {"query": question}, "prompt": {"question": question}}
        pieces: AsyncGenerator[Any, None] = async_streaming_generator(pipeline=self.pipeline, pipeline_run_args=inputs)
        return pieces

    async def _quote(self, question: str) -> AsyncGenerator[str, None]:
        """Yield the best passage, and the files of all passages."""
        found = (await self.retriever.run_async(query=question))["documents"]
        if not found:
            yield "I could not find anything about this."
            return
        yield found[0].content
        yield f"\n\nSource: {found[0].meta['path']}"


def _open_pipeline(store: InMemoryDocumentStore, model_url: str) -> AsyncPipeline:
    generator = OpenAIChatGenerator(
        api_key=Secret.from_token(os.environ.get("PEER_MODEL_KEY", "none")),
        model=os.environ.get("PEER_MODEL", "default"),
        api_base_url=model_url,
    )
    pipeline = AsyncPipeline()
    pipeline.add_component("retriever", InMemoryBM25Retriever(store, top_k=_PASSAGES))
    pipeline.add_component("prompt", ChatPromptBuilder([ChatMessage.from_user(_PROMPT)], required_variables="*"))
    pipeline.add_component("generator", generator)
    pipeline.connect("retriever.documents", "prompt.documents")
    pipeline.connect("prompt.prompt", "generator.messages")
    return pipeline
