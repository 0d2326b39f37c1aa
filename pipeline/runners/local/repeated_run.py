"""Whether a run would find every result in the cache, told without TensorFlow.

After a run, all that decides on TFX's cache is written down, as far as files show it: the
configuration, data, code and packages, ML Metadata, and what nodes wrote. While all of
that is the same, the next run would do nothing but load TFX. What differs, or cannot be
read, makes it an ordinary run, so a mistake here can only be something that is left out.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import glob
import hashlib
import json
import logging
import os
import pathlib
import re
import site
import stat
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.mlmd import read_only_store
from tfx_distill.pipeline.runners.local.results import NodeResult, RunResult, collect
from tfx_distill.trainer import file_system, json_files, user_modules
from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.data import image_listing
from tfx_distill.trainer.errors import DistillError

logger = logging.getLogger(__name__)

T = TypeVar("T")

_FILE = "unchanged.json"
_MAX_FILES = 300_000
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
# Sections that no node depends on.
_ASIDE = ("pipeline", "pusher", "metadata", "beam", "kubeflow", "webhook", "tracking")
_GENERATED = "__autograph_generated_file"
_NO_FILE = errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG
_UNREADABLE = OSError, ValueError, LookupError, DistillError


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Record:
    """What a finished run leaves for the next one.

    Attributes:
        run: Its id.
        code: The files of Python code that it loaded, without installed packages.
        state: Digest of everything that it depended on and wrote.
    """

    run: str
    code: list[str]
    state: str


def result(config: PipelineConfig) -> RunResult | None:
    """The result of `unchanged`; None if there is none, or it is not all there."""
    run = unchanged(config)
    return None if run is None else _attempted(lambda: _result_of(config, run))


def unchanged(config: PipelineConfig) -> str | None:
    """The id of the last run, if nothing has changed since then; else None."""
    try:
        found = json_files.load(_Record, config.pipeline_dir / _FILE)
        is_same = _is_local(config) and found.state == _state(
            config, found.code, _inputs(config)
        )
    except _UNREADABLE:
        return None
    return found.run if is_same else None


def _result_of(config: PipelineConfig, run: str) -> RunResult:
    store = read_only_store.open_store(config)
    ran = store.graph_of_runs([store.run(run)]).of_run(run)
    return collect(
        store,
        {execution.node: execution.id for execution in ran},
        {execution.node: NodeResult(seconds=0.0, cached=True) for execution in ran},
        run,
        str(config.pipeline_dir / "runs" / run),
    )


@contextlib.contextmanager
def recorded(config: PipelineConfig, run_dir: pathlib.Path) -> Iterator[None]:
    """Writes down a run, unless something that it depends on changed while it ran."""
    before = _attempted(lambda: _inputs(config)) if _is_local(config) else None
    yield
    if before is not None and before == _attempted(lambda: _inputs(config)):
        _attempted(lambda: _record(config, run_dir, before))


def _record(config: PipelineConfig, run_dir: pathlib.Path, inputs: str) -> None:
    code, started = _loaded_code(), (run_dir / "config.yaml").stat().st_ctime_ns
    changed = [file for file in code if os.stat(file).st_ctime_ns >= started]
    if changed:
        raise ValueError(f"{changed[0]} was written during the run.")
    found = _Record(run=run_dir.name, code=code, state=_state(config, code, inputs))
    json_files.save(found, config.pipeline_dir / _FILE)


def _attempted(work: Callable[[], T]) -> T | None:
    try:
        return work()
    except _UNREADABLE as error:
        logger.info("Whether something changed is not known: %s", error)
        return None


def _is_local(config: PipelineConfig) -> bool:
    """Whether files show what a run depends on, and nobody else is told of it."""
    tracking = config.tracking
    others = config.webhook.url, config.registry.url, tracking.mlflow, tracking.wandb
    is_shared = bool(config.metadata.connection) or any(others)
    return config.pipeline.cache and not is_shared


def _decisive(config: PipelineConfig) -> dict[str, Any]:
    """The configuration without what no node depends on."""
    sections = config.model_dump(mode="json")
    return {key: value for key, value in sections.items() if key not in _ASIDE}


def _state(config: PipelineConfig, code: Iterable[str], inputs: str) -> str:
    """Digest of all that a run depends on and wrote."""
    own = config.pipeline_dir
    # A gate depends on whether the versions that were pushed are still there.
    pushed = read_only_store.open_store(config).pushed_models().pushed_models()
    written = {str(config.serving_dir), *(model.folder for model in pushed)}
    written |= {
        str(own / name)
        for name in os.listdir(own)
        if name not in ("runs", _FILE) and not name.startswith(".")
    }
    parts = [inputs, *_listed([*code, *written])]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _inputs(config: PipelineConfig) -> str:
    """All that is known of a run before it begins."""
    sections = _decisive(config)
    for folder in ("data_dir", "manual_dir"):  # with data sets that are not this one
        del sections["data"][folder]
    texts = sorted(set(_strings(sections)))
    modules = {text.partition(".")[0] for text in texts if _DOTTED.fullmatch(text)}
    found = {name: user_modules.find(name) for name in sorted(modules)}
    return json.dumps(
        [
            config.to_yaml(),
            [sys.version, sys.prefix, os.getcwd(), os.environ.get("PYTHONPATH")],
            {name: spec and spec.origin for name, spec in found.items()},
            list(_listed(map(os.path.expanduser, texts))),
            list(_listed(_data_files(config.data))),
            [[path, os.stat(path).st_ctime_ns] for path in _packages()],
        ]
    )


def _strings(value: Any) -> Iterator[str]:
    """All texts in nested values: whichever names a file is one that matters."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _strings(one)
    elif isinstance(value, str):
        yield value


