// Package sandbox confines the processes of plugins, and all that they start: what a
// policy does not grant is taken away before the plugin's program runs.
//
//	files       Landlock: read, write, execute, and devices, by folder
//	network     seccomp: unix sockets only, or TCP and UDP; never raw sockets. Landlock: TCP, abstract sockets
//	processes   Landlock: no signals to others, no look into them. seccomp: no ptrace and what is like it
//	kernel      seccomp: no io_uring, bpf, keyrings, mounts, modules, namespaces, …
//	privileges  no_new_privs, no capabilities but a few, no core dumps
//	program     the file whose sum was looked at is what is executed, whatever has its name by then
//
// [Prepare] makes a [Start]: the core's own program, started a second time, which is
// a [launcher] and becomes the plugin. It exists on Linux, on amd64 and arm64; a
// policy elsewhere confines nothing, and says so ([Supported]).
//
// What it cannot do is in README.md.
package sandbox
