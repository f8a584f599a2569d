# Everything a person types. A fresh machine needs Python >= 3.11 (and for `make test` Go, or the network to fetch it).
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test check bench lock clean unit live soak setup peers mutants sbom licenses audit dist image docs docs-lock

help:            ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements/dev.txt pyproject.toml
	@echo 'installing into $(VENV): once, about two minutes'
	@$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --require-hashes --only-binary :all: -r requirements/dev.txt
	$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	$(BIN)/pip check
	touch $@

setup: $(READY)

demo: $(READY)   ## the main job on a simulated GPU cluster: live view, then out/demo/report.html
	$(BIN)/ahpa demo --out out/demo

test: $(READY)   ## all tests, the real control plane included (built on first use, cached)
	$(BIN)/pytest -n 4 --dist loadgroup

live: $(READY)   ## the real KPA beside ours for an hour (AHPA_LIVE_MINUTES, AHPA_LIVE_WINDOW: shorter)
	AHPA_LIVE_MINUTES=$${AHPA_LIVE_MINUTES:-60} AHPA_LIVE_WINDOW=$${AHPA_LIVE_WINDOW:-60} $(BIN)/pytest -s -m live

soak: $(READY)   ## the reliability list at its full sizes (long), and docs/reliability.md from what came out
	$(BIN)/pytest -n 2 -m soak; status=$$?; $(BIN)/python -m tests.reliability; exit $$status

unit: $(READY)   ## the tests that need no control plane (some minutes)
	$(BIN)/pytest -n 2 -m "not testbed and not slow and not soak"

check: $(READY)  ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy docs/*.py
	$(BIN)/lint-imports

bench: $(READY)  ## speed, memory and accuracy (see benchmarks/README.md)
	$(BIN)/python -m benchmarks

mutants: $(READY) ## how many mutants of the decision core the tests kill (a quarter of an hour)
	$(BIN)/pip install -q --require-hashes --only-binary :all: -r requirements/mutants.txt
	rm -rf mutants
	$(BIN)/mutmut run --max-children 1
	$(BIN)/python -m tests.mutants

sbom: $(READY)   ## what an image holds, as CycloneDX: packages, licences, hashes (out/sbom.cdx.json)
	$(BIN)/python -m supply sbom out/sbom.cdx.json

dist: $(READY)   ## the wheel and its source (dist/), of what is committed
	rm -rf out/dist dist && mkdir -p out/dist dist
	git archive HEAD ahpa forecasting pyproject.toml MANIFEST.in README.md LICENSE | tar -x -C out/dist
	cd out/dist && $(abspath $(BIN))/python -c 'from setuptools import build_meta as b; b.build_sdist("../../dist"); b.build_wheel("../../dist")'

image:           ## the Dockerfile's steps without a Docker daemon, weighed (out/image; root, buildah, mmdebstrap)
	supply/image.sh out/image
	$(PYTHON) -m supply.image out/image

licenses: $(READY) ## docs/licenses.md anew, from what is installed
	$(BIN)/python -m supply licenses

audit:           ## known weaknesses of all that is locked; fails if the databases cannot be asked
	@test -x out/audit/bin/pip-audit || { $(PYTHON) -m venv out/audit && \
	  out/audit/bin/pip install -q --require-hashes --only-binary :all: -r requirements/audit.txt; }
	@for lock in base dev; do echo "requirements/$$lock.txt"; \
	  out/audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements/$$lock.txt || exit 1; done

# One resolution, of all that is developed with: the other locks are parts of it (base: what an image holds; dask and full:
# what it holds with those extras).
COMPILE = uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url
lock:            ## resolve anew and pin with hashes (needs uv)
	$(COMPILE) --custom-compile-command "make lock" --extra full -o requirements/dev.txt pyproject.toml requirements/dev.in
	$(COMPILE) --custom-compile-command "make lock" -c requirements/dev.txt -o requirements/base.txt pyproject.toml
	@for extra in dask full; do $(COMPILE) --custom-compile-command "make lock" -c requirements/dev.txt \
	  --extra $$extra -o requirements/$$extra.txt pyproject.toml || exit 1; done
	$(COMPILE) --custom-compile-command "make lock" -c requirements/dev.txt -o requirements/mutants.txt requirements/mutants.in
	$(COMPILE) --custom-compile-command "make lock" -o requirements/audit.txt requirements/audit.in

peers:           ## pin anew the environment of the peers in the forecasting bench (needs uv)
	$(COMPILE) --custom-compile-command "make peers" -o requirements/peers.txt requirements/peers.in

clean:           ## remove the virtual environment and outputs (the testbed's cache stays)
	rm -rf $(VENV) out dist mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis

docs:            ## the site of docs/ (out/site): every link followed, nothing loaded from elsewhere
	@test -x out/docs/bin/mkdocs || { $(PYTHON) -m venv out/docs && \
	  out/docs/bin/pip install -q --require-hashes --only-binary :all: -r requirements/docs.txt; }
	out/docs/bin/mkdocs build --strict
	@! grep -rnEo '<(script|link|img)[^>]*(src|href)="(https?:)?//[^"]*' out/site --include=*.html || \
	  { echo 'a page loads something from another host'; exit 1; }

docs-lock:       ## pin anew the environment of the site (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make docs-lock" -o requirements/docs.txt requirements/docs.in
