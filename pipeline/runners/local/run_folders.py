"""The folders of a run, made and checked before anything heavy loads."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import os
import pathlib
import shutil
from collections.abc import Iterator

from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.trainer.errors import DistillError

_GIB = 2**30


def _timestamp() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d-%H%M%S-%f")


def new_log(config: PipelineConfig) -> pathlib.Path:
    """Makes the file that takes what libraries print.

    It lies in `pipeline.root`, not in the pipeline's own folder: which data set,
    and so which pipeline, is known only once the data has been looked for.

    Raises:
        DistillError: If it cannot be written.
    """
    log = pathlib.Path(config.pipeline.root).expanduser().absolute() / "logs"
    with _explained(log):
        log.mkdir(parents=True, exist_ok=True)
        log = log / f"{_timestamp()}.log"
        log.touch()
    return log


def make_run_dir(config: PipelineConfig) -> pathlib.Path:
    """Makes the folder of a new run, with the resolved configuration in it.

    Raises:
        DistillError: If a folder cannot be written, or its disk is too full.
    """
    run_dir = config.pipeline_dir / "runs" / _timestamp()
    with _explained(run_dir):
        run_dir.mkdir(parents=True)
        (run_dir / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")
        config.serving_dir.mkdir(parents=True, exist_ok=True)
    for folder in (config.pipeline_dir, config.serving_dir):
        if not os.access(folder, os.W_OK):
            raise DistillError(_unwritable(folder, "no permission"))
        free_gb = shutil.disk_usage(folder).free / _GIB
        if free_gb < config.pipeline.min_free_disk_gb:
            raise DistillError(
                f"Folder {folder} has {free_gb:.1f} GB of disk free, expected at least "
                f"{config.pipeline.min_free_disk_gb:.1f} GB. Free some, set pipeline.root "
                "elsewhere, or lower pipeline.min_free_disk_gb."
            )
    return run_dir


@contextlib.contextmanager
def only_run(pipeline_dir: pathlib.Path) -> Iterator[None]:
    """Holds the pipeline's folder, so that no second run works in it.

    The system lets go of the lock when the process ends, however it ends.

    Raises:
        DistillError: If another run holds it.
    """
    with open(pipeline_dir / ".lock", "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise DistillError(
                f"Another run ({holder}) works in {pipeline_dir}. Wait for it, or set "
                "pipeline.root or pipeline.name to something else."
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


@contextlib.contextmanager
def _explained(folder: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = pathlib.Path(error.filename or folder)
        raise DistillError(_unwritable(place, error.strerror or str(error))) from error


def _unwritable(folder: pathlib.Path, reason: str) -> str:
    return (
        f"Folder {folder} cannot be written ({reason}). Make it writable, or set "
        "pipeline.root or pusher.directory to another folder."
    )
