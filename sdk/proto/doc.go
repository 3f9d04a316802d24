// Package pluginpb is the generated Go of plugin.proto, the contract between
// the core and its plugins. Authors in Go use package sdk and never see it.
package pluginpb

//go:generate go run ./generate plugin.proto
