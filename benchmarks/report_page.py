"""How long does the report of a run with many classes take, and how large is it?

Times `distill report` as a whole process, on a run of photos whose test split has five
images for each of `--classes` classes. Its files are written without training. Prints
JSON.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

from measurement import figure, in_turn, machine

# The run is the one on which the report's tests look.
_TESTS = pathlib.Path(__file__).parents[1] / "tests" / "pipeline" / "report"
_COMMAND = "from tfx_distill.pipeline.cli import main; main()"
_IMAGES_PER_CLASS, _SHAPE = 5, (96, 128, 3)
_MAX_S, _MAX_MB = 5.0, 3.0


def measure(classes: int, rounds: int) -> dict[str, object]:
    """Returns the result as a dictionary."""
    sys.path.insert(0, str(_TESTS))
    from photo_runs import PhotoRun, many

    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        run: Any = PhotoRun(root, many(classes), _IMAGES_PER_CLASS, _SHAPE)
        run.write(blessed=False)
        page = root / "report.html"
        settings = [f"pipeline.root={root}", "pipeline.name=small"]
        words = [word for text in settings for word in ("--set", text)]
        words = [
            sys.executable,
            "-c",
            _COMMAND,
            "report",
            *words,
            "--output",
            str(page),
        ]
        work = {
            "report": lambda: subprocess.run(words, check=True, capture_output=True)
        }
        seconds = in_turn(work, rounds)["report"]
        megabytes = page.stat().st_size / 1e6
    return {
        "classes": classes,
        "figures": [
            figure("distill report", seconds, "s", at_most=_MAX_S),
            figure("size of the page", [megabytes], "MB", at_most=_MAX_MB),
        ],
        **machine("matplotlib", "jinja2"),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--smoke", action="store_true", help="20 classes, one round")
    args = parser.parse_args(arguments)
    if args.smoke:
        args.classes, args.rounds = 20, 1
    print(json.dumps(measure(args.classes, args.rounds), indent=2))


if __name__ == "__main__":
    main()
