"""Names of the properties that artifacts and runs have in ML Metadata.

Stores keep them for ever: a renamed one would hide what earlier runs recorded.
"""

from __future__ import annotations

# Of blessings and pushed models.
BLESSED = "blessed"
REASON = "reason"
BLESSED_MODEL_URI = "current_model"
BLESSED_MODEL_ID = "current_model_id"
MODEL_DIGEST = "model_digest"
VERDICT = "verdict"
# Of LiteRT files: JSON, SHA-256 by name of those that may be pushed.
FILE_DIGESTS = "file_digests"
# Of a version: SHA-256 of its manifest, see `components/pusher/manifest.py`.
MANIFEST_DIGEST = "manifest_digest"
VERDICT_DIGEST = "verdict_digest"
TEST_IMAGES = "test_images"
DECIDED_BY = "decided_by"
DECISION_REASON = "decision_reason"
PAIRED_DIFFERENCE_LOW = "paired_difference_low"
PUSHED = "pushed"
PUSHED_VERSION = "pushed_version"
PUSHED_DESTINATION = "pushed_destination"
ROLLED_BACK_BY = "rolled_back_by"
ROLLED_BACK_TO = "rolled_back_to"
ROLLED_BACK_FROM = "rolled_back_from"

# Of an artifact whose files were copied to this machine: where they were copied from.
REMOTE_URI = "remote_uri"

# Of examples, of models and of what is made from them.
DATASET = "dataset"
ANSWERS_FILE = "answers_file"
CONTENT_DIGEST = "content_digest"
NOTICES = "notices"
TEACHER_OUTPUTS = "teacher_outputs"
DATASET_VERSION = "dataset_version"
DATA_FINGERPRINT = "data_fingerprint"
NUM_EXAMPLES = "num_examples"
DATA = (DATASET, DATASET_VERSION, DATA_FINGERPRINT, NUM_EXAMPLES)
NUM_PARAMETERS = "num_parameters"
HEADROOM = "headroom"
HEADROOM_CONCLUSION = "headroom_conclusion"
IMPORTED_FROM = "imported_from"
TFX_VERSION = "tfx_version"

# Execution properties of the Evaluator.
SERVED_MODEL = "served_model"
SERVED_MODEL_URI = "served_model_uri"
SERVED_ARTIFACT_ID = "served_artifact_id"
TESTED_BEFORE = "tested_before"

# Of a run's context.
CONFIG = "config"
DISTILL_VERSION = "tfx_distill_version"
FAILED_NODE = "failed_node"
ERROR = "error"
STOPPED = "stopped"
TIMELINE = "timeline"
