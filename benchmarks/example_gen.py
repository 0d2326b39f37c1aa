"""How many images per second does ExampleGen check and pass on?

Measures the executor on Beam, without TFDS's own preparation, which happens once per
machine. Needs MNIST or another `--dataset`; `--smoke` uses the embedded `digits`.
Prints JSON.
"""

from __future__ import annotations

import json
import tempfile
import time

from measurement import data_parser, data_settings, machine


def measure(settings: dict[str, str | None], runs: int) -> dict[str, object]:
    """Returns the result as a dictionary; rates are images per second."""
    from tfx.types import standard_artifacts

    from tfx_distill.components.example_gen import executor
    from tfx_distill.components.tfds_example_gen import dataset_source
    from tfx_distill.trainer.config.data_config import DataConfig
    from tfx_distill.trainer.data.data_spec import DataSpec

    data = DataConfig(**settings)
    start = time.monotonic()
    dataset_source.prepare(data)
    prepare_s = time.monotonic() - start
    seconds = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            artifact = standard_artifacts.Examples()
            artifact.uri = folder
            start = time.monotonic()
            executor.Executor().Do(
                {}, {"examples": [artifact]}, {"data": data.to_json()}
            )
            seconds.append(time.monotonic() - start)
            num_images = sum(DataSpec.load(folder).num_examples.values())
    return {
        "dataset": data.dataset,
        "images": num_images,
        "prepare_s": round(prepare_s, 2),
        "executor_s": [round(s, 2) for s in seconds],
        "images_per_s": round(num_images / min(seconds)),
        "images_per_s_of_each_run": [round(num_images / s) for s in seconds],
        **machine("tfx", "apache-beam", "tensorflow", "tensorflow-datasets", "pillow"),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = data_parser(__doc__, smoke="digits, one run")
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args(arguments)
    result = measure(data_settings(args), 1 if args.smoke else args.runs)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
