"""The command that an exit task runs: it tells a webhook how a run ended."""

from __future__ import annotations

from typing import Any

import click

from tfx_distill.pipeline.commands import server_options
from tfx_distill.trainer.errors import DistillError


@click.command()
@click.argument("run_id", metavar="RUN")
@server_options.on_server
@click.option("--url", required=True, help="The webhook, or its place as env:NAME.")
@click.option(
    "--token",
    metavar="env:NAME",
    help="Place of a bearer token for it, env:NAME or file:/PATH.",
)
@click.option("--page", metavar="URL", help="Web interface, for the link to the run.")
def notify(
    run_id: str, access: Any, url: str, token: str | None, page: str | None
) -> None:
    """Tell a webhook how the run with the ID RUN ended, as JSON.

    With webhook.url, compiled pipelines do so themselves, when all nodes have ended.
    """
    from tfx_distill.pipeline import webhook
    from tfx_distill.pipeline.config.webhook_config import WebhookConfig

    config = WebhookConfig(url=url, token=token, page=page)
    place = (page or access.host or "").rstrip("/")
    link = f"{place}/#/runs/details/{run_id}" if place else ""
    try:
        server = server_options.connect(access)
        from tfx_distill.pipeline.runners.kubeflow.client import run_reports

        report = run_reports.of_run(server, run_id, link)
    except DistillError as error:
        # That a run has ended is worth telling, even if it is not known how.
        report = webhook.RunReport(
            run=run_id, state=webhook.UNKNOWN, errors=(str(error),), link=link
        )
    webhook.send(config, report)
    click.echo(f"The webhook was told that the run is {report.state}.")
