// Package archive writes a model as a zip and reads models out of zips.
//
// [Export] writes the model's folder under the model's id, so that a zip that is
// unpacked by hand below a models folder is the same model again, and a hidden
// file that names the id and the SHA-256 of all others.
//
// [Open] takes zips of any maker. It holds them to be hostile, and looks at all
// that an archive says of itself before [Archive.Unpack] writes the first byte.
package archive
