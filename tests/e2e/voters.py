"""Writes a teacher that is only a file: the votes of five people for each image.

Knows no TensorFlow: NumPy, pyarrow and the keys that `distill data keys` listed.
"""

import sys

import numpy as np
from pyarrow import parquet

VOTERS, SLIPS = 5, 0.05


def main(keys_path, answers_path):
    keys = parquet.read_table(keys_path)
    labels = keys["label"].to_numpy()
    names = [None] * (labels.max() + 1)
    for label, name in zip(labels, keys["class"].to_pylist(), strict=True):
        names[label] = name
    rng = np.random.default_rng(0)
    votes = np.zeros((len(labels), len(names)), np.int64)
    for _ in range(VOTERS):
        slips = rng.random(len(labels)) < SLIPS
        chosen = np.where(slips, rng.integers(0, len(names), len(labels)), labels)
        votes[np.arange(len(labels)), chosen] += 1
    # Neither the images nor the classes are in the data's order.
    mixed, columns = rng.permutation(len(labels)), rng.permutation(len(names))
    shuffled = keys.select(["key"]).take(mixed)
    for column in columns:
        shuffled = shuffled.append_column(names[column], [votes[mixed, column]])
    parquet.write_table(shuffled, answers_path)
    assert not {"tensorflow", "keras", "tfx"} & set(sys.modules)


if __name__ == "__main__":
    main(*sys.argv[1:])
