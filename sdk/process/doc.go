// Package process runs the programs of Engine Bay so that none outlives its
// owner: the server that an engine fronts ([Server]), and, beneath it, any child
// in a process group of its own ([Child]).
//
// On Linux a child is killed by the kernel in the millisecond in which its
// parent dies, however that came about. Elsewhere only an orderly end of the
// parent takes the child along.
package process
