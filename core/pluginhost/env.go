package pluginhost

import (
	"os"
	"slices"
	"strings"
)

// passed are the variables that a plugin may see of the core's environment: what
// programs need to run at all, to find their devices, and to reach the network
// as this machine does. Everything else stays here, tokens and keys above all.
var passed = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR",
	"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
	"CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "GGML_VK_VISIBLE_DEVICES",
	"CUDA_DEVICE_ORDER", "HSA_OVERRIDE_GFX_VERSION", "ONEAPI_DEVICE_SELECTOR", "ZE_AFFINITY_MASK",
	"VK_DRIVER_FILES", "VK_ADD_DRIVER_FILES", "VK_ICD_FILENAMES",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"SystemRoot", "SystemDrive", "TEMP", "TMP", "USERPROFILE", "LOCALAPPDATA", "APPDATA", "ProgramData", "NUMBER_OF_PROCESSORS",
}

// Environment is that of a deployment's processes, as NAME=VALUE.
func (h *Host) Environment(d Deployment) []string {
	plugin, _ := h.pluginOf(d) // what is not there needs nothing further
	return h.environment(plugin, d)
}

func (h *Host) environment(plugin Plugin, d Deployment) []string {
	return environment(slices.Concat(h.config.Env, plugin.Environment), d.Env)
}

// environment is what a plugin gets: the allow-list, then the operator's own
// names, then what the deployment sets.
func environment(allowed []string, set map[string]string) []string {
	var env []string
	for _, name := range slices.Concat(passed, allowed) {
		if value, ok := os.LookupEnv(name); ok && !withPassword(name, value) {
			env = append(env, name+"="+value)
		}
	}
	for name, value := range set {
		env = append(env, name+"="+value)
	}
	return env
}

// withPassword says whether a variable is a proxy's address with a password in it.
func withPassword(name, value string) bool {
	return strings.HasSuffix(strings.ToUpper(name), "_PROXY") && strings.Contains(value, "@")
}
