"""Computes evidently's scores of the same streams, with its own code and default settings.

It runs in evidently's own environment:

.venv-evidently/bin/python research/drift_power/evidently_scores.py STREAMS.npz SCORES.npz
"""

import sys
import warnings

import numpy as np
import pandas as pd
from evidently.legacy.metrics.data_drift.embedding_drift_methods import mmd, model, ratio

_METHODS = {"classifier": model(), "mmd": mmd(), "components": ratio()}


def main() -> None:
    warnings.simplefilter("ignore")
    streams = np.load(sys.argv[1])
    vectors, looks = streams["vectors"].astype(np.float64), streams["looks"]
    scores = {name: np.empty((len(streams["questions"]), len(looks))) for name in _METHODS}
    for number, (reference, questions) in enumerate(zip(streams["references"], streams["questions"], strict=True)):
        for column, look in enumerate(looks):
            for name, method in _METHODS.items():
                # The method adds a column to its arguments, so each call needs new data frames.
                current, before = pd.DataFrame(vectors[questions[:look]]), pd.DataFrame(vectors[reference])
                scores[name][number, column] = method(current, before)[0]
    np.savez(sys.argv[2], allow_pickle=False, **scores)


if __name__ == "__main__":
    main()
