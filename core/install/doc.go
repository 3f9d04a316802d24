// Package install brings plugins onto this machine, keeps them, and says which of
// them the host runs.
//
//	HOME/plugins/store/HEX/        a package's tree, read-only; HEX is its digest
//	HOME/plugins/installed.json    what is there, and which version is current: one write of it is the switch
//	HOME/plugins.lock.json         what is current, by its hashes on every platform, and whose keys are trusted
//	HOME/cache/packages/           archives on their way
//
// A package becomes a tree of the store only after all of it was checked: the hash
// of the archive where an index or a lock names it, every file against the
// package's SHA256SUMS, the publisher's signature of that, the manifest against
// this core and machine, and the program against its manifest by starting it. Until
// the switch nothing that runs has changed; a process that is killed at any step
// leaves the state before or the state after, and what it leaves lying is swept by
// the next one that writes.
//
// Any number of processes may read and write at once. Writers wait for each other
// with a file lock, which is held for a moment only: not while something is
// downloaded, checked or tried.
package install
