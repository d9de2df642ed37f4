"""A small cross-encoder with random weights, and with the architecture and files of a real one."""

import warnings
from pathlib import Path

import torch
from sentence_transformers import CrossEncoder
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from rag.embedding.weights import PACKAGED_MODEL, find_directory

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def make_cross_encoder(folder: Path) -> Path:
    """Write the weights, the tokenizer and the ONNX model in the layout of the hub. Return the folder."""
    torch.manual_seed(5)
    tokenizer = AutoTokenizer.from_pretrained(find_directory(PACKAGED_MODEL))
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        num_labels=1,  # type: ignore[call-arg]  # The class accepts it as a keyword argument.
        initializer_range=0.5,
    )
    bare = folder / "bare"
    BertForSequenceClassification(config).save_pretrained(bare)
    tokenizer.save_pretrained(bare)
    model = CrossEncoder(str(bare), device="cpu", max_length=256)
    complete = folder / "cross-encoder"
    model.save_pretrained(str(complete))
    (complete / "onnx").mkdir()
    example = tokenizer(
        [("a question", "a passage"), ("another", "a longer passage")], padding=True, return_tensors="pt"
    )
    axes = {0: "batch", 1: "tokens"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The exporter warns about its own internals, and that it is the older one.
        torch.onnx.export(
            _Logits(model.model).eval(),
            tuple(example[name] for name in _INPUTS),
            complete / "onnx" / "model.onnx",
            input_names=list(_INPUTS),
            output_names=["logits"],
            dynamic_axes=dict.fromkeys(_INPUTS, axes) | {"logits": {0: "batch"}},
            dynamo=False,  # The newer exporter takes ten times as long.
            verbose=False,
        )
    return complete


class _Logits(torch.nn.Module):
    def __init__(self, model: BertForSequenceClassification) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.model(**dict(zip(_INPUTS, inputs, strict=True))).logits
