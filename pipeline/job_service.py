"""Beam's own job service, which here notices lost workers.

    python -m tfx_distill.pipeline.job_service --port 8099

Beam's `local_job_service_main`, whose options it takes, waits for ever for the answer of a
worker that was killed.
"""

from __future__ import annotations

import logging
import sys

from apache_beam.runners.portability import local_job_service_main

from tfx_distill.components import beam_workers

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    beam_workers.watch()
    local_job_service_main.run(sys.argv[1:])
