# People type these; each is one command of `python -m ops`, which `--help` describes.
STACK  ?= local
PODS   ?= instant
FORMAT ?= text
PYTHON ?= python3

VENV := .venv
PY   := $(VENV)/bin/python
RUN  := $(PY) -m ops

.DEFAULT_GOAL := help
.PHONY: help up preview destroy down tools test test-unit lint bench

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

$(VENV)/.installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "error: Python 3.11 or newer is needed as $(PYTHON); install it, or name one with PYTHON=…." >&2; exit 1; }
	@echo "making $(VENV) from requirements.lock (a minute or two)"
	@$(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --require-hashes -r requirements.lock
	@touch $@

## make up        [STACK=local] [PODS=instant|realistic]   bring the stack up
up: $(VENV)/.installed
	@$(RUN) up --stack $(STACK) --pods $(PODS)

## make preview   [STACK=local]                            show what `up` would change
preview: $(VENV)/.installed
	@$(RUN) preview --stack $(STACK) --format $(FORMAT)

## make destroy   [STACK=local]                            take the stack down, in reverse order
destroy: $(VENV)/.installed
	@$(RUN) destroy --stack $(STACK)

## make down                                               stop the local control plane and moto, and forget them
down: $(VENV)/.installed
	@$(RUN) down

## make tools                                              bring the tools that the local stack runs on
tools: $(VENV)/.installed
	@$(PY) -m localcloud.tools

## make test                                               all the tests
test: tools
	@$(PY) -m pytest

## make test-unit                                          the fast tests
test-unit: $(VENV)/.installed
	@$(PY) -m pytest tests/unit

## make lint                                               ruff, mypy, gofmt, go vet
lint: $(VENV)/.installed
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy .
	@test -z "$$(gofmt -l localcloud)" || { echo "error: gofmt would change: $$(gofmt -l localcloud)" >&2; exit 1; }
	@cd localcloud/kubernetes && go vet ./... && go test ./...
	@cd localcloud/controllers && go vet ./... && go test ./...
