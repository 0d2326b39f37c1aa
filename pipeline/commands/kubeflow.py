"""The group `distill kubeflow`: runs the same pipeline on a cluster."""

from __future__ import annotations

import pathlib

import click

from tfx_distill.pipeline.commands import (
    kubeflow_gc,
    kubeflow_logs,
    kubeflow_notify,
    kubeflow_runs,
    kubeflow_schedules,
    options,
    server_options,
)
from tfx_distill.pipeline.config.loader import load_config


@click.group()
def kubeflow() -> None:
    """Run the same pipeline on Kubeflow Pipelines 2.5 or newer."""


@kubeflow.command(name="compile")
@options.configured
@click.option(
    "--image",
    metavar="REGISTRY/NAME:TAG",
    help="Image of all containers.  [default: kubeflow.image]",
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
    image: str | None,
    output: str,
    target: str,
) -> None:
    """Compile the pipeline for Kubeflow Pipelines.

    The graph and the configuration are those of a local run. What Kubeflow cannot run
    is rejected here, with an alternative.

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
        from tfx_distill.pipeline.runners.kubeflow.compiler import compilation

        package = compilation.compile_plan(planned)
        package.write(output, as_job=target == plan.VERTEX)
        for note in planned.pod_paths.notes:
            terminal.err.print(f"Note: {note}", soft_wrap=True, markup=False)
        terminal.out.print(
            package.summary(output), soft_wrap=True, markup=False, highlight=False
        )


@kubeflow.command()
@click.argument("file", type=click.Path(dir_okay=False))
@click.option(
    "--workdir",
    default="rehearsal",
    show_default=True,
    type=click.Path(file_okay=False),
    help="Folder for bucket, volumes and logs. Later rehearsals there use its cache.",
)
@server_options.param_option
@click.option(
    "--pipeline-root",
    metavar="URI",
    help="Where artifacts are stored, as minio://BUCKET/FOLDER, s3://… or gs://….",
)
@click.option(
    "--image",
    "in_image",
    is_flag=True,
    help="Run tasks in their image, with docker, podman or buildah.",
)
@options.json_option("Print tasks and artifacts as JSON.")
@options.debug_option
def rehearse(
    file: str,
    workdir: str,
    params: dict[str, str],
    pipeline_root: str | None,
    in_image: bool,
    as_json: bool,
) -> None:
    """Run a compiled FILE here, each task as in its container.

    Imitates the driver and the launcher of Kubeflow Pipelines: each task gets a new
    process and a new folder, and a bucket stores the artifacts.

    \b
    Example: distill kubeflow rehearse pipeline.yaml --param student_epochs=3
    """
    from tfx_distill.pipeline import log_capture
    from tfx_distill.pipeline.runners.kubeflow import pipeline_package, run_request
    from tfx_distill.pipeline.runners.kubeflow.rehearsal import (
        rehearsal,
        rehearsal_display,
    )

    terminal = log_capture.direct()
    package = pipeline_package.read(file)
    result = rehearsal.rehearse(
        package,
        pathlib.Path(workdir),
        run_request.arguments(package, params),
        rehearsal_display.Lines(terminal.err),
        pipeline_root=pipeline_root,
        in_image=in_image,
    )
    if as_json:
        terminal.out.print_json(result.to_json(), indent=2)
    else:
        rehearsal_display.show(result, terminal.out)


for command in (
    kubeflow_runs.submit,
    kubeflow_schedules.schedule,
    kubeflow_schedules.list_schedules,
    kubeflow_schedules.pause,
    kubeflow_schedules.resume,
    kubeflow_schedules.delete,
    kubeflow_runs.upload,
    kubeflow_runs.list_runs,
    kubeflow_runs.status,
    kubeflow_logs.logs,
    kubeflow_runs.stop,
    kubeflow_runs.retry,
    kubeflow_notify.notify,
    kubeflow_gc.gc,
):
    kubeflow.add_command(command)
