// Command triton is a Triton Inference Server for tests: the protocol is the real one,
// by HTTP and by gRPC, as far as models are listed, loaded and unloaded, described, and
// texts and vectors generated. Its models take and give the tensors of the backends of
// TensorRT-LLM and vLLM, and answer with the words that they were asked.
//
//	triton [-model NAME=KIND[,decoupled][,accumulate][,unloaded]]… [-explicit] [-header NAME=VALUE]
//
// Kinds are ensemble, llmapi, vllm, embedding and image. It prints its two addresses,
// that of HTTP first. GET /fake tells what has happened.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"github.com/enginebay/enginebay/plugins/engine-tensorrt/kserve"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("triton: ")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s := &server{}
	addr := flag.String("addr", "127.0.0.1:0", "address of HTTP")
	grpcAddr := flag.String("grpc-addr", "127.0.0.1:0", "address of gRPC")
	flag.Func("model", "NAME=KIND[,decoupled][,accumulate][,unloaded]; may be given again", s.addModel)
	flag.BoolVar(&s.explicit, "explicit", false, "whether models are loaded and unloaded from outside")
	flag.StringVar(&s.header, "header", "", "NAME=VALUE that requests must have, as with --http-restricted-api")
	flag.DurationVar(&s.pause, "pause", 0, "before each token")
	flag.IntVar(&s.longest, "longest", 4096, "words of a prompt at most")
	flag.Parse()
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	grpcListener, err := net.Listen("tcp", *grpcAddr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s\n%s\n", listener.Addr(), grpcListener.Addr())
	calls := grpc.NewServer(grpc.UnaryInterceptor(s.unary), grpc.StreamInterceptor(s.streaming))
	kserve.RegisterGRPCInferenceServiceServer(calls, &service{server: s})
	go calls.Serve(grpcListener)
	web := &http.Server{Handler: s.http(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		calls.Stop()
		web.Close()
	}()
	if err := web.Serve(listener); err != http.ErrServerClosed {
		log.Fatal(err)
	}
}
