"""What a few properties of many artifacts say, read without the rest of them."""

from __future__ import annotations

from collections.abc import Collection

from tfx_distill.components import property_names
from tfx_distill.components.evaluator import tested_students
from tfx_distill.pipeline.mlmd.records import Id
from tfx_distill.pipeline.mlmd.source import Artifacts, Source


def tested(source: Source, types: Collection[str]) -> dict[Id, int]:
    """See `Graph.tested`; `types` are the recorded names of the type of blessings."""
    digest, images = property_names.MODEL_DIGEST, property_names.TEST_IMAGES
    found = source.values(types, (digest, images)) if types else {}
    told = {
        id_: (values[images], values.get(digest) or id_)
        for id_, values in reversed(list(found.items()))  # the oldest first
        if values.get(images)
    }
    return dict(zip(told, tested_students.numbers(told.values()), strict=True))


def pushes_about(
    source: Source, types: Collection[str], asked: str | None
) -> Artifacts:
    """See `Store.pushes_about`; `types` are the recorded names of the type of pushes."""
    if not types:
        return {}
    by, to = property_names.ROLLED_BACK_BY, property_names.ROLLED_BACK_TO
    rollbacks = source.values(types, (by, to))
    ids = set(rollbacks)
    if asked is not None:
        wanted = {asked, *(str(values.get(to)) for values in rollbacks.values())}
        name = property_names.PUSHED_VERSION
        pushes = source.values(types, (name, property_names.PUSHED))
        # The version of a push that recorded none is its id.
        ids |= {i for i, values in pushes.items() if str(values.get(name, i)) in wanted}
        if (id_ := source.artifact_id(asked)) in pushes:
            ids.add(id_)
    return source.artifacts(ids)
