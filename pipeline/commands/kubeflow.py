"""The group `distill kubeflow`: the same pipeline on a cluster."""

from __future__ import annotations

import pathlib

import click

from tfx_distill.pipeline.commands import kubeflow_client, options
from tfx_distill.pipeline.config.loader import load_config


@click.group()
def kubeflow() -> None:
    """Run the same pipeline on Kubeflow Pipelines 2.5 or newer."""


@kubeflow.command(name="compile")
@options.configured
@click.option(
    "--image",
    metavar="REGISTRY/NAME:TAG",
    help="Image of all containers; default: kubeflow.image.",
)
@click.option(
    "--output",
    "-o",
    default="pipeline.yaml",
    show_default=True,
    type=click.Path(dir_okay=False),
    help="File to write.",
)
@click.option(
    "--target",
    type=click.Choice(["kfp", "vertex"]),
    default="kfp",
    show_default=True,
    help="kfp: Kubeflow Pipelines. vertex: a PipelineJob for Vertex AI, as JSON.",
)
def compile_command(
    file: str | None,
    overrides: tuple[str, ...],
    debug: bool,
    image: str | None,
    output: str,
    target: str,
) -> None:
    """Write the pipeline as Kubeflow Pipelines takes it.

    The same DAG as a local run, from the same configuration. What Kubeflow cannot
    run is refused here, with what to do instead.

    \b
    Example: distill kubeflow compile --image registry.example.org/tfx-distill:1.0
    """
    config = load_config(file, overrides)
    if target == "kfp" and not output.endswith((".yaml", ".yml")):
        raise click.UsageError(
            f"-o {output}: Kubeflow Pipelines takes .yaml. For Vertex AI: --target vertex."
        )
    if target == "vertex" and not output.endswith(".json"):
        raise click.UsageError(f"-o {output}: Vertex AI takes .json.")
    from tfx_distill.pipeline import log_capture
    from tfx_distill.pipeline.runners.kubeflow.compiler import plan

    planned = plan.make(config, image, target)
    with log_capture.captured(None) as terminal:
        from tfx_distill.pipeline.runners.kubeflow.compiler import (
            compilation as compiler,
        )

        package = compiler.compile_plan(planned)
        package.write(output, as_job=target == plan.VERTEX)
        for note in planned.places.notes:
            terminal.err.print(f"Note: {note}", soft_wrap=True, markup=False)
        terminal.out.print(
            package.summary(output), soft_wrap=True, markup=False, highlight=False
        )


def _parameters(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    for name, equals, _value in pairs:
        if not equals or not name:
            raise click.BadParameter(f"received {name!r}, expected NAME=VALUE")
    return {name: value for name, _equals, value in pairs}


@kubeflow.command()
@click.argument("file", type=click.Path(dir_okay=False))
@click.option(
    "--workdir",
    default="rehearsal",
    show_default=True,
    type=click.Path(file_okay=False),
    help="Folder for bucket, volumes and logs. Another rehearsal there has its cache.",
)
@click.option(
    "--param",
    "texts",
    multiple=True,
    callback=_parameters,
    metavar="NAME=VALUE",
    help="Set a run parameter. Repeatable.",
)
@click.option(
    "--pipeline-root",
    metavar="URI",
    help="Where artifacts lie, as minio://BUCKET/FOLDER, s3://… or gs://….",
)
@click.option(
    "--kfp-version",
    type=click.Choice(["2.14", "2.15"]),
    default="2.15",
    show_default=True,
    help="2.14: as that and older ones. 2.15: as that and newer ones.",
)
@click.option(
    "--image",
    "in_image",
    is_flag=True,
    help="Run tasks in their image, by docker, podman or buildah.",
)
@options.json_option("Print tasks and artifacts as JSON.")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def rehearse(
    file: str,
    workdir: str,
    texts: dict[str, str],
    pipeline_root: str | None,
    kfp_version: str,
    in_image: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Run a compiled FILE here, every task as in its container.

    Plays the driver and the launcher of Kubeflow Pipelines: a fresh process and a
    fresh folder for each task, and a bucket that holds files alone. Ends with what
    was made, and with what only a cluster can prove.

    \b
    Example: distill kubeflow rehearse pipeline.yaml --param student_epochs=3
    """
    from tfx_distill.pipeline import log_capture
    from tfx_distill.pipeline.runners.kubeflow.compiler import package
    from tfx_distill.pipeline.runners.kubeflow.rehearsal import (
        rehearsal,
        rehearsal_display,
    )

    terminal = log_capture.direct()
    compiled = package.read(file)
    result = rehearsal.rehearse(
        compiled,
        pathlib.Path(workdir),
        rehearsal.parameter_values(compiled, texts),
        rehearsal_display.Lines(terminal.err),
        version=rehearsal.version(kfp_version),
        pipeline_root=pipeline_root,
        in_image=in_image,
    )
    if as_json:
        terminal.out.print_json(result.to_json(), indent=2)
    else:
        rehearsal_display.show(result, compiled, terminal.out, in_image=in_image)


for command in kubeflow_client.COMMANDS:
    kubeflow.add_command(command)
