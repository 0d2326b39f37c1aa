# Everything here sets the environment up first, which is quick once it is
# current. ARGS are handed on, as in: make run ARGS="--config article"
PYTHON ?= python3
ARGS ?=
# Processes that share the tests; each holds TensorFlow and TFX, some 1.5 GB.
JOBS ?= 2
IMAGE ?= tfx-distill
IMAGE_BUILD ?= docker build
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile
LOCK := pip compile setup.py - --extra dev --extra kubeflow --no-emit-index-url \
	--no-annotate --quiet --custom-compile-command "make lock" $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help setup run test test-all attack bench bench-compare check format docs lock image
.PHONY: mutation

help:  ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 15

setup:  ## Make .venv from the lock file, if it is not current.
	@$(PYTHON) bin/setup_env.py

run: setup  ## Run the pipeline on MNIST.
	@$(BIN)/distill run $(ARGS)

test: setup  ## Run the tests.
	@$(PYTEST) $(ARGS)

test-all: setup  ## Run every test; those that lack a tool, MNIST, root or an engine say so.
	@$(PYTEST) -m "" -rs $(ARGS)

attack: setup  ## Attack the pipeline with wrong input, all of it: ten minutes.
	@$(PYTEST) -m attack $(ARGS)

bench: setup  ## Measure speed and size; ARGS="--keep new.json serving_speed".
	@$(BIN)/python benchmarks/bench.py $(ARGS)

bench-compare: setup  ## Say what became slower; ARGS="old.json new.json".
	@$(BIN)/python benchmarks/bench_compare.py $(ARGS)

mutation: setup  ## Change the code here and there; say what no test notices.
	@$(BIN)/python benchmarks/mutation.py $(ARGS)

check: setup  ## Check format, style and types.
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: setup  ## Format the code and mend what can be mended.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: setup  ## Write the generated pages and the default configuration file.
	@$(BIN)/python bin/make_docs.py

lock:  ## Bring both lock files up to setup.py; ARGS=--upgrade for newer versions.
	@uv="$$($(PYTHON) bin/setup_env.py --uv)" && \
	echo "tfx==1.16.*" | "$$uv" $(LOCK) -o requirements/tfx-1.16.lock \
		--python-version 3.10 --python-platform x86_64-manylinux_2_28 && \
	echo "tfx==1.21.*" | "$$uv" $(LOCK) -o requirements/tfx-1.21.lock \
		--python-version 3.11 --universal

image:  ## Build the image IMAGE for Kubeflow; IMAGE_BUILD="buildah bud" or the like.
	@$(IMAGE_BUILD) --file kubeflow/Dockerfile --tag $(IMAGE) $(ARGS) .
