"""The manifests are what Kubernetes takes, and fit together.

Each is held against the models of the `kubernetes` client, which are generated from
the schemas that Kubernetes publishes: no unknown field, none missing, types right.
"""

import pathlib
import re

import pytest
import yaml
from kubernetes.client import models

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "kubeflow" / "manifests"
# KServe's need a cluster that has it, and stand for serving.yaml.
KSERVE = [yaml.safe_load(f.read_text()) for f in sorted(FOLDER.glob("kserve*.yaml"))]
FILES = sorted(set(FOLDER.glob("*.yaml")) - set(FOLDER.glob("kserve*.yaml")))
DOCUMENTS = [
    document
    for file in FILES
    if file.name != "kustomization.yaml"
    for document in yaml.safe_load_all(file.read_text())
]
# Fields of KServe's InferenceService beside those of a pod and of its container, as its
# custom resource definition has them.
PREDICTOR = {"minReplicas": int, "canaryTrafficPercent": int, "model": dict}
MODEL = {"modelFormat": dict, "runtimeVersion": str, "storageUri": str}
_PLAIN = {"str": str, "int": int, "bool": bool, "float": float, "datetime": str}


def validate(value, kind, where):
    """Raises ValueError unless a value is of a type of Kubernetes' schemas."""
    listed = re.fullmatch(r"list\[(.+)\]", kind)
    mapped = re.fullmatch(r"dict\(str, (.+)\)", kind)
    if kind == "object":
        return value
    if listed or mapped:
        _require(isinstance(value, list if listed else dict), where, kind)
        items = enumerate(value) if listed else value.items()
        inner = (listed or mapped)[1]
        return [validate(item, inner, f"{where}.{key}") for key, item in items]
    if kind in _PLAIN:
        return _require(type(value) is _PLAIN[kind], where, kind) or value
    model = getattr(models, kind)
    names = {key: name for name, key in model.attribute_map.items()}
    _require(isinstance(value, dict) and value.keys() <= names.keys(), where, names)
    return model(  # refuses what is missing
        **{
            names[key]: validate(
                item, model.openapi_types[names[key]], f"{where}.{key}"
            )
            for key, item in value.items()
        }
    )


def _require(condition, where, expected):
    if not condition:
        raise ValueError(f"{where}: expected {expected}")


def _model(document):
    version = document["apiVersion"].rpartition("/")[2]
    return f"{version.capitalize()}{document['kind']}"


def one(kind, name="distill-serving"):
    (found,) = [
        document
        for document in DOCUMENTS
        if document["kind"] == kind and document["metadata"]["name"] == name
    ]
    return found


def pod():
    return one("Deployment")["spec"]["template"]["spec"]


def server():
    (container,) = pod()["containers"]
    return container


@pytest.mark.parametrize("document", DOCUMENTS, ids=_model)
def test_fits_the_schema_of_kubernetes(document):
    validate(document, _model(document), document["kind"])
    assert re.fullmatch(
        r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", document["metadata"]["name"]
    )


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda spec: spec.update(replica=1), "replica"),
        (lambda spec: spec.update(replicas="1"), "replicas"),
        (lambda spec: spec.pop("selector"), "selector"),
        (lambda spec: spec["template"]["spec"].update(containers={}), "containers"),
        (lambda spec: spec["template"]["spec"]["containers"][0].pop("name"), "name"),
    ],
)
def test_the_schemas_refuse_what_is_wrong(change, where):
    document = yaml.safe_load(yaml.safe_dump(one("Deployment")))
    change(document["spec"])
    with pytest.raises(ValueError, match=where):
        validate(document, "V1Deployment", "Deployment")


def test_kustomization_has_every_file():
    kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    others = [file.name for file in FILES if file.name != "kustomization.yaml"]
    assert kustomization["resources"] == others
    assert kustomization["kind"] == "Kustomization"


def test_no_two_have_one_name():
    keys = [(d["kind"], d["metadata"]["name"]) for d in DOCUMENTS]
    assert len(set(keys)) == len(keys)


def test_the_role_has_what_the_api_server_asks_for_and_no_more():
    rules = one("Role", "distill-submit")["rules"]
    verbs = {
        (rule["apiGroups"][0], rule["resources"][0]): set(rule["verbs"])
        for rule in rules
    }
    group = "pipelines.kubeflow.org"
    assert verbs == {
        (group, "pipelines"): {"create", "get", "list"},
        (group, "experiments"): {"create", "get", "list"},
        (group, "runs"): {
            "create",
            "delete",
            "get",
            "list",
            "readArtifact",
            "retry",
            "terminate",
        },
        (group, "jobs"): {"create", "delete", "disable", "enable", "get", "list"},
        ("kubeflow.org", "viewers"): {"get"},
    }


