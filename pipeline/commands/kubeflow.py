"""The group of commands for Kubeflow Pipelines."""

from __future__ import annotations

import click

from pipeline.commands import kubeflow_client


@click.group()
def kubeflow() -> None:
    """Run the pipeline on Kubeflow Pipelines."""


for command in kubeflow_client.COMMANDS:
    kubeflow.add_command(command)
