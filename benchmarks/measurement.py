"""What the benchmarks share: data set options, and the machine they ran on."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform


def machine(*packages: str) -> dict[str, object]:
    """The machine and the versions of Python and of some packages, for the result."""
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "versions": {"python": platform.python_version(), **versions},
    }


def data_parser(description: str | None, smoke: str) -> argparse.ArgumentParser:
    """A parser for the options of a data set and `--smoke`, explained by `smoke`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument(
        "--data-dir", help="prepared data sets; default: the folder of TFDS"
    )
    parser.add_argument(
        "--manual-dir",
        default=os.environ.get("DISTILL_MANUAL_DIR"),
        help="original files; default: $DISTILL_MANUAL_DIR",
    )
    parser.add_argument("--smoke", action="store_true", help=smoke)
    return parser


def data_settings(args: argparse.Namespace) -> dict[str, str | None]:
    """The parsed options, as arguments of `DataConfig`."""
    return {
        "dataset": "digits" if args.smoke else args.dataset,
        "data_dir": args.data_dir,
        "manual_dir": args.manual_dir,
    }
