# Engine Bay. "make help" lists what there is.

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
HOME_DIR ?= build/home
ADDR     ?= 127.0.0.1:1337

PLUGINS  := $(notdir $(wildcard plugins/*))
EXAMPLES := engine-echo
LLAMACPP := build/plugins/engine-llamacpp/llamacpp
LDFLAGS  := -s -w -X main.version=$(VERSION)
export GOFLAGS := -buildvcs=false

.DEFAULT_GOAL := help
.PHONY: help build run test check bench generate llamacpp clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## the program, build/enginebay, and the plugins beside it
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o build/enginebay ./cmd/enginebay
	@set -e; for p in $(PLUGINS); do \
		mkdir -p build/plugins/$$p; \
		$(GO) build -trimpath -ldflags '-s -w' -o build/plugins/$$p/ ./plugins/$$p; \
		cp plugins/$$p/plugin.json build/plugins/$$p/; done
	@set -e; for p in $(EXAMPLES); do \
		mkdir -p build/examples/$$p; \
		$(GO) build -trimpath -ldflags '-s -w' -o build/examples/$$p/ ./examples/$$p; \
		cp examples/$$p/plugin.json build/examples/$$p/; done

llamacpp: ## a real llama-server for the llamacpp plugin, where none is installed
	@sh plugins/engine-llamacpp/llamacpp.sh $(LLAMACPP)

run: build llamacpp ## build all, and start the server with a tiny real model
	@mkdir -p $(HOME_DIR)/models
	@test -e $(HOME_DIR)/models/tiny-guide || cp -R examples/models/tiny-guide $(HOME_DIR)/models/
	@echo
	@echo '  In another terminal:   build/enginebay run tiny-guide "What is Engine Bay?"'
	@echo '  With any OpenAI client: base URL http://$(ADDR)/v1, model tiny-guide'
	@echo
	@exec build/enginebay serve --home $(HOME_DIR) --addr $(ADDR)

test: build llamacpp check ## every check and test, a real llama-server and the official clients included
	$(GO) test -timeout 20m ./...

check: ## gofmt, vet, staticcheck, generated code, other systems; the floors are a test
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt differs:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	GOOS=darwin $(GO) build ./...
	GOOS=windows $(GO) build ./...

bench: build llamacpp ## the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

generate: ## the Go of sdk/proto/plugin.proto
	$(GO) generate ./...

clean: ## remove what was built; build/home, with its models, stays
	rm -rf build/enginebay build/plugins build/examples build/clients
