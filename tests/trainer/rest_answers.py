"""Answers requests as TensorFlow Serving's REST API does, with TensorFlow alone.

Reads a JSON list of the bodies of `predict` requests for the model in its argument, and
prints a list of the bodies of the answers. What TensorFlow Serving documents
(https://www.tensorflow.org/tfx/serving/api_rest): `instances` give `predictions`, row
by row; `inputs` give `outputs`, column by column; binary strings are `{"b64": …}`, going
out only from outputs whose name ends in `_bytes`.
"""

import base64
import json
import subprocess
import sys

ABSENT = ("keras", "tf_keras", "tfx", "tfx_distill", "tensorflow_datasets")


def b64(content):
    """Bytes as a request holds them."""
    return {"b64": base64.b64encode(content).decode()}


def of(model_dir, *requests):
    """The answers to requests, from a process of their own."""
    command = [sys.executable, __file__, str(model_dir)]
    given = json.dumps(requests)
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def _tensor(value, taken, tf):
    def plain(item):
        if isinstance(item, list):
            return [plain(one) for one in item]
        if isinstance(item, dict):
            assert taken.dtype == tf.string and list(item) == ["b64"], item
            return base64.b64decode(item["b64"], validate=True)
        is_text = isinstance(item, str)
        assert is_text == (taken.dtype == tf.string), (item, taken)
        return item

    tensor = tf.constant(plain(value), taken.dtype)
    assert taken.shape.is_compatible_with(tensor.shape), (taken, tensor.shape)
    return tensor


def _is_named(item, names):
    return isinstance(item, dict) and set(item) == set(names)


def _columns(request, names):
    """The values of a request by the name of their input."""
    if "inputs" in request:
        given = request["inputs"]
        return given if _is_named(given, names) else {names[0]: given}
    rows = request["instances"]
    if all(_is_named(row, names) for row in rows):
        return {name: [row[name] for row in rows] for name in names}
    (name,) = names
    return {name: rows}


def _json(name, value):
    if isinstance(value, list):
        return [_json(name, one) for one in value]
    if not isinstance(value, bytes):
        return value
    is_binary = name.endswith("_bytes")
    return b64(value) if is_binary else value.decode()


def _answer(loaded, request, tf):
    function = loaded.signatures[request.get("signature_name", "serving_default")]
    inputs = function.structured_input_signature[1]
    given = _columns(request, list(inputs))
    tensors = {name: _tensor(value, inputs[name], tf) for name, value in given.items()}
    found = function(**tensors)
    outputs = {name: _json(name, v.numpy().tolist()) for name, v in found.items()}
    if "inputs" in request:
        return {
            "outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))
        }
    (size,) = {len(values) for values in outputs.values()}
    rows = [{name: outputs[name][at] for name in outputs} for at in range(size)]
    if len(outputs) == 1:
        rows = [value for row in rows for value in row.values()]
    return {"predictions": rows}


def main(model_dir):
    sys.modules.update(dict.fromkeys(ABSENT))  # as good as not installed
    import tensorflow as tf

    loaded = tf.saved_model.load(model_dir)
    answers = []
    for request in json.load(sys.stdin):
        try:
            answers.append(_answer(loaded, request, tf))
        except tf.errors.InvalidArgumentError as error:
            answers.append({"error": str(error)})
    assert not any(sys.modules[name] for name in ABSENT)
    sys.stdout.write(f"\n{json.dumps(answers)}\n")


if __name__ == "__main__":
    main(sys.argv[1])
