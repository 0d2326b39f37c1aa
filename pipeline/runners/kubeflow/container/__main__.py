"""The command of every container: `python -m` with the name of this folder."""

from __future__ import annotations

from tfx_distill.pipeline.runners.kubeflow.container import entrypoint

if __name__ == "__main__":
    entrypoint.main()