def test_the_binding_binds_the_account_to_the_role():
    binding = one("RoleBinding", "distill-submit")
    assert (
        binding["roleRef"]["name"] == one("Role", "distill-submit")["metadata"]["name"]
    )
    (subject,) = binding["subjects"]
    assert one(subject["kind"], subject["name"])


def test_what_the_server_mounts_is_there():
    volumes = {volume["name"]: volume for volume in pod()["volumes"]}
    assert {mount["name"] for mount in server()["volumeMounts"]} == volumes.keys()
    models_volume = volumes["models"]["persistentVolumeClaim"]
    assert one("PersistentVolumeClaim", models_volume["claimName"])
    assert one("ConfigMap", volumes["config"]["configMap"]["name"])


def test_the_server_can_write_nothing_but_its_own_temporary_folder():
    mounts = {
        m["mountPath"]: m.get("readOnly", False) for m in server()["volumeMounts"]
    }
    assert mounts == {"/models": True, "/etc/serving": True, "/tmp": False}
    assert server()["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_server_runs_with_the_least_rights():
    # What the Pod Security Standard "restricted" demands.
    context, whole = server()["securityContext"], pod()["securityContext"]
    assert whole["runAsNonRoot"] is True and whole["runAsUser"] > 0
    assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert pod()["automountServiceAccountToken"] is False


def test_labels_and_ports_lead_to_the_server():
    labels = one("Deployment")["spec"]["template"]["metadata"]["labels"].items()
    ports = {port["name"] for port in server()["ports"]}
    policy, service = one("NetworkPolicy")["spec"], one("Service")["spec"]
    assert one("Deployment")["spec"]["selector"]["matchLabels"].items() <= labels
    assert service["selector"].items() <= labels
    assert policy["podSelector"]["matchLabels"].items() <= labels
    assert {port["targetPort"] for port in service["ports"]} == ports
    assert {port["port"] for port in policy["ingress"][0]["ports"]} == ports


def _without(fields, value, where):
    """What is left of a mapping without fields of KServe's, whose types are checked."""
    for key, kind in fields.items():
        _require(isinstance(value.get(key, kind()), kind), f"{where}.{key}", kind)
    return {key: item for key, item in value.items() if key not in fields}


@pytest.mark.parametrize("document", KSERVE, ids=len)
def test_fits_the_schema_of_kserve(document):
    assert document["apiVersion"] == "serving.kserve.io/v1beta1"
    assert document["kind"] == "InferenceService"
    predictor = document["spec"]["predictor"]
    container = _without(MODEL, predictor["model"], "model")
    pod = _without(PREDICTOR, predictor, "predictor")
    # KServe merges the container of its runtime for TensorFlow with this one.
    pod["containers"] = [{"name": "kserve-container", **container}]
    validate(pod, "V1PodSpec", "predictor")
    assert predictor["model"]["modelFormat"] == {"name": "tensorflow", "version": "2"}
    assert server()["image"].endswith(f":{predictor['model']['runtimeVersion']}")


def test_kserve_mounts_the_folder_that_the_other_server_serves():
    claim = one("PersistentVolumeClaim")["metadata"]["name"]
    canary, newest = (document["spec"]["predictor"] for document in KSERVE)
    (name,) = re.findall(r"/models/(\w+)", one("ConfigMap")["data"]["models.config"])
    assert newest["model"]["storageUri"] == f"pvc://{claim}/{name}"
    (volume,) = canary["volumes"]
    assert volume["persistentVolumeClaim"] == {"claimName": claim, "readOnly": True}
    (mount,) = canary["model"]["volumeMounts"]
    folder, _, version = mount["subPath"].partition("/")
    assert (folder, mount["name"]) == (name, volume["name"])
    # Where KServe's runtime looks for numbered folders.
    assert mount["mountPath"] == f"/mnt/models/{version}" and version.isdigit()


def test_the_model_that_is_probed_is_the_one_that_is_served():
    config = one("ConfigMap")["data"]["models.config"]
    (name,) = re.findall(r'name: "(\w+)"', config)
    (base,) = re.findall(r'base_path: "(\S+)"', config)
    probe = server()["readinessProbe"]["httpGet"]
    assert (probe["path"], base) == (f"/v1/models/{name}", f"/models/{name}")
    (file,) = [a for a in server()["args"] if a.startswith("--model_config_file=")]
    assert file.endswith("=/etc/serving/models.config")


def test_images_have_a_version_and_no_host():
    assert re.fullmatch(r"[a-z]+/[a-z]+:\d+\.\d+\.\d+", server()["image"])
