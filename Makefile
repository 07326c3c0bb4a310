# People type these; each is one command of `python -m ops`, which `--help` describes.
STACK  ?= local
PODS   ?= instant
FORMAT ?= text
PYTHON ?= python3

# What a person may give, on the command line or in the environment. A recipe reads it as a shell's variable: its text
# becomes no part of a script, and make expands no `$` in it.
GIVEN := STACK PODS FORMAT PYTHON YES NAME SIZE OWNER CIDR AGAIN SET DELETE FORGET FORCE_FINALIZERS RELEASE QUICK LOSE
GIVEN += KEEP PARTS POINT TO BACKUP REHEARSE TRACE
$(foreach name,$(GIVEN),$(eval override $(name) := $$(value $(name))))
export $(GIVEN)

# Nobody gives these.
override VENV := .venv
override PY := $(VENV)/bin/python
override RUN := $(PY) -m ops
override GO_MODULES := state/journal localcloud/controllers
# Those whose lines are held to 120 characters, and that staticcheck reads.
override GO_CHECKED := state/journal localcloud/controllers

.DEFAULT_GOAL := help
.PHONY: help up adopt upgrade rollback preview drift destroy down demo image stack password rotate doctor cost leftovers plan
.PHONY: images images-lock mirror restore recover versions upgrade-nodes tools test test-unit lint audit bench

help:
	@sed -n 's/^## //p' Makefile

$(VENV)/.installed: requirements.txt
	@"$$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		printf 'error: Python 3.11 or newer is needed as %s; install it, or name one with PYTHON=….\n' "$$PYTHON" >&2; \
		exit 1; \
	}
	@echo "making $(VENV) from requirements.txt (a minute or two)" >&2
	@"$$PYTHON" -m venv $(VENV)
	@PIP_CERT="$${PIP_CERT:-$$SSL_CERT_FILE}" && export PIP_CERT && test -n "$$PIP_CERT" || unset PIP_CERT; \
		$(PY) -m pip install --quiet --require-hashes -r requirements.txt
	@touch $@

## make up        [STACK=local] [PODS=instant|realistic] [YES=1] [LOSE=…] [KEEP=…] [FORMAT=text|json]   bring the stack up
up: $(VENV)/.installed
	@$(RUN) up --stack="$$STACK" --pods="$$PODS" --yes="$$YES" --lose="$$LOSE" --keep="$$KEEP" --format="$$FORMAT"

## make adopt     STACK=dev [YES=1] [FORMAT=text|json]      bring it up over what is in the cluster, and take that over
adopt: $(VENV)/.installed
	@$(RUN) adopt --stack="$$STACK" --yes="$$YES" --format="$$FORMAT"

## make upgrade   TO=26.03 [STACK=local] [YES=1] [LOSE=…] [KEEP=…] [BACKUP=yes|objects|no] [REHEARSE=yes]  a newer release
upgrade: $(VENV)/.installed
	@$(RUN) upgrade --to="$$TO" --stack="$$STACK" --pods="$$PODS" --yes="$$YES" --lose="$$LOSE" --keep="$$KEEP" \
		--backup="$${BACKUP:-yes}" --rehearse="$${REHEARSE:-no}"

## make rollback  [STACK=local] [YES=1] [LOSE=…] [KEEP=…] [BACKUP=yes|objects|no] [REHEARSE=yes]  the release before
rollback: $(VENV)/.installed
	@$(RUN) rollback --stack="$$STACK" --pods="$$PODS" --yes="$$YES" --lose="$$LOSE" --keep="$$KEEP" \
		--backup="$${BACKUP:-yes}" --rehearse="$${REHEARSE:-no}"

## make preview   [STACK=local] [FORMAT=text|markdown|json]   show what `up` would change
preview: $(VENV)/.installed
	@$(RUN) preview --stack="$$STACK" --format="$$FORMAT"

## make drift     [STACK=local] [FORMAT=text|markdown|json]   what is not as the stack says, by whom, and since when
drift: $(VENV)/.installed
	@$(RUN) drift --stack="$$STACK" --format="$$FORMAT"

## make destroy   [STACK=local] [YES=1] [FORGET=STACK] [FORCE_FINALIZERS=1]   take the stack down, in reverse order
destroy: $(VENV)/.installed
	@$(RUN) destroy --stack="$$STACK" --yes="$$YES" --forget="$$FORGET" --force-finalizers="$$FORCE_FINALIZERS"

## make down                                               stop the local control plane and its AWS, and forget them
down: $(VENV)/.installed
	@$(RUN) down

## make demo      [STACK=local]                            two trained models compared, on the stack's bucket
# The local stack comes up for it. Any other costs money, and whoever wants it brings it up.
demo: $(VENV)/.installed
	@test "$$STACK" != local || $(RUN) up --stack="$$STACK" --pods="$$PODS"
	@$(PY) -m pipelines demo --stack="$$STACK"

## make image     STACK=dev                                build the pipelines' image and push it to the stack
image: $(VENV)/.installed
	@$(PY) -m pipelines image --stack="$$STACK"

## make stack     NAME=dev-blue [SIZE=small] [OWNER=…] [CIDR=…] [AGAIN=1]   settings of another stack, from those of dev
stack: $(VENV)/.installed
	@$(RUN) stack --name="$$NAME" --size="$${SIZE:-default}" --owner="$$OWNER" --cidr="$$CIDR" --again="$$AGAIN"

