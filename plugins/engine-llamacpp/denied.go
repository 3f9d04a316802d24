package main

import (
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// denied are the arguments of llama-server (b11669) that extra_args must not
// hold, by reason. Its help lists some; the others were found in its program.
var denied = map[string]string{
	"it would listen elsewhere": "--host --port --reuse-port --path --api-prefix --ssl-key-file --ssl-cert-file " +
		"--cors-origins --cors-methods --cors-headers --cors-credentials --no-cors-credentials",
	"it would load other files, or download them": "-m --model -mu --model-url -dr --docker-repo -hf -hfr --hf-repo -hff --hf-file " +
		"-hft --hf-token -md --model-draft --spec-draft-model -hfd -hfrd --hf-repo-draft --spec-draft-hf -mm --mmproj -mmu --mmproj-url " +
		"--mmproj-auto --no-mmproj-auto --no-mmproj --lora --lora-scaled --control-vector --control-vector-scaled --embd-gemma-default",
	"Engine Bay sets it": "-a --alias --tags --api-key --api-key-file --props --sleep-idle-seconds --sse-ping-interval -to --timeout " +
		"--embedding --embeddings --rerank --reranking --jinja --no-jinja --chat-template --offline --no-offline " +
		"-c --ctx-size -np --parallel -t --threads -ngl --gpu-layers --n-gpu-layers --pooling",
	"it would read or write files": "--log-file --log-prompts-dir --slot-save-path --media-path -lcs --lookup-cache-static -lcd " +
		"--lookup-cache-dynamic --grammar-file -jf --json-schema-file --chat-template-file --ui-config-file --webui-config-file " +
		"--video-ffmpeg-dir -f --file -bf --binary-file --prompt-cache --prompt-cache-all --prompt-cache-ro",
	"it would reach the network, or run programs": "--rpc --tools --tools-runtime --mcp-servers-config --mcp-servers-json -ag --agent " +
		"-no-ag --no-agent --ui-mcp-proxy --webui-mcp-proxy --no-ui-mcp-proxy --no-webui-mcp-proxy --ui --webui --ui-config --webui-config",
	"it would serve other models": "--models-dir --models-preset --models-max --models-autoload --no-models-autoload",
	"it ends at once":             "-h --help --usage --version --completion-bash --list-devices -cl --cache-list",
	"it would change or hide the log": "--log-disable --log-jsonl --log-prefix --no-log-prefix --log-timestamps --no-log-timestamps " +
		"--log-colors -v --verbose --log-verbose -lv --verbosity --log-verbosity",
}

// deniedPrefixes are families of arguments that download a model of their own.
var deniedPrefixes = []string{"--embd-", "--fim-", "--gpt-oss-", "--vision-", "--hf-", "--models-", "--mcp-", "--ssl-", "--cors-"}

var deniedArgs = index(denied)

func index(byReason map[string]string) map[string]string {
	reasons := map[string]string{}
	for reason, names := range byReason {
		for name := range strings.FieldsSeq(names) {
			reasons[name] = reason
		}
	}
	return reasons
}

// checkExtraArgs refuses what must not be set from outside. A value of another
// argument that happens to look like a denied one is refused too.
func checkExtraArgs(args []string) error {
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		if strings.HasPrefix(name, "--") { // llama-server reads --a_b as --a-b
			name = "--" + strings.ReplaceAll(name[2:], "_", "-")
		}
		reason := deniedArgs[name]
		for _, prefix := range deniedPrefixes {
			if strings.HasPrefix(name, prefix) && reason == "" {
				reason = "it would reach the network"
			}
		}
		if reason != "" {
			return sdk.Errorf(sdk.CodeInvalid, "extra_args: %s is not allowed: %s", name, reason)
		}
	}
	return nil
}
