"""What does a whole run cost, beside the article's script and TFX's own MNIST example?

In each round, in turn, each a process of its own: the bare script (`article_script.py`),
`distill run` in a new folder, the same again, the same with another temperature, TFX's
example pipeline on the same images (`tfx_example.py`), and `import tensorflow`. The data
are prepared before. Prints JSON: seconds, processor seconds, ratios to the script, and
the seconds of each node beside TFX's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from measurement import data_parser, data_settings, figure, machine, ratios, timed

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_COMMAND = "from tfx_distill.pipeline.cli import main; main()"
_AT_MOST = {"cold": 0.8, "again": 0.1}  # of the script
_AT_MOST_OF_COLD = 0.3  # with another temperature
# Nodes that do the same in both pipelines, by their names in TFX's.
_ALIKE = {
    "ImportExampleGen": "TfdsExampleGen",
    "StatisticsGen": "StatisticsGen",
    "SchemaGen": "SchemaGen",
    "ExampleValidator": "ExampleValidator",
    "Evaluator.mnist": "Evaluator",
    "Pusher.mnist": "Pusher",
}


class Measured(NamedTuple):
    """One process: what it printed, and what it took."""

    printed: dict[str, Any]
    seconds: float
    cpu_s: float


def measure(
    data: Mapping[str, str | None], config: str, rounds: int, *, with_tfx: bool
) -> dict[str, object]:
    """Returns the result as a dictionary."""
    found: dict[str, list[Measured]] = {}
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        arrays = os.path.join(folder, "images.npz")
        write_arrays(data, arrays)
        for number in range(rounds):
            root = os.path.join(folder, f"round-{number}")
            for name, words in _processes(data, config, arrays, root, with_tfx):
                found.setdefault(name, []).append(_run(words))
    last = {name: runs[-1].printed for name, runs in found.items()}
    return {
        "figures": [*_figures(found), *_by_node(found)],
        "accuracy": {
            "script": last["script"]["student"],
            "distill": last["cold"]["student"]["accuracy"],
        },
        "nodes": last["cold"]["nodes"],
        "tfx_nodes": last.get("tfx", {}),
        **machine("tfx", "tensorflow", "keras"),
    }


def write_arrays(data: Mapping[str, str | None], path: str) -> None:
    """Prepares the data set and writes its images and labels as arrays."""
    import numpy as np

    from tfx_distill.components.tfds_example_gen import dataset_source
    from tfx_distill.trainer.config.data_config import DataConfig

    builder = dataset_source.prepare(DataConfig(**data))
    arrays = {}
    for split in ("train", "test"):
        rows = builder.as_dataset(split=split, batch_size=-1)
        arrays[f"{split}_images"] = rows["image"].numpy()
        arrays[f"{split}_labels"] = rows["label"].numpy()
    np.savez(path, **arrays)


def _processes(
    data: Mapping[str, str | None], config: str, arrays: str, root: str, with_tfx: bool
) -> Iterator[tuple[str, list[str]]]:
    settings = {f"data.{key}": value for key, value in data.items() if value}
    settings["pipeline.root"] = f"{root}/runs"
    words = ["-c", _COMMAND, "run", "--json", "--config", config]
    for key, value in settings.items():
        words += ["--set", f"{key}={value}"]
    yield "script", [os.path.join(_FOLDER, "article_script.py"), arrays]
    yield "cold", words
    yield "again", words
    yield "temperature", [*words, "--set", "distillation.temperature=3.5"]
    yield "import tensorflow", ["-c", "import tensorflow; print('{}')"]
    if with_tfx:
        example = os.path.join(_FOLDER, "tfx_example.py")
        yield "tfx", [example, arrays, f"{root}/tfx"]


def _run(words: list[str]) -> Measured:
    def work() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words], stdout=subprocess.PIPE, text=True, check=False
        )

    done, seconds, cpu_s = timed(work)
    if done.returncode not in (0, 3):  # 3: the student was not blessed
        raise SystemExit(f"{' '.join(words)} failed with status {done.returncode}.")
    return Measured(json.loads(done.stdout), seconds, cpu_s)


def _figures(found: Mapping[str, list[Measured]]) -> Iterator[dict[str, Any]]:
    for what, key in (("seconds", "seconds"), ("processor seconds", "cpu_s")):
        took = {n: [getattr(one, key) for one in runs] for n, runs in found.items()}
        for name, samples in took.items():
            yield figure(f"{name}: {what}", samples, "s")
        for name in ("cold", "again", "temperature", "tfx"):
            if name in took:
                goal = _AT_MOST.get(name)
                samples = ratios(took[name], took["script"])
                yield figure(f"{name} / script: {what}", samples, at_most=goal)
        samples = ratios(took["temperature"], took["cold"])
        name = f"temperature / cold: {what}"
        yield figure(name, samples, at_most=_AT_MOST_OF_COLD)


def _by_node(found: Mapping[str, list[Measured]]) -> Iterator[dict[str, Any]]:
    """Seconds of the nodes that both pipelines have."""
    pairs = list(zip(found["cold"], found.get("tfx", ()), strict=False))
    for theirs, ours in _ALIKE.items():
        samples = [
            cold.printed["nodes"][ours]["seconds"] / tfx.printed[theirs]
            for cold, tfx in pairs
            if ours in cold.printed["nodes"] and tfx.printed[theirs]
        ]
        if samples:
            yield figure(f"{ours} / TFX's {theirs}", samples)


def main(arguments: list[str] | None = None) -> None:
    parser = data_parser(__doc__, smoke="digits, without TFX's example")
    parser.add_argument("--config", default="default")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--no-tfx", action="store_true", help="without TFX's example")
    args = parser.parse_args(arguments)
    config = "smoke" if args.smoke else args.config
    with_tfx = not (args.smoke or args.no_tfx)
    result = measure(data_settings(args), config, args.rounds, with_tfx=with_tfx)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
