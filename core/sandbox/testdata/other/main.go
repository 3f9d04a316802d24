// Command other is a program for another machine.
package main

func main() { println("it ran") }
