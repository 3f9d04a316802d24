package main

// deniedArgs are the arguments that extra_args must not hold, with the reason:
// what Engine Bay sets itself, what opens files or the network.
var deniedArgs = map[string]string{}