def _data_files(data: DataConfig) -> list[str]:
    """The data set, as far as `data.images` does not name it.

    Raises:
        FileNotFoundError: If it is not in its usual place.
    """
    if data.images is not None:
        found = image_listing.find(data)
        return [os.path.join(found.root, image.path) for image in found.images]
    usual = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    name = re.split("[/:]", data.dataset)[0]
    folder = os.path.join(os.path.expanduser(data.data_dir or usual), name)
    os.stat(folder)
    return [folder]


def _packages() -> list[str]:
    """The installed packages: a folder each, named after the version."""
    folders = [*site.getsitepackages(), site.getusersitepackages()]
    return sorted(p for f in folders for p in glob.glob(os.path.join(f, "*.dist-info")))


def _loaded_code() -> list[str]:
    """Files of the modules that were loaded, without Python's own and packages'."""
    installed = sysconfig.get_path("stdlib"), *site.getsitepackages()
    # TensorFlow's lazy modules load when they are asked for an attribute.
    modules = [getattr(module, "__dict__", {}) for module in list(sys.modules.values())]
    files = {str(found) for one in modules if (found := one.get("__file__"))}
    own = (file for file in files if not file.startswith(installed))
    # None is `<stdin>`, or what TensorFlow has made of a function.
    return sorted(f for f in own if os.path.isfile(f) and _GENERATED not in f)


def _listed(paths: Iterable[str]) -> Iterator[str]:
    """Paths with what changes when somebody writes to them, and what is below them.

    Raises:
        OSError: If one cannot be looked at.
        ValueError: If one is on another machine, or there are too many.
    """
    left, seen = sorted(paths, reverse=True), 0
    while left:
        path, seen = left.pop(), seen + 1
        if seen > _MAX_FILES:
            raise ValueError(f"More than {_MAX_FILES:,} files, the last is {path}.")
        if file_system.is_remote(path):
            raise ValueError(f"{path} is not on this machine.")
        try:
            found = os.stat(path)
        except OSError as error:
            if error.errno in _NO_FILE:
                continue
            raise
        if stat.S_ISDIR(found.st_mode):
            left += [os.path.join(path, name) for name in sorted(os.listdir(path))]
            yield path
        else:
            yield f"{path} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"
