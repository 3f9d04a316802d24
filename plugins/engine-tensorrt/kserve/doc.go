// Package kserve is the generated Go of kserve.proto, the protocol that Triton
// speaks over gRPC.
package kserve

//go:generate go run ../../../sdk/proto/generate kserve.proto
