"""Runs one TFX executor in a container of Kubeflow Pipelines.

Stands between KFP's launcher and TFX's own entry point; see `executor_input`. Exits
with 0 only if the executor succeeded.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
import traceback
import warnings
from collections.abc import Sequence
from typing import Any

from tfx_distill.components import property_names, verdict_lines
from tfx_distill.pipeline import foreign_exits
from tfx_distill.pipeline.runners.kubeflow.container import (
    drawn_outputs,
    executor_input,
    light_imports,
)
from tfx_distill.pipeline.runners.kubeflow.container.mounts import (
    SERVING_VARIABLE,
    Mounts,
)
from tfx_distill.trainer.errors import DistillError, causes

EXIT_FAILED = 1

logger = logging.getLogger("distill")


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the executor and ends the process."""
    status = EXIT_FAILED
    try:
        with foreign_exits.refused():
            status = run(sys.argv[1:] if argv is None else argv)
    except SystemExit as end:  # foreign code's, which is no success of the task's
        status = end.code if isinstance(end.code, int) and end.code else EXIT_FAILED
        logger.error("The executor was ended by SystemExit: %s", end.code)
    except BaseException as error:  # also KeyboardInterrupt, when the pod must stop
        expected = [e for e in causes(error) if isinstance(e, DistillError)]
        if expected:
            logger.error("%s", expected[0])
        else:
            traceback.print_exc()
            logger.error("The executor failed; the traceback above says where.")
    for handler in logging.getLogger().handlers:
        handler.flush()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of TensorFlow or Beam may abort a normal exit after all work is done.
    os._exit(status)


def run(argv: Sequence[str]) -> int:
    """Runs the executor.

    Args:
        argv: As TFX compiles them: the executor's class, the launcher's input, the
            component's inputs; the rest are Beam's options.

    Returns:
        Exit status.
    """
    _set_up_logs()
    args, beam_args = _parser().parse_known_args(list(argv))
    given = executor_input.read(args.json_serialized_invocation_args)
    spec = executor_input.read(args.json_serialized_inputs_spec_args)
    task = executor_input.ExecutorInput(
        given, spec, Mounts.from_environment(), os.environ.get(SERVING_VARIABLE)
    )
    task.make_folders()
    args.json_serialized_invocation_args = json.dumps(task.for_tfx())
    name = args.executor_class_path
    _describe(name, given)
    start = time.monotonic()

    # Loads TensorFlow, unless it is left out, after the arguments were checked.
    is_light = light_imports.leave_out(name)
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

    if not is_light:
        from tfx_distill.components import beam_workers

        beam_workers.watch()
    kubeflow_v2_run_executor.main((args, beam_args))
    _log_verdict(_rewrite_output(task, name))
    logger.info("%s succeeded after %.0f s", name, time.monotonic() - start)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="entrypoint", allow_abbrev=False)
    parser.add_argument("--executor_class_path", required=True)
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", default="{}")
    return parser


def _set_up_logs() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Google's libraries warn about old Python versions, some 15 times.
    warnings.filterwarnings("ignore", category=FutureWarning)
    # Flush each line, so that a killed pod loses none.
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
        force=True,
    )
    logging.getLogger().handlers[0].addFilter(_is_worth_reading)


def _is_worth_reading(record: logging.LogRecord) -> bool:
    """Keeps warnings, and our own messages: TFX and Beam log every step."""
    own_loggers = ("distill", "tfx_distill")
    return record.levelno >= logging.WARNING or record.name.split(".")[0] in own_loggers


def _describe(name: str, given: dict[str, Any]) -> None:
    logger.info("%s begins", name)
    for part in ("inputs", "outputs"):
        for key, value in sorted(given.get(part, {}).get("artifacts", {}).items()):
            for artifact in value.get("artifacts", []):
                logger.info("  %s %s: %s", part[:-1], key, artifact.get("uri"))


def _log_verdict(written: dict[str, Any]) -> None:
    """Logs a gate's verdict, for those who can read logs and not the object store."""
    for _, artifact in executor_input.artifacts(written):
        verdict = artifact.get("metadata", {}).get(property_names.VERDICT)
        if verdict:
            logger.info(verdict_lines.VERDICT, verdict)


def _rewrite_output(
    task: executor_input.ExecutorInput, executor: str
) -> dict[str, Any]:
    path = task.output_file
    with open(path, encoding="utf-8") as file:
        written = json.load(file)
    drawn_outputs.add(written, drawn_outputs.make(executor, task))
    # Replaced at once: the launcher would also read half a file.
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump(task.for_launcher(written), file, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.new", path)
    return dict(written)