## make password  STACK=dev-blue                           set the password to log in with
password: $(VENV)/.installed
	@$(RUN) password --stack="$$STACK"

## make rotate    STACK=dev [YES=1]                        new passwords and keys for the stack's own parts
rotate: $(VENV)/.installed
	@$(RUN) rotate --stack="$$STACK" --yes="$$YES"

## make doctor    [STACK=local] [FORMAT=text|json]         what would stop an `up`, before it starts
doctor: $(VENV)/.installed
	@$(RUN) doctor --stack="$$STACK" --format="$$FORMAT"

## make cost      [STACK=local] [SET=nodesDesired=6] [TRACE=FILE] [FORMAT=text|json]   what the stack costs a month
cost: $(VENV)/.installed
	@$(RUN) cost --stack="$$STACK" $${SET:+--set="$$SET"} $${TRACE:+--trace="$$TRACE"} --format="$$FORMAT"

## make leftovers STACK=dev [DELETE=1] [YES=1] [FORMAT=text|json]   what a destroyed stack left in AWS
leftovers: $(VENV)/.installed
	@$(RUN) leftovers --stack="$$STACK" --delete="$$DELETE" --yes="$$YES" --format="$$FORMAT"

## make restore   STACK=dev [POINT=…]                      list its daily backups, and bring one back beside what is there
restore: $(VENV)/.installed
	@$(RUN) restore --stack="$$STACK" --point="$$POINT"

## make recover   [STACK=local]                            bring back state whose files are damaged, and keep those aside
recover: $(VENV)/.installed
	@$(RUN) recover --stack="$$STACK"

## make versions  STACK=dev                                pin the newest add-ons, images and Kubernetes that EKS offers
versions: $(VENV)/.installed
	@$(RUN) versions --stack="$$STACK"

## make upgrade-nodes STACK=dev [YES=1] [FORMAT=text|json]   pin the newest images of its nodes, and renew the nodes
upgrade-nodes: $(VENV)/.installed
	@$(RUN) upgrade-nodes --stack="$$STACK" --yes="$$YES" --format="$$FORMAT"

## make plan      [RELEASE=26.03] [PARTS=notebooks,…] [FORMAT=text|json|dot|html]   the graph: what is sent when, and why
plan: $(VENV)/.installed
	@$(RUN) plan --release="$$RELEASE" --parts="$$PARTS" --format="$$FORMAT"

## make images    [RELEASE=26.03] [PARTS=notebooks,…] [FORMAT=text|json]   every image that is pulled, and where it is named
images: $(VENV)/.installed
	@$(RUN) images --release="$$RELEASE" --parts="$$PARTS" --format="$$FORMAT"

## make images-lock STACK=dev [RELEASE=26.03]             with imagesFrom ecr: write down the digests of the release's images
images-lock: $(VENV)/.installed
	@$(RUN) images-lock --stack="$$STACK" --release="$$RELEASE"

## make mirror    STACK=dev [RELEASE=26.03]                with imagesFrom ecr: copy what ECR does not fetch by itself
mirror: $(VENV)/.installed
	@$(RUN) mirror --stack="$$STACK" --release="$$RELEASE"

## make tools                                              download or build the tools that the local stack needs
tools: $(VENV)/.installed
	@$(PY) -m tools

## make test                                               all the tests, two files at a time
test: tools
	@$(PY) -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

## make test-unit                                          the fast tests
test-unit: $(VENV)/.installed
	@$(PY) -m pytest tests/unit

## make audit                                              secrets in the repository, known vulnerabilities in Go modules
audit: $(VENV)/.installed
	@# The flags are those that the tools are built with, so that Go compiles what they share once.
	@export CGO_ENABLED=0 GOFLAGS=-trimpath && cd tools/gitleaks && for where in dir git; do \
		go tool gitleaks $$where "$(CURDIR)" --config=gitleaks.toml --no-banner --no-color --redact --log-level=warn -v \
			|| exit 1; \
	done
	@CGO_ENABLED=0 GOFLAGS=-trimpath $(PY) -m tools.vulnerabilities

## make lint                                               ruff, mypy, gofmt, staticcheck, go vet and go test, actionlint, audit
lint: audit
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy .
	@test -z "$$(gofmt -l $(GO_MODULES))" || { echo "error: gofmt would change: $$(gofmt -l $(GO_MODULES))" >&2; exit 1; }
	@awk 'length > 120 { print "error: " FILENAME ":" FNR " has " length " characters, and 120 is the limit"; long = 1 } \
		END { exit long }' $$(find $(GO_CHECKED) -name '*.go') >&2
	@# The flags are those that the tools are built with, so that Go compiles what they share once.
	@for module in $(GO_MODULES); do \
		(cd $$module && export CGO_ENABLED=0 GOFLAGS=-trimpath && go vet ./... && go test ./...) || exit 1; \
	done
	@for module in $(GO_CHECKED); do \
		(cd $$module && CGO_ENABLED=0 GOFLAGS=-trimpath \
			go tool -modfile=$(CURDIR)/tools/staticcheck/go.mod staticcheck ./...) || exit 1; \
	done
	@"$$($(PY) -m tools actionlint | awk '{ print $$2 }')"

## make bench     [QUICK=1]                                measure; results in bench/results/
bench: tools
	@$(PY) -m bench --quick="$$QUICK"
