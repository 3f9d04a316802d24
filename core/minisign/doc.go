// Package minisign makes and checks signatures in the format of the program
// minisign (jedisct1.github.io/minisign): Ed25519 over BLAKE2b, with a comment that
// is signed too. Keys and signatures of either are good for the other, so that who
// doubts one may ask the other.
//
// Signatures of the oldest kind, over the message itself, are not taken.
package minisign
