// Package store keeps the models on disk: it reads model folders in every shape
// that there has been, follows them as they change, takes in the weights that
// people drop there, and writes models so that a reader never sees half of one.
//
// The state of a model is never stored. Files on disk are the truth, and the
// index in memory can be made again from them at any time.
package store
