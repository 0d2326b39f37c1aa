"""The folders of a run, created and checked before anything heavy is loaded."""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
import pathlib
import shutil
from collections.abc import Iterator

from tfx_distill.components.pusher import versions
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.trainer import file_system, folder_lock
from tfx_distill.trainer.errors import ConfigError, DistillError

_GIB = 2**30
_RESERVE, _RESERVE_BYTES = ".reserve", 2**18
_PATTERN = set("*?[]{}\\")


def _timestamp() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d-%H%M%S-%f")


def new_log(config: PipelineConfig) -> pathlib.Path:
    """Creates the log file for what libraries print.

    It lies in `pipeline.root`, not in the pipeline's own folder: the fallback to
    another data set, and so to another pipeline, is decided later.

    Raises:
        DistillError: If it is not writable, or TFX would take a folder for a pattern.
    """
    log = pathlib.Path(config.pipeline.root).expanduser().absolute() / "logs"
    _require_no_pattern("pipeline.root", config.pipeline_dir)
    _require_no_pattern("pusher.directory", config.serving_dir)
    with _explained(log):
        log.mkdir(parents=True, exist_ok=True)
        log = log / f"{_timestamp()}.log"
        log.touch()
    return log


def _require_no_pattern(key: str, folder: str | pathlib.Path) -> None:
    """Rejects letters that TFX and Beam read as patterns of file names."""
    found = sorted(set(str(folder)) & _PATTERN)
    if found or not str(folder).isprintable():
        raise ConfigError(
            f"{key}: the folder {str(folder)!r} contains {' '.join(found) or 'controls'}, "
            "which TFX reads as a pattern of names. Choose a folder without "
            f"{' '.join(sorted(_PATTERN))}."
        )


def make_run_dir(config: PipelineConfig) -> pathlib.Path:
    """Creates the folder of a new run, with the resolved configuration in it.

    Raises:
        DistillError: If a folder is not writable, or its disk is too full.
    """
    _require_space(config)
    run_dir = config.pipeline_dir / "runs" / _timestamp()
    with _explained(run_dir), _kept_if_whole(run_dir):
        run_dir.mkdir(parents=True)
        (run_dir / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")
    keep_reserve(config.pipeline_dir)
    return run_dir


@contextlib.contextmanager
def _kept_if_whole(folder: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _require_space(config: PipelineConfig) -> None:
    """Creates the folders in which a run writes, and checks them."""
    folders = [config.pipeline_dir]
    if file_system.is_remote(config.serving_dir):
        versions.at(config.serving_dir).make()
    else:
        folders.append(pathlib.Path(config.serving_dir))
    for folder in folders:
        with _explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise DistillError(_unwritable(folder, "no permission"))
        free_gb = shutil.disk_usage(folder).free / _GIB
        if free_gb < config.pipeline.min_free_disk_gb:
            raise DistillError(
                f"Folder {folder} has {free_gb:.1f} GB of disk free, expected at least "
                f"{config.pipeline.min_free_disk_gb:.1f} GB. Free some space, set "
                "pipeline.root to another disk, or lower pipeline.min_free_disk_gb."
            )


def keep_reserve(pipeline_dir: pathlib.Path) -> None:
    """Occupies some disk space, see `release_reserve`."""
    with contextlib.suppress(OSError), open(pipeline_dir / _RESERVE, "xb") as file:
        file.write(bytes(_RESERVE_BYTES))


def release_reserve(pipeline_dir: pathlib.Path) -> None:
    """Frees some disk space, so that deletions can be recorded on a full disk."""
    (pipeline_dir / _RESERVE).unlink(missing_ok=True)


@contextlib.contextmanager
def only_run(pipeline_dir: pathlib.Path) -> Iterator[None]:
    """Locks the pipeline's folder against a second run.

    Raises:
        DistillError: If another run holds the lock, or the folder is not writable.
    """
    advice = "Wait for it to finish, or set another pipeline.root or pipeline.name."
    with contextlib.ExitStack() as stack:
        with _explained(pipeline_dir):
            stack.enter_context(folder_lock.held(pipeline_dir, advice))
        yield


@contextlib.contextmanager
def _explained(folder: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = pathlib.Path(error.filename or folder)
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "Free some space" if is_full else "Make it writable"
        reason = error.strerror or str(error)
        raise DistillError(_unwritable(place, reason, advice)) from error


def _unwritable(
    folder: pathlib.Path, reason: str, advice: str = "Make it writable"
) -> str:
    return (
        f"Folder {folder} is not writable ({reason}). {advice}, or set pipeline.root or "
        "pusher.directory to another folder."
    )
