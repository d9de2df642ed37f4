"""The resources of the service: opened in one place, closed in reverse order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import ClientSession

from rag.embedding.factory import open_embedder
from rag.event_loop import open_lag_monitor
from rag.http import open_session
from rag.inbox.base import Inbox
from rag.inbox.factory import open_inbox
from rag.inbox.traced import TracedInbox
from rag.state.base import State
from rag.state.factory import open_state
from rag.state.measured import MeasuredState
from rag.store.awaited import open_awaited_reader
from rag.store.base import StoreReader
from rag.store.factory import build_backend
from rag.store.traced import TracedReader
from service.agentic.agent import Agent
from service.agentic.research import load_agent_prompts
from service.answering.answerer import Answerer
from service.answering.conversations import Conversations
from service.answering.explanations import Explanations
from service.answering.feedback import FeedbackLog
from service.answering.follow_ups import FollowUps
from service.answering.searching import Searcher
from service.auth.keys import Keys
from service.documents.watching import InboxWatch, open_inbox_watch
from service.drift.watching import DriftWatch, open_drift_watch
from service.embedder_probe import EmbedderProbe
from service.generation.factory import build_generator, open_endpoint
from service.grounding.checking import Grounding
from service.judging import calibration
from service.judging.calibration import Calibrations
from service.judging.factory import build_judge
from service.judging.live import open_live_judge
from service.judging.rubrics import load_rubrics
from service.prompting.choosing import AnswerPrompts
from service.prompting.factory import build_registry
from service.prompting.folder import PACKAGED, FolderPrompts
from service.retrieval.reranking.factory import open_reranker
from service.retrieval.retriever import Retriever
from service.settings import Settings
from service.worker_watch import WorkerWatch, open_worker_watch
from service.writing.factory import build_writers, default_mode, is_capable
from service.writing.quote import Quoter


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Everything that requests use. It lives as long as the process."""

    settings: Settings
    keys: Keys
    store: StoreReader
    embedder_probe: EmbedderProbe
    inbox: Inbox
    workers: WorkerWatch
    inbox_watch: InboxWatch
    answerer: Answerer
    explanations: Explanations
    state: State
    conversations: Conversations
    feedback: FeedbackLog
    prompts: AnswerPrompts
    stopping: asyncio.Event


@asynccontextmanager
async def open_resources(settings: Settings, *, drift: DriftWatch | None = None) -> AsyncIterator[Resources]:
    """Open all resources. `drift` replaces the drift watch of the settings, to collect its observations.

    Raises `IndexMismatch`, `Misconfigured` or `Unavailable`, because a service that cannot answer must not start.
    A Qdrant server that does not answer is awaited in the background, because it may start later than the service.
    """
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        await enter(open_lag_monitor())
        registry = build_registry(settings, await enter(_open_pool(settings, settings.mlflow)))
        prompts = AnswerPrompts(await registry.load("answer"), settings.prompt)
        packaged = FolderPrompts(PACKAGED)
        rewrite = (await packaged.load("rewrite"))["v1"]
        follow_up = (await packaged.load("follow_up"))["v1"]
        agent_prompts = await load_agent_prompts(packaged)
        pool = await enter(_open_pool(settings, settings.embedder))
        embedder = await enter(open_embedder(settings.embedder, pool, models=settings.models_dir))
        backend = build_backend(settings.store, root=settings.store_dir)
        store = await enter(
            # The embedded store is a folder of this machine. Only a server may come later.
            open_awaited_reader(backend, embedder.identity)
            if settings.store.kind == "server"
            else backend.open_reader(embedder.identity)
        )
        reranker = await enter(open_reranker(settings.reranker, await enter(_open_pool(settings, settings.reranker))))
        endpoint = await enter(open_endpoint(settings.generator))
        generator = build_generator(endpoint, settings.answering, await enter(_open_pool(settings, endpoint)))
        judge = build_judge(settings.judge, await enter(_open_pool(settings, settings.judge)), generator=endpoint)
        calibrations = Calibrations.read(settings.judge.calibration or calibration.PACKAGED)
        live_judge = await enter(
            open_live_judge(judge, await load_rubrics(), settings.judge, calibrations, prompts.identities)
        )
        if drift is None:
            watch = open_drift_watch(
                settings.drift_reference, settings.drift_windows, embedder.identity, window=settings.drift.window
            )
            drift = await enter(watch)
        traced_store = TracedReader(store, settings.store)
        retriever = Retriever(traced_store, settings.retrieval, reranker, collection=settings.store.collection)
        grounding = Grounding(embedder, settings.answering.support)
        writers = build_writers(
            generator,
            grounding,
            answer=prompts.default,
            rewrite=rewrite,
            unsupported=settings.answering.unsupported,
        )
        follow_ups = FollowUps(
            generator if is_capable(settings.generator) else None,
            follow_up,
            history_tokens=settings.conversations.history_tokens,
            model_seconds=settings.conversations.rewriting_seconds,
        )
        inbox = await enter(open_inbox(settings.inbox, root=settings.inbox_dir))
        state = MeasuredState(await enter(open_state(settings.state, path=settings.state_file)))
        feedback = FeedbackLog(state, settings.feedback)
        stopping = asyncio.Event()
        yield Resources(
            settings=settings,
            keys=Keys(settings.keys_file, allow_anonymous=settings.is_loopback and settings.keys_path is None),
            store=store,
            embedder_probe=EmbedderProbe(embedder, is_server=settings.embedder.kind != "local"),
            inbox=TracedInbox(inbox, settings.inbox),
            workers=await enter(open_worker_watch(inbox)),
            inbox_watch=await enter(open_inbox_watch(inbox, stopping)),
            answerer=Answerer(
                searcher=Searcher(embedder, retriever, follow_ups),
                retriever=retriever,
                quoter=Quoter(
                    embedder,
                    min_confidence=settings.answering.min_confidence,
                    sure_confidence=settings.answering.sure_confidence,
                ),
                writers=writers,
                agent=Agent(generator, prompts.default, retriever, grounding, agent_prompts, settings.agent),
                default_mode=default_mode(settings.answering, settings.generator),
                first_text_seconds=settings.answering.first_text_seconds,
                live_judge=live_judge,
                drift=drift,
            ),
            explanations=Explanations(settings.explanations, embedder.identity, store, feedback),
            state=state,
            conversations=Conversations(state, settings.conversations),
            feedback=feedback,
            prompts=prompts,
            stopping=stopping,
        )


def _open_pool(settings: Settings, part: object) -> AbstractAsyncContextManager[ClientSession]:
    """Open the connections to the server of a part: as many as it has concurrent calls, and none of another part."""
    return open_session(settings.http, connections=getattr(part, "concurrency", 1))
