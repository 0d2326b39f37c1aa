"""An executor that a container could run, small enough for a test."""

from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils


class Copy(base_executor.BaseExecutor):
    """Copies the file `weights` of `model` to `copied`, and says where it was."""

    def Do(self, input_dict, output_dict, exec_properties):
        source = artifact_utils.get_single_uri(input_dict["model"])
        copied = artifact_utils.get_single_instance(output_dict["copied"])
        with fileio.open(f"{source}/weights") as file:
            io_utils.write_string_file(f"{copied.uri}/weights", file.read())
        copied.set_string_custom_property("source", source)
        copied.set_int_custom_property("epochs", exec_properties["epochs"])
