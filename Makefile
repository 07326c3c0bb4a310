# People type these; each is one command of `python -m ops`, which `--help` describes.
STACK  ?= local
PODS   ?= instant
FORMAT ?= text
PYTHON ?= python3

VENV := .venv
PY   := $(VENV)/bin/python
RUN  := $(PY) -m ops
GO_MODULES := state/journal localcloud/controllers

.DEFAULT_GOAL := help
.PHONY: help up preview destroy down demo image stack password doctor cost leftovers plan tools test test-unit lint bench

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

## make preview   [STACK=local] [FORMAT=text|markdown]      show what `up` would change
preview: $(VENV)/.installed
	@$(RUN) preview --stack $(STACK) --format $(FORMAT)

## make destroy   [STACK=local] [YES=1]                     take the stack down, in reverse order
destroy: $(VENV)/.installed
	@$(RUN) destroy --stack $(STACK) $(if $(YES),--yes)

## make down                                               stop the local control plane and moto, and forget them
down: $(VENV)/.installed
	@$(RUN) down

## make demo      [STACK=local]                            a trained model and its prediction, on the stack's bucket
demo: up
	@$(PY) -m pipelines demo --stack $(STACK)

## make image     STACK=dev                                build the pipelines' image and push it to the stack
image: $(VENV)/.installed
	@$(PY) -m pipelines image --stack $(STACK)

## make stack     NAME=dev-blue [SIZE=small] [OWNER=…] [CIDR=…] [AGAIN=1]   settings for one more stack, from those of dev
stack: $(VENV)/.installed
	@$(RUN) stack --name "$(NAME)" $(if $(SIZE),--size $(SIZE)) $(if $(OWNER),--owner "$(OWNER)") $(if $(CIDR),--cidr "$(CIDR)") $(if $(AGAIN),--again)

## make password  STACK=dev-blue                           set the password to log in with
password: $(VENV)/.installed
	@$(RUN) password --stack $(STACK)

## make doctor    [STACK=local]                            what would stop an `up`, before it starts
doctor: $(VENV)/.installed
	@$(RUN) doctor --stack $(STACK)

## make cost      [STACK=dev] [SET=nodesDesired=6]         what the stack costs a month
cost: $(VENV)/.installed
	@$(RUN) cost --stack $(STACK) $(if $(SET),--set "$(SET)")

## make leftovers STACK=dev [DELETE=1]                     what a destroyed stack left in AWS
leftovers: $(VENV)/.installed
	@$(RUN) leftovers --stack $(STACK) $(if $(DELETE),--delete) $(if $(YES),--yes)

## make plan      [RELEASE=26.03]                          the graph: what is sent when, and why
plan: $(VENV)/.installed
	@$(RUN) plan $(if $(RELEASE),--release $(RELEASE))

## make tools                                              bring the tools that the local stack runs on
tools: $(VENV)/.installed
	@$(PY) -m tools

## make test                                               all the tests, two files at a time
test: tools
	@$(PY) -m pytest --numprocesses 2 --dist loadfile

## make test-unit                                          the fast tests
test-unit: $(VENV)/.installed
	@$(PY) -m pytest tests/unit

## make lint                                               ruff, mypy, gofmt, go vet and go test, actionlint
lint: $(VENV)/.installed
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy .
	@test -z "$$(gofmt -l $(GO_MODULES))" || { echo "error: gofmt would change: $$(gofmt -l $(GO_MODULES))" >&2; exit 1; }
	@# The flags are those that the tools are built with, so that Go compiles what they share once.
	@for module in $(GO_MODULES); do \
		(cd $$module && export CGO_ENABLED=0 GOFLAGS=-trimpath && go vet ./... && go test ./...) || exit 1; \
	done
	@"$$($(PY) -m tools actionlint | awk '{ print $$2 }')"

## make bench     [QUICK=1]                                measure; results in bench/results/
bench: tools
	@$(PY) -m bench $(if $(QUICK),--quick)
