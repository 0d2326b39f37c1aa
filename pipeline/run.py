"""The command `distill run`: prepares the data, runs the DAG, shows the result."""

from __future__ import annotations

import os
from collections.abc import Sequence

from pipeline import console, folders, metadata
from pipeline.config import PipelineConfig

PUSHED = 0
NOT_BLESSED = 3


def execute(
    config: PipelineConfig,
    file: str | os.PathLike[str] | None,
    overrides: Sequence[str],
    *,
    as_json: bool,
) -> int:
    """Runs the pipeline on this machine.

    Args:
        config: What to run.
        file: What `config` was loaded from; read again for a substitute.
        overrides: As `file`.
        as_json: Print the result as one JSON object instead of a table.

    Returns:
        Exit status: 0 pushed, 3 not blessed.

    Raises:
        DistillError: If the run fails.
    """
    metadata.connection_config(config)
    log = folders.new_log(config)
    with console.quiet(log) as terminal:
        terminal.err.print(f"Loading TensorFlow Extended (log: {log})", soft_wrap=True)
        from pipeline import display, substitution
        from pipeline.runners import local

        with display.RunDisplay(terminal.err) as shown:
            shown.doing(f"Preparing {config.data.dataset}")
            config, notice = substitution.available(config, file, overrides)
            if notice:
                terminal.err.print(display.notice(notice))
            run_dir = folders.make_run_dir(config)
            result = local.run(config, shown, run_dir)
        (run_dir / "result.json").write_text(result.to_json(), encoding="utf-8")
        if as_json:
            terminal.out.print_json(result.to_json(), indent=2)
        else:
            terminal.out.print(display.result_table(result))
    return PUSHED if result.pushed else NOT_BLESSED
