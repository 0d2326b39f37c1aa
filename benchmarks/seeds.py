"""How accurate is each seed's student on the test split, and how long did it train?

Scores every student of a run, trained or taken from the cache, on the test split.
Prints JSON.

    python benchmarks/seeds.py runs/best-mnist
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics

import ml_metadata
import numpy as np
from measurement import machine
from ml_metadata.proto import metadata_store_pb2

from tfx_distill.pipeline.mlmd.store import Store

_NODE = "DistillationTrainer"


def artifacts(pipeline_dir: pathlib.Path, run_id: str | None) -> dict[str, str]:
    """Returns the folders of a run's examples and models, by node id."""
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(pipeline_dir / "metadata.sqlite")
    store = Store(ml_metadata.MetadataStore(connection))
    run = store.run(run_id) if run_id else store.runs(limit=1)[0]
    graph = store.graph_of_runs([run])
    found = graph.made(run.name, "Examples") + graph.made(run.name, "Model")
    return {artifact.node: artifact.uri for artifact in found}


def measure(pipeline_dir: pathlib.Path, run_id: str | None) -> dict:
    """Returns accuracy, parameters and seconds of each student, and the mean accuracy."""
    from tfx_distill.trainer.data import example_reader
    from tfx_distill.trainer.data.data_spec import DataSpec
    from tfx_distill.trainer.export import saved_model, saved_model_files

    folders = artifacts(pipeline_dir, run_id)
    examples = next(uri for node, uri in folders.items() if "ExampleGen" in node)
    spec = DataSpec.load(examples)
    split = example_reader.load_split(examples, "test", spec)
    students = []
    for node in sorted(name for name in folders if name.startswith(_NODE)):
        folder = os.path.join(folders[node], "Format-Serving")
        predictor, card = (
            saved_model.Predictor(folder),
            saved_model_files.read_card(folder),
        )
        is_right = predictor.classes(split.images) == split.labels
        students.append(
            {
                "node": node,
                "accuracy": float(np.mean(is_right)),
                "eval_accuracy": round(card.history["val_accuracy"][-1], 4),
                "parameters": card.num_parameters,
                "training_s": round(card.seconds, 1),
            }
        )
    if not students:
        raise SystemExit(f"{pipeline_dir}: this run has no student; name one by --run.")
    return {
        "dataset": spec.dataset,
        "test_images": len(split),
        "mean_accuracy": statistics.mean(s["accuracy"] for s in students),
        "students": students,
        **machine("tfx", "tensorflow", "keras"),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pipeline_dir", type=pathlib.Path, help="as runs/best-mnist")
    parser.add_argument("--run", help="id of the run; default: the newest")
    args = parser.parse_args(arguments)
    print(json.dumps(measure(args.pipeline_dir, args.run), indent=2))


if __name__ == "__main__":
    main()
