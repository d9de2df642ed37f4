"""A small cross-encoder made on the spot, from the embedder's weights and a data set's training questions.

It proves the way from a model's directory to a better or worse ranking; it is no product. One of quality has seen half
a million questions.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from rich.progress import track
from sentence_transformers import CrossEncoder
from transformers.utils import logging

from rag.embedding.weights import PACKAGED_MODEL, find_directory

# The lower half of MiniLM: a quarter of an hour on one core instead of half an hour.
_LAYERS = 3
_MAX_TOKENS = 200
_NEGATIVES = 3
_QUESTIONS_PER_STEP = 4
_EPOCHS = 2
_LEARNING_RATE = 1e-4
_SEED = 20

TrainingExample = tuple[str, Sequence[str]]
"""A question, and passages of which the first one answers it."""


def train_cross_encoder(examples: Sequence[TrainingExample], target: Path) -> None:
    """Writes a model's directory; takes CPU time for minutes."""
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # The layers left out are left out on purpose.
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
        # The right passage stands first among those it is shown with.
        loss = torch.nn.functional.cross_entropy(logits, torch.zeros(len(step), dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch left its type out
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
    """Each right document beside some that the search took for right."""
    choose = random.Random(_SEED)
    examples: list[TrainingExample] = []
    for question, text in questions.items():
        wrong = [document for document in candidates[question] if document not in relevant[question]]
        for right in relevant[question]:
            if right in texts and len(wrong) >= _NEGATIVES:
                shown = [right, *choose.sample(wrong, _NEGATIVES)]
                examples.append((text, [texts[document] for document in shown]))
    return examples


def _steps(examples: Sequence[TrainingExample]) -> Iterator[Sequence[TrainingExample]]:
    shuffle = random.Random(_SEED)
    for _ in range(_EPOCHS):
        order = list(examples)
        shuffle.shuffle(order)
        for start in range(0, len(order) - _QUESTIONS_PER_STEP + 1, _QUESTIONS_PER_STEP):
            yield order[start : start + _QUESTIONS_PER_STEP]
