package pluginpb

// What both sides must agree on beside plugin.proto. PROTOCOL.md says how it is used.
const (
	// Version is the major version of the contract, which the package's name has too.
	Version = 1

	// CookieKey and CookieValue are go-plugin's magic cookie: a variable of the plugin's
	// environment by which it knows that a core started it. It is no secret.
	CookieKey   = "ENGINEBAY_PLUGIN"
	CookieValue = "enginebay.plugin.v1"

	// Lifeline is set to "stdin" in the plugin's environment: standard input is then a
	// pipe whose other end the core holds. The plugin ends when it closes.
	Lifeline = "ENGINEBAY_LIFELINE"

	// MaxMessage bounds one message, both ways, in bytes. Manifests and plans are small;
	// the largest is the catalogue of a big repository.
	MaxMessage = 16 << 20

	// Service is the name of what go-plugin dispenses. It never crosses the wire.
	Service = "enginebay"
)
