"""Commands that run the pipeline or print its configuration."""

from __future__ import annotations

from typing import Any

import click

from tfx_distill.pipeline.commands import completion, options
from tfx_distill.pipeline.config.loader import load_config


@click.command()
@options.configured
@options.json_option("Print the result as one JSON object.")
@click.option(
    "--no-substitute",
    is_flag=True,
    help="Fail instead of falling back to `digits` if MNIST is unavailable.",
)
@click.option(
    "--until", metavar="NODE", help="End after this node, such as TeacherLogits."
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Run nothing: say which nodes would run, and how long they took last time.",
)
@click.option(
    "--profile",
    is_flag=True,
    help="Profile some steps of each training that runs, for TensorBoard.",
)
@click.option(
    "--shortcut/--no-shortcut",
    default=True,
    help="If nothing has changed since the last run, show its result and run nothing.",
)
def run(
    file: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
    no_substitute: bool,
    **choices: Any,
) -> int:
    """Run the pipeline on this machine.

    Exit status: 0 pushed, 3 completed but the student was not blessed, 2 wrong
    usage or configuration, 1 failed. With --until or --dry-run: 0 done.

    \b
    Examples:
      distill run
      distill run --config article
      distill run --set distillation.temperature=2 --set student.epochs=20
      distill run --set student.epochs=20 --dry-run
    """
    if no_substitute:
        overrides = (*overrides, "data.substitute=false")
    config = load_config(file, overrides)
    from tfx_distill.pipeline.runners.local import run as run_command

    how = run_command.Options(**choices)
    return run_command.execute(config, file, overrides, how, as_json=as_json)


@click.command()
@options.configured
@options.json_option("Print the result as one JSON object.")
def tune(file: str | None, overrides: tuple[str, ...], as_json: bool) -> int:
    """Search the student's hyperparameters and rank the trials.

    Runs the pipeline up to the search that the section `tuning` configures, by
    default one with its default values. Trials are ranked by accuracy on the eval
    split; the test split is not used. The best five are compared, and the report
    shows accuracy against each hyperparameter.

    To stop, press Ctrl-C or end the process: finished trials are kept. To resume,
    give the same command again: it continues after them, and finds the same as a
    search that was never stopped. Other data, another teacher or other settings
    start another search. Once finished, a search is taken from the cache.

    \b
    Examples:
      distill tune --config tuned
      distill tune --set tuning.max_trials=10 --set tuning.max_parameters=5000
    """
    config = load_config(file, overrides)
    if config.tuning is None:
        overrides = (*overrides, "tuning={}")
        config = load_config(file, overrides)
    from tfx_distill.pipeline.runners.local import tune as tune_command

    return tune_command.execute(config, file, overrides, as_json=as_json)


@click.command(name="config")
@options.configured
@click.option(
    "--explain",
    "key",
    metavar="KEY",
    shell_complete=completion.keys,
    help="Say what a key, or each key of a section, means and where its value comes from.",
)
@click.option(
    "--schema", is_flag=True, help="Print the JSON schema instead, for editors."
)
def show_config(
    file: str | None, overrides: tuple[str, ...], key: str | None, schema: bool
) -> None:
    """Print the resolved configuration as YAML.

    \b
    Examples:
      distill config --config smoke --set student.epochs=3
      distill config --config smoke --explain student.epochs
      distill config --schema > distill.schema.json
    """
    if schema and (file or overrides or key):
        raise click.UsageError("--schema is the same for every configuration.")
    if schema:
        import json

        from tfx_distill.pipeline.config import reference

        click.echo(json.dumps(reference.json_schema(), indent=2))
    elif key is not None:
        from tfx_distill.pipeline.config import key_explanations

        found = key_explanations.explain(file, overrides, key)
        click.echo(key_explanations.text(found))
    else:
        click.echo(load_config(file, overrides).with_names().to_yaml(), nl=False)
