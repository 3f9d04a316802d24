# Engine Bay. "make help" lists what there is.

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
HOME_DIR ?= build/home
ADDR     ?= 127.0.0.1:1337

PLUGINS  := $(notdir $(patsubst %/plugin.json,%,$(wildcard plugins/*/plugin.json)))
EXAMPLES := engine-echo importer-directory
LLAMACPP := build/plugins/engine-llamacpp/libs/llamacpp
POSTGRES := build/postgres
LDFLAGS  := -s -w -X main.version=$(VERSION)
export GOFLAGS := -buildvcs=false

.DEFAULT_GOAL := help
.PHONY: help build packages registry run test test-gpu check bench generate llamacpp postgres man clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## the program, build/enginebay, and the plugins beside it
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o build/enginebay ./cmd/enginebay
	@set -e; for p in $(PLUGINS); do \
		mkdir -p build/plugins/$$p/bin; rm -f build/plugins/$$p/$$p; \
		$(GO) build -trimpath -ldflags '-s -w' -o build/plugins/$$p/bin/ ./plugins/$$p; \
		cp plugins/$$p/plugin.json plugins/$$p/settings.schema.json build/plugins/$$p/; done
	@set -e; for p in $(EXAMPLES); do \
		mkdir -p build/examples/$$p/bin; rm -f build/examples/$$p/$$p; \
		$(GO) build -trimpath -ldflags '-s -w' -o build/examples/$$p/bin/ ./examples/$$p; \
		cp examples/$$p/plugin.json examples/$$p/settings.schema.json build/examples/$$p/; done

llamacpp: ## a real llama-server for the llamacpp plugin, where none is installed (VULKAN=1: one for GPUs, with their drivers)
	@old=build/plugins/engine-llamacpp/llamacpp; test -e $(LLAMACPP) || ! test -d $$old || { mkdir -p $(dir $(LLAMACPP)) && mv $$old $(LLAMACPP); }
	@sh plugins/engine-llamacpp/llamacpp.sh $(if $(filter-out 0,$(VULKAN)),--vulkan )$(LLAMACPP)

postgres: ## PostgreSQL for the tests, where none is installed
	@sh core/database/postgres.sh $(POSTGRES)

packages: build llamacpp ## the plugins of this repository, packed, in build/packages
	@rm -rf build/packages && mkdir -p build/packages
	@set -e; for p in $(PLUGINS); do \
		GO=$(GO) sh plugins/package.sh $$p build/packages/$$p; \
		build/enginebay plugin pack build/packages/$$p --no-build -o build/packages/; \
		rm -rf build/packages/$$p; done

registry: packages ## a registry of these packages, in build/registry, with throwaway keys in build/keys
	@mkdir -p -m 700 build/keys && rm -rf build/registry
	@set -e; for k in publisher registry; do test -e build/keys/$$k.key || build/enginebay plugin key new --no-password build/keys/$$k >/dev/null; done
	@set -e; for f in build/packages/*.tar.zst; do build/enginebay plugin sign $$f --key build/keys/publisher.key; done
	@build/enginebay plugin publish build/packages/*.tar.zst --to build/registry --key build/keys/registry.key \
		--name local --serial $$(date +%s) --publisher enginebay=build/keys/publisher.pub
	@echo
	@echo '  To install from it:     build/enginebay plugin registry add local $(abspath build/registry) --key $(abspath build/keys/registry.pub)'

run: build llamacpp ## build all, and start the server with a tiny real model
	@mkdir -p -m 700 $(HOME_DIR) && mkdir -p $(HOME_DIR)/models/tiny-guide
	@test -e $(HOME_DIR)/models/tiny-guide/model.json || cp examples/models/tiny-guide/*.gguf examples/models/tiny-guide/model.json $(HOME_DIR)/models/tiny-guide/
	@echo
	@echo '  In another terminal:    export ENGINEBAY_HOME=$(abspath $(HOME_DIR))'
	@echo '                          build/enginebay run $(if $(filter-out 127.0.0.1:1337,$(ADDR)),--addr $(ADDR) )tiny-guide "What is Engine Bay?"'
	@echo '  With any OpenAI client: base URL http://$(ADDR)/v1, model tiny-guide'
	@echo
	@exec build/enginebay serve --home $(HOME_DIR) --addr $(ADDR)

test: build llamacpp postgres ## every check and every test, real llama-server, PostgreSQL and official clients included
	@$(MAKE) --no-print-directory check # after them, also with -j

test-gpu: build llamacpp ## the real engines on a GPU, where there is one; says what was not there (VULKAN=1: on the processor as one)
	@ENGINEBAY_TEST_GPU=1 $(GO) test -count=1 -timeout 60m -v -run GPU ./plugins/...

check: ## gofmt, vet, staticcheck, generated code, other systems, and all tests with the race detector
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt differs:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	@$(GO) generate ./... && git diff --exit-code -- '*.pb.go' || { echo 'generated code is out of date: commit what "make generate" wrote'; exit 1; }
	GOOS=darwin $(GO) vet ./...
	GOOS=windows $(GO) build ./...
	$(GO) test -race -timeout 20m ./...

bench: build llamacpp ## what the server costs beside a bare proxy (BENCH=-quick for half a minute, BENCH=-download beside curl)
	@$(GO) build -trimpath -o build/bench ./cmd/bench
	@build/bench $(BENCH)

generate: ## the Go of sdk/proto/plugin.proto
	$(GO) generate ./...

man: build ## man pages, in build/man: man -M build/man enginebay
	@build/enginebay man build/man/man1

clean: ## remove what was built; build/home, with its models, stays
	rm -rf build/registry build/packages build/enginebay build/bench build/plugins build/examples build/node build/clients build/man build/postgres
