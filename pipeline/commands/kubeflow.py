"""The group `distill kubeflow`: the same pipeline on a cluster."""

from __future__ import annotations

import pathlib

import click

from pipeline.commands import options
from pipeline.config import load_config


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
    from pipeline import console

    with console.quiet(None) as terminal:
        from pipeline.runners.kubeflow import compile as compiler

        compiled = compiler.compile_config(config, image, target)
        try:
            pathlib.Path(output).write_text(compiled.text(target), encoding="utf-8")
        except OSError as error:
            raise compiler.CompileError(
                f"{output} cannot be written ({error.strerror})."
            ) from None
        for note in compiled.notes:
            terminal.err.print(f"Note: {note}", soft_wrap=True, markup=False)
        package = compiled.package
        lines = [f"{output}: {package.name}, {len(package.tasks)} tasks"]
        for name, parameter in sorted(package.parameters.items()):
            lines.append(f"  {name} = {parameter['defaultValue']}")
        for line in lines:
            terminal.out.print(line, soft_wrap=True, markup=False, highlight=False)
