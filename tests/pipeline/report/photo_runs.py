"""A run on colour photos of any number of classes, whose student misses bounds."""

import numpy as np
from small_runs import RUN, SmallRun, png

PHOTO_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship",
    "truck",
)  # fmt: skip


def many(count):
    """Class names of all lengths and scripts."""
    odd = (
        "Käfer, großer",
        "蟻と蜂の写真",
        "standard_poodle_of_medium_height_and_long_name",
    )
    return [*odd, *(f"class {number:03}" for number in range(len(odd), count))][:count]


class PhotoRun(SmallRun):
    """As `SmallRun`; `per_class` test images of each class, of `shape`."""

    def __init__(self, root, class_names, per_class=20, shape=(32, 32, 3), name=RUN):
        super().__init__(root, name=name)
        self.class_names, self.shape = list(class_names), shape
        self.labels = np.repeat(np.arange(len(self.class_names)), per_class)
        self._random = np.random.default_rng(5)
        self.teacher, self.student = self._answers(0.12), self._answers(0.3)

    def _answers(self, mistakes):
        """Mistakes are more frequent in some classes, and half of them a neighbour's."""
        classes, size = len(self.class_names), len(self.labels)
        often = mistakes * self._random.uniform(0, 2, classes)[self.labels]
        wrong = self._random.random(size) < often
        near = np.minimum(self.labels ^ 1, classes - 1)
        others = self._random.integers(0, classes, size)
        other = np.where(self._random.random(size) < 0.5, near, others)
        return np.where(wrong, other, self.labels)

    def image(self, place):
        height, width, channels = self.shape
        rows, columns = np.mgrid[:height, :width]
        waves = [rows + place, columns * 2 + place, rows * columns // 8 + place]
        pixels = np.stack([wave * 7 % 256 for wave in waves[:channels]], -1)
        return png(pixels.astype(np.uint8).squeeze())

    def checks(self, blessed, student, teacher):
        checks = [_check("gate.min_accuracy", "overall", 0.85, student)]
        for name in self.class_names:
            drop = student[name]["accuracy"] - teacher[name]["accuracy"]
            checks += [
                _check("gate.min_class_accuracy", name, 0.75, student),
                {**_check("gate.max_class_accuracy_drop", name, -0.1, student),
                 "value": drop, "ok": drop >= -0.1},
            ]  # fmt: skip
        return checks


def _check(name, on, bound, student):
    value = student[on]["accuracy"]
    return {"name": name, "slice": on, "bound": bound, "value": value,
            "ok": value >= bound}  # fmt: skip
