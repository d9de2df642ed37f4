"""Trains a small cross-encoder from the embedder's weights and a data set's training questions (ADR 0024).

It shows that a local model directory works as a reranker. It is not a good reranker: those are trained on half a
million questions.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from rich.progress import track
from sentence_transformers import CrossEncoder
from transformers.utils import logging

from rag.embedding.weights import PACKAGED_MODEL, find_directory

# The lower half of MiniLM, which halves the training time to a quarter of an hour on one core.
_LAYERS = 3
_MAX_TOKENS = 200
_NEGATIVES = 3
_QUESTIONS_PER_STEP = 4
_EPOCHS = 2
_LEARNING_RATE = 1e-4
_SEED = 20

TrainingExample = tuple[str, Sequence[str]]
"""A question with passages, of which the first one answers it."""


def train_cross_encoder(examples: Sequence[TrainingExample], target: Path) -> None:
    """Train for some minutes on one core and write the model to the directory."""
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers would warn about the layers that are omitted on purpose.
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.manual_seed(_SEED)
    torch.set_num_threads(1)
    model = CrossEncoder(
        str(find_directory(PACKAGED_MODEL)),
        num_labels=1,
        device="cpu",
        max_length=_MAX_TOKENS,
        config_kwargs={"num_hidden_layers": _LAYERS},
    )
    steps = list(_steps(examples))
    optimizer = torch.optim.AdamW(model.parameters(), lr=_LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=_LEARNING_RATE, total_steps=len(steps))
    model.train()
    for step in track(steps, "training"):
        pairs = [(question, passage) for question, passages in step for passage in passages]
        inputs = model.tokenizer(pairs, padding=True, truncation=True, max_length=_MAX_TOKENS, return_tensors="pt")
        logits = model.model(**inputs).logits.view(len(step), 1 + _NEGATIVES)
        # The correct passage is always the first one.
        loss = torch.nn.functional.cross_entropy(logits, torch.zeros(len(step), dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    model.eval()
    model.save_pretrained(str(target))


def build_examples(
    questions: Mapping[str, str],
    relevant: Mapping[str, Mapping[str, int]],
    candidates: Mapping[str, Sequence[str]],
    texts: Mapping[str, str],
) -> list[TrainingExample]:
    """Return each relevant document with some irrelevant ones that the search ranked high."""
    random_source = random.Random(_SEED)
    examples: list[TrainingExample] = []
    for question, text in questions.items():
        irrelevant = [document for document in candidates[question] if document not in relevant[question]]
        for document_id in relevant[question]:
            if document_id in texts and len(irrelevant) >= _NEGATIVES:
                passages = [document_id, *random_source.sample(irrelevant, _NEGATIVES)]
                examples.append((text, [texts[document] for document in passages]))
    return examples


def _steps(examples: Sequence[TrainingExample]) -> Iterator[Sequence[TrainingExample]]:
    shuffle = random.Random(_SEED)
    for _ in range(_EPOCHS):
        order = list(examples)
        shuffle.shuffle(order)
        for start in range(0, len(order) - _QUESTIONS_PER_STEP + 1, _QUESTIONS_PER_STEP):
            yield order[start : start + _QUESTIONS_PER_STEP]
