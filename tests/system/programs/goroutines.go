// Goroutines, channels, garbage, timers, JSON, hashes and files as a Go program uses them. Prints what
// must be the same on any system.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

type record struct {
	Name   string            `json:"name"`
	Values []float64         `json:"values"`
	Tags   map[string]string `json:"tags"`
}

func pipeline() {
	numbers, squares := make(chan int), make(chan int, 16)
	var workers sync.WaitGroup
	for i := 0; i < 8; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for n := range numbers {
				squares <- n * n
			}
		}()
	}
	go func() {
		for i := 0; i < 5000; i++ {
			numbers <- i
		}
		close(numbers)
		workers.Wait()
		close(squares)
	}()
	sum := 0
	for s := range squares {
		sum += s
	}
	fmt.Println("sum of squares", sum)
}

// A goroutine that never calls anything must not keep the others from running.
func spinning() {
	var stop atomic.Bool
	done := make(chan uint64)
	go func() {
		var turns uint64
		for !stop.Load() {
			turns++
		}
		done <- turns
	}()
	time.Sleep(20 * time.Millisecond)
	stop.Store(true)
	fmt.Println("a spinning goroutine starves nobody:", <-done > 0)
}

func garbage(total int) {
	var kept [64][]byte
	sum := 0
	for made := 0; made < total; {
		size := 1000 + made%50000
		block := make([]byte, size)
		block[size/2] = byte(made)
		sum += int(block[size/2])
		kept[made%64] = block
		made += size
	}
	runtime.GC()
	var statistics runtime.MemStats
	runtime.ReadMemStats(&statistics)
	fmt.Println("garbage", sum, "collected:", statistics.NumGC > 0)
}

func timers() {
	began := time.Now()
	ticker := time.NewTicker(2 * time.Millisecond)
	for i := 0; i < 5; i++ {
		<-ticker.C
	}
	ticker.Stop()
	select {
	case <-time.After(5 * time.Millisecond):
	case <-make(chan int):
	}
	fmt.Println("time passed:", time.Since(began) >= 15*time.Millisecond)
}

func documents() {
	in := record{"mayfly", []float64{1.5, -2, 1e10}, map[string]string{"b": "2", "a": "1"}}
	text, err := json.Marshal(in)
	if err != nil {
		panic(err)
	}
	var out record
	if err := json.Unmarshal(text, &out); err != nil {
		panic(err)
	}
	keys := make([]string, 0)
	for key := range out.Tags {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	fmt.Println(string(text), keys)
}

func files() {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("mayfly-go-%d", os.Getpid()))
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(i * 7)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		panic(err)
	}
	back, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	os.Remove(path)
	_, err = os.Stat(path)
	fmt.Printf("%d bytes %x gone %v\n", len(back), sha256.Sum256(back), os.IsNotExist(err))
}

func pipes() {
	reader, writer, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	go func() {
		for i := 0; i < 1000; i++ {
			fmt.Fprintln(writer, "line", i)
		}
		writer.Close()
	}()
	lines := 0
	for scanner := bufio.NewScanner(reader); scanner.Scan(); lines++ {
	}
	fmt.Println("lines through a pipe", lines)
}

func caught() (err error) {
	defer func() {
		err = recover().(error)
	}()
	var none *record
	none.Name = "nobody"
	return nil
}

func maps() {
	counts := map[string]int{}
	for i := 0; i < 200000; i++ {
		counts[fmt.Sprint("key", i%5000)] += i
	}
	keys := make([]string, 0, len(counts))
	for key := range counts {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	fmt.Println(len(keys), keys[0], counts[keys[0]], keys[len(keys)-1])
}

func selects() {
	requests, answers, quit := make(chan int), make(chan string), make(chan struct{})
	var once sync.Once
	for i := 0; i < 3; i++ {
		go func() {
			for {
				select {
				case n := <-requests:
					answers <- fmt.Sprint(n * n)
				case <-quit:
					once.Do(func() { close(answers) })
					return
				}
			}
		}()
	}
	total := 0
	for i := 0; i < 1000; i++ {
		requests <- i
		total += len(<-answers)
	}
	close(quit)
	_, open := <-answers
	var lock sync.RWMutex
	condition := sync.NewCond(&lock)
	ready := 0
	for i := 0; i < 10; i++ {
		go func() {
			lock.Lock()
			ready++
			lock.Unlock()
			condition.Broadcast()
		}()
	}
	lock.Lock()
	for ready < 10 {
		condition.Wait()
	}
	lock.Unlock()
	fmt.Println(total, open, ready)
}

var parts = map[string]func(){
	"pipeline":  pipeline,
	"spinning":  spinning,
	"garbage":   func() { garbage(500 << 20) },
	"timers":    timers,
	"documents": documents,
	"files":     files,
	"pipes":     pipes,
	"caught":    func() { fmt.Println(caught()) },
	"maps":      maps,
	"selects":   selects,
}

// The arguments name the parts to run.
func main() {
	request, _ := io.ReadAll(os.Stdin)
	fmt.Printf("request %q\n", request)
	for _, name := range os.Args[1:] {
		parts[name]()
	}
	os.Exit(6)
}
