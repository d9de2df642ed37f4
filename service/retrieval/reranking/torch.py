"""A cross-encoder on torch: the reference implementation, and the runtime for GPUs."""

from collections.abc import Sequence
from pathlib import Path

from service.retrieval.reranking.local import Score


def load_torch(directory: Path, *, threads: int) -> Score:
    """Load the model, on a GPU if there is one. The scores are logits: the model's activation is not applied."""
    # Imported here because torch takes seconds to import, and the other runtime does not need it.
    import torch  # noqa: PLC0415
    from sentence_transformers import CrossEncoder  # noqa: PLC0415
    from transformers.utils import logging  # noqa: PLC0415

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers left its type out
    torch.set_num_threads(threads)
    weights_only = {"use_safetensors": True}
    model = CrossEncoder(str(directory), model_kwargs=weights_only, activation_fn=torch.nn.Identity())

    def score(pairs: Sequence[tuple[str, str]]) -> list[float]:
        scores: list[float] = model.predict(list(pairs), show_progress_bar=False).tolist()
        return scores

    return score
