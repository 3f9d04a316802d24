package gguf_test

import (
	"fmt"

	"github.com/enginebay/enginebay/sdk/gguf"
)

// What a file's name says, before anything of it is read.
func ExampleQuantization() {
	fmt.Println(gguf.Quantization("Qwen2.5-7B-Instruct-Q4_K_M.gguf"))
	_, no, count, _ := gguf.SplitPart("large-Q8_0-00002-of-00003.gguf")
	fmt.Println(no, "of", count)
	// Output:
	// Q4_K_M
	// 2 of 3
}

// The head of a real model, and what it would take in memory.
func ExamplePeek() {
	head, err := gguf.Peek("../../examples/models/tiny-guide/tiny-guide.gguf")
	if err != nil {
		fmt.Println(err)
		return
	}
	need := head.Memory(gguf.Load{ContextLength: 512}).Total()
	fmt.Println(head.Architecture, head.ContextLength, need > uint64(head.FileSize))
	// Output: llama 2048 true
}
