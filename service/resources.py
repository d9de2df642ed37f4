"""What lives as long as the process: opened in one place, closed in reverse."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from rag.embedding.factory import open_embedder
from rag.http import open_session
from rag.inbox.base import Inbox
from rag.inbox.factory import open_inbox
from rag.store.base import StoreReader
from rag.store.factory import open_reader
from service.answering import Answerer
from service.generation.factory import open_generator
from service.keys import Keys
from service.reranking.factory import open_reranker
from service.retrieval import Retriever
from service.settings import Settings
from service.writing.factory import build_writers, default_mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What requests use; a test gives its own."""

    settings: Settings
    keys: Keys
    store: StoreReader
    inbox: Inbox
    answerer: Answerer


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Raises `IndexMismatch`, `Misconfigured` or `Unavailable`: a service that cannot answer does not start."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session(settings.http))
        embedder = await stack.enter_async_context(
            open_embedder(settings.embedder, session, models=settings.models_dir)
        )
        store = await stack.enter_async_context(open_reader(settings.store, embedder.identity, root=settings.store_dir))
        reranker = await stack.enter_async_context(open_reranker(settings.reranker, session))
        generator = await stack.enter_async_context(open_generator(settings.generator, settings.answering, session))
        inbox = await stack.enter_async_context(open_inbox(settings.inbox, root=settings.inbox_dir))
        yield Resources(
            settings=settings,
            keys=Keys(settings.keys_file, allow_anonymous=settings.is_loopback),
            store=store,
            inbox=inbox,
            answerer=Answerer(
                embedder,
                Retriever(store, settings.retrieval, reranker),
                build_writers(embedder, generator),
                default_mode(settings.answering, settings.generator),
            ),
        )
