// Goroutines and memory under stress, with checked results: channels, select, mutexes, sleeping,
// timers, maps, and the garbage collector at work all the time, on several threads of the system.
// Says what went wrong and exits with 1, or says that nothing did.
//
// usage: stress SECONDS
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const workers = 8

var (
	failures atomic.Int64
	stop     = make(chan struct{})
	lock     sync.RWMutex
	table    = map[int]int{}
	total    int
)

func expect(condition bool, what string) {
	if !condition {
		failures.Add(1)
		fmt.Fprintln(os.Stderr, what)
	}
}

type node struct {
	left, right *node
	value       int
	ballast     []byte
}

func grow(depth, value int) *node {
	if depth == 0 {
		return nil
	}
	return &node{grow(depth-1, 2*value), grow(depth-1, 2*value+1), value,
		bytes.Repeat([]byte{byte(value)}, 64)}
}

func (n *node) check() int {
	if n == nil {
		return 0
	}
	for _, b := range n.ballast {
		if b != byte(n.value) {
			return -1 << 40
		}
	}
	return 1 + n.left.check() + n.right.check()
}

func stopped() bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// collect keeps some trees while others become garbage.
func collect(number int) {
	var kept [4]*node
	for turn := 0; !stopped(); turn++ {
		kept[turn%len(kept)] = grow(8, turn)
		for _, tree := range kept {
			count := tree.check()
			expect(tree == nil || count == 255, "a tree is damaged")
		}
		sum := sha256.Sum256(kept[turn%len(kept)].ballast)
		expect(sum == sha256.Sum256(bytes.Repeat([]byte{byte(turn)}, 64)), "a digest differs")
	}
}

// pipeline sends numbers through a chain of goroutines.
func pipeline(number int) {
	for !stopped() {
		first := make(chan int)
		last := first
		for stage := 0; stage < 10; stage++ {
			next := make(chan int, stage%3)
			go func(in <-chan int, out chan<- int) {
				for value := range in {
					out <- value + 1
				}
				close(out)
			}(last, next)
			last = next
		}
		go func() {
			for i := 0; i < 200; i++ {
				first <- i
			}
			close(first)
		}()
		sum := 0
		for value := range last {
			sum += value
		}
		expect(sum == 199*200/2+200*10, "a pipeline lost something")
	}
}

// share adds under a lock.
func share(number int, added *int) {
	for !stopped() {
		lock.Lock()
		total++
		table[total%1000] += number
		lock.Unlock()
		*added++
		lock.RLock()
		expect(total >= *added && len(table) <= 1000, "a sum is too small")
		lock.RUnlock()
		if *added%64 == 0 {
			runtime.Gosched()
		}
	}
}

// wait sleeps and times out.
func wait(number int) {
	never := make(chan int)
	for !stopped() {
		begin := time.Now()
		time.Sleep(time.Duration(number+1) * 300 * time.Microsecond)
		expect(time.Since(begin) >= time.Duration(number+1)*300*time.Microsecond, "slept too little")
		select {
		case <-never:
			expect(false, "something came from nowhere")
		case <-time.After(time.Millisecond):
		}
	}
}

func main() {
	seconds := 2
	if len(os.Args) > 1 {
		seconds, _ = strconv.Atoi(os.Args[1])
	}
	runtime.GOMAXPROCS(workers)
	var group sync.WaitGroup
	var added [workers]int
	start := func(deed func()) {
		group.Add(1)
		go func() {
			defer group.Done()
			deed()
		}()
	}
	for i := 0; i < workers; i++ {
		number := i // before Go 1.22 all rounds of a loop share its variable
		start(func() { collect(number) })
		start(func() { pipeline(number) })
		start(func() { share(number, &added[number]) })
		start(func() { wait(number) })
	}
	time.Sleep(time.Duration(seconds) * time.Second)
	close(stop)
	group.Wait()
	sum := 0
	for _, count := range added {
		sum += count
	}
	expect(sum == total, "the total is not what was added")
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	expect(memory.NumGC > 0, "no garbage was collected")
	fmt.Fprintln(os.Stderr, sum, "added,", memory.NumGC, "collections")
	fmt.Println(failures.Load(), "failures")
	if failures.Load() > 0 {
		os.Exit(1)
	}
}
