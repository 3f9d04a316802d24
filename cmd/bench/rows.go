package main

import (
	"fmt"
	"slices"
	"time"
)

const (
	chats = "/v1/chat/completions"
	limit = "≤ 1.5 × proxy"
)

// measure fills the table.
func (b *bench) measure() error {
	if err := b.prepare(); err != nil {
		return err
	}
	var err error
	if err := b.starts(); err != nil {
		return err
	}
	if b.server, _, err = b.serve(); err != nil {
		return err
	}
	if err := b.idle(); err != nil {
		return err
	}
	echo, err := b.load("echo")
	if err != nil {
		return err
	}
	for _, step := range []func([]target) error{b.oneClient, b.manyClients, b.paced, b.burst, b.parallel, b.list, b.guide, b.requests, b.cycles} {
		if err := step(echo); err != nil {
			return err
		}
		select {
		case <-b.interrupted:
			return errInterrupted
		default:
		}
	}
	return nil
}

// turns calls f with each of the three in turn, in every order.
func (b *bench) turns(all []target, f func(i int, t target) error) error {
	for round := range b.size.rounds {
		for k := range all {
			i := (k + round) % len(all)
			if err := f(i, all[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// starts is the time from exec to the first answer.
func (b *bench) starts() error {
	var times []time.Duration
	for range b.size.rounds {
		t, took, err := b.serve()
		if err != nil {
			return err
		}
		if err := b.end(t); err != nil {
			return err
		}
		times = append(times, took)
	}
	b.add(row{what: "exec to the first answer of `/v1/models`, 100 models", server: ms(at(times, 0.5)), goal: "< 100 ms"})
	return nil
}

// idle is the memory of a server that has answered GET /v1/models once.
func (b *bench) idle() error {
	time.Sleep(2 * time.Second) // what the start freed goes back to the system
	held, err := rss(b.server.pid)
	b.add(row{what: "memory when idle, 100 models", server: mb(held), goal: "≤ 25 MB"})
	return err
}

// oneClient is the time that a request takes with nothing beside it.
func (b *bench) oneClient(all []target) error {
	req := newRequest(chats, chat("echo", 3, false))
	times := make([][]time.Duration, len(all))
	err := b.turns(all, func(i int, t target) error {
		client := t.client()
		for n := range b.size.requests {
			took, err := ask(client, req)
			if err != nil {
				return err
			}
			if n >= b.size.requests/10 { // the first ones warm up
				times[i] = append(times[i], took)
			}
		}
		client.CloseIdleConnections()
		return nil
	})
	for _, p := range []float64{0.5, 0.99} {
		engine, proxy, server := at(times[0], p), at(times[1], p), at(times[2], p)
		b.add(row{fmt.Sprintf("added to a request of one client, p%.0f", p*100), ms(engine), "+" + ms(proxy-engine), "+" + ms(server-engine),
			ratio(float64(server-engine), float64(proxy-engine)), limit})
	}
	return err
}

// manyClients is the CPU of a request when 16 clients ask without a pause.
func (b *bench) manyClients(all []target) error {
	const clients = 16
	used := make([]time.Duration, len(all))
	err := b.turns(all, func(i int, t target) error {
		client := t.client()
		defer client.CloseIdleConnections()
		spent, err := t.spends(func() error {
			return together(clients, func(int) error {
				req := newRequest(chats, chat("echo", 3, false))
				for range b.size.load / clients {
					if _, err := ask(client, req); err != nil {
						return err
					}
				}
				return nil
			})
		})
		used[i] += spent
		return err
	})
	each := func(i int) float64 { return float64(used[i]) / float64(b.size.load/clients*clients*b.size.rounds) }
	b.add(row{"CPU of a request, 16 clients", "", us(each(1)), us(each(2)), ratio(each(2), each(1)), limit})
	return err
}

// spends is the CPU that a target's process uses while f runs.
func (t target) spends(f func() error) (time.Duration, error) {
	if t.pid == 0 {
		return 0, f()
	}
	before, err := cpu(t.pid)
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	after, err := cpu(t.pid)
	return after - before, err
}

// paced is the CPU of a token: 100 streams, each 20 ms a token.
func (b *bench) paced([]target) error {
	const streams, rounds = 100, 2
	all, err := b.load("paced")
	if err != nil {
		return err
	}
	body := chat("paced", b.size.tokens, true)
	used := make([]time.Duration, len(all))
	for range rounds {
		for i, t := range all[1:] {
			client := t.client()
			spent, err := t.spends(func() error {
				return together(streams, func(int) error {
					s, err := stream(client, chats, body)
					if err != nil {
						return err
					}
					return numbered(s.texts, b.size.tokens)
				})
			})
			if err != nil {
				return err
			}
			used[i+1] += spent
		}
	}
	each := func(i int) float64 { return float64(used[i]) / float64(streams*rounds*b.size.tokens) }
	b.add(row{"CPU of a token, 100 streams, 20 ms a token", "", us(each(1)), us(each(2)), ratio(each(2), each(1)), limit})
	return b.put("paced", "stop")
}

// burst is the time to the first token when 100 clients come at once, each on a
// connection of its own.
func (b *bench) burst(all []target) error {
	const streams = 100
	body := chat("echo", 5, true)
	half, last := make([][]time.Duration, len(all)), make([][]time.Duration, len(all))
	for round := range b.size.bursts {
		for k := range all {
			i := (k + round) % len(all)
			first := make([]time.Duration, streams)
			err := together(streams, func(n int) error {
				client := all[i].client()
				defer client.CloseIdleConnections()
				s, err := stream(client, chats, body)
				first[n] = s.first
				return err
			})
			if err != nil {
				return err
			}
			half[i], last[i] = append(half[i], at(first, 0.5)), append(last[i], at(first, 1))
		}
	}
	for _, r := range []struct {
		name  string
		times [][]time.Duration
	}{{"middle one", half}, {"last one", last}} {
		engine, proxy, server := at(r.times[0], 0.5), at(r.times[1], 0.5), at(r.times[2], 0.5)
		b.add(row{"first token of 100 new connections at once, " + r.name, ms(engine), ms(proxy), ms(server), ratio(float64(server), float64(proxy)), limit})
	}
	return nil
}

// parallel counts what goes wrong with many streams at once, as fast as they go.
func (b *bench) parallel(all []target) error {
	const streams, tokens = 256, 200
	body := chat("echo", tokens, true)
	wrong := make([]string, len(all))
	for i, t := range all {
		client, began := t.client(), time.Now()
		err := together(streams, func(int) error {
			s, err := stream(client, chats, body)
			if err != nil {
				return err
			}
			return numbered(s.texts, tokens)
		})
		wrong[i] = fmt.Sprintf("0 (%.0f tokens/s)", streams*tokens/time.Since(began).Seconds())
		if err != nil {
			wrong[i] = err.Error()
		}
	}
	b.add(row{"faults in 256 streams at once", wrong[0], wrong[1], wrong[2], "", "0"})
	return nil
}

// list is the time of GET /v1/models.
func (b *bench) list(all []target) error {
	client, req := all[2].client(), newRequest("/v1/models", nil)
	var times []time.Duration
	for range b.size.rounds * b.size.requests {
		took, err := ask(client, req)
		if err != nil {
			return err
		}
		times = append(times, took)
	}
	b.add(row{what: "`GET /v1/models`, 100 models, p50", server: ms(at(times, 0.5)), goal: "< 0.06 ms"})
	return nil
}

// guide is one stream of a real llama-server.
func (b *bench) guide([]target) error {
	const tokens = 500
	all, err := b.load("tiny-guide")
	if err != nil {
		return err
	}
	body := fmt.Appendf(nil, `{"model":"tiny-guide","stream":true,"max_tokens":%d,"ignore_eos":true,"temperature":0,"messages":[{"role":"user","content":"What is Engine Bay?"}]}`, tokens)
	first, rate := make([][]time.Duration, len(all)), make([][]float64, len(all))
	err = b.turns(all, func(i int, t target) error {
		client := t.client()
		defer client.CloseIdleConnections()
		for range 5 {
			s, err := stream(client, chats, body)
			if err != nil {
				return err
			}
			first[i], rate[i] = append(first[i], s.first), append(rate[i], float64(len(s.texts))/(s.took-s.first).Seconds())
		}
		return nil
	})
	if err != nil {
		return err
	}
	engine, proxy, server := at(first[0], 0.5), at(first[1], 0.5), at(first[2], 0.5)
	b.add(row{"tiny-guide on llama-server: first token, p50", ms(engine), ms(proxy), ms(server), ratio(float64(server), float64(proxy)), limit})
	b.add(row{"tiny-guide on llama-server: tokens/s of one stream", number(at(rate[0], 0.5)), number(at(rate[1], 0.5)), number(at(rate[2], 0.5)),
		ratio(at(rate[2], 0.5), at(rate[1], 0.5)), ""})
	return b.put("tiny-guide", "stop")
}

// requests watches the memory over many requests.
func (b *bench) requests(all []target) error {
	const clients = 16
	client, req := all[2].client(), chat("echo", 3, false)
	return b.watched(fmt.Sprintf("memory after a tenth, then all of %d requests", b.size.memory), b.size.memory, func(n int) error {
		return together(clients, func(int) error {
			req := newRequest(chats, req)
			for range n / clients {
				if _, err := ask(client, req); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// cycles watches the memory over many loads and unloads.
func (b *bench) cycles([]target) error {
	return b.watched(fmt.Sprintf("memory after a tenth, then all of %d loads and unloads", b.size.cycles), b.size.cycles, func(n int) error {
		for range n {
			if err := b.put("model-00", "start"); err != nil {
				return err
			}
			if err := b.put("model-00", "stop"); err != nil {
				return err
			}
		}
		return nil
	})
}

// watched is the server's memory after a tenth of n, and after all of it.
func (b *bench) watched(what string, n int, f func(n int) error) error {
	var held [2]float64
	for i, part := range []int{n / 10, n - n/10} {
		if err := f(part); err != nil {
			return err
		}
		var err error
		if held[i], err = rss(b.server.pid); err != nil {
			return err
		}
	}
	b.add(row{what: what, server: fmt.Sprintf("%s, %s", mb(held[0]), mb(held[1])), ratio: ratio(held[1], held[0]), goal: "flat"})
	return nil
}

// at is a quantile of values, which it sorts.
func at[T time.Duration | float64](values []T, p float64) T {
	slices.Sort(values)
	return values[min(int(p*float64(len(values))), len(values)-1)]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.3g ms", float64(d)/float64(time.Millisecond)) }
func us(ns float64) string      { return fmt.Sprintf("%.3g µs", ns/1e3) }
func mb(x float64) string       { return fmt.Sprintf("%.1f MB", x) }
func number(x float64) string   { return fmt.Sprintf("%.0f", x) }

func ratio(x, limit float64) string {
	if limit <= 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", x/limit)
}
