"""How good is each student of a pipeline on its test split, and how long did it take?

Reads the students, with all their seeds, that runs left in a pipeline's folder, and
asks each about every test image. Prints JSON.

    python benchmarks/seeds.py runs/best-mnist
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics

import numpy as np


def measure(pipeline_dir: pathlib.Path) -> dict:
    """Returns accuracy, parameters and seconds of every student, and the mean."""
    from trainer import data, export
    from trainer.data_spec import DataSpec

    (examples,) = (pipeline_dir / "artifacts/TfdsExampleGen/examples").iterdir()
    spec = DataSpec.load(str(examples))
    split = data.load_split(data.split_files(str(examples), "test"), "test", spec)
    students = []
    pattern = "artifacts/DistillationTrainer*/model/*/Format-Serving"
    for folder in sorted(pipeline_dir.glob(pattern)):
        card = export.read_card(str(folder))
        if card is None or card.role != "student":
            continue
        predictor = export.Predictor(str(folder))
        answers = [
            predictor.predict(split.images[start : start + 500])["class"]
            for start in range(0, len(split), 500)
        ]
        students.append(
            {
                "node": folder.parts[-4],
                "artifact": folder.parts[-2],
                "seed": card.config["student"]["seed"],
                "accuracy": float(np.mean(np.concatenate(answers) == split.labels)),
                "eval_accuracy": round(card.history["val_accuracy"][-1], 4),
                "parameters": card.num_parameters,
                "training_s": round(card.seconds, 1),
            }
        )
    return {
        "dataset": spec.dataset,
        "test_images": len(split),
        "mean_accuracy": statistics.mean(s["accuracy"] for s in students),
        "students": students,
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pipeline_dir", type=pathlib.Path, help="as runs/best-mnist")
    args = parser.parse_args(arguments)
    print(json.dumps(measure(args.pipeline_dir), indent=2))


if __name__ == "__main__":
    main()
