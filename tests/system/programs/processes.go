// Programs that a Go program starts, from many goroutines at once.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

func show(what string, output []byte, err error) {
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		err = fmt.Errorf("%v, status %d", ended, ended.ExitCode())
	}
	fmt.Printf("%s: %q, %v\n", what, output, err)
}

func run(name string, arguments ...string) {
	output, err := exec.Command(name, arguments...).Output()
	show(name, output, err)
}

func runMany() {
	var group sync.WaitGroup
	results := make([]string, 12)
	for i := range results {
		group.Add(1)
		go func() {
			defer group.Done()
			output, err := exec.Command("/bin/sh", "-c", fmt.Sprintf("echo %d; exit %d", i, i%2)).Output()
			results[i] = fmt.Sprintf("%s%v", output, err)
		}()
	}
	group.Wait()
	fmt.Printf("%q\n", results)
}

func pipeline() {
	first, second := exec.Command("/usr/bin/seq", "20000"), exec.Command("/usr/bin/tail", "-n", "1")
	second.Stdin, _ = first.StdoutPipe()
	var output bytes.Buffer
	second.Stdout = &output
	second.Start()
	err := first.Run()
	fmt.Println(err, second.Wait(), output.String())
}

func copyThrough() {
	data := strings.Repeat("some data ", 50000)
	command := exec.Command("/bin/cat")
	input, _ := command.StdinPipe()
	output, _ := command.StdoutPipe()
	command.Start()
	go func() {
		io.WriteString(input, data)
		input.Close()
	}()
	got, _ := io.ReadAll(output)
	fmt.Println(string(got) == data, command.Wait())
}

func main() {
	run("/bin/echo", "an argument", "")
	run("/bin/sh", "-c", "exit 3")
	run("/bin/sh", "-c", "kill -9 $$")
	run("/missing")
	runMany()
	pipeline()
	copyThrough()
	limited, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	show("too late", nil, exec.CommandContext(limited, "/bin/sleep", "100").Run())
	command := exec.Command("/bin/sh", "-c", "pwd; echo $GIVEN; cat <&3")
	file, _ := os.Create(os.Args[1] + "/file")
	file.WriteString("in a file")
	file.Seek(3, io.SeekStart)
	command.Dir, command.Env, command.ExtraFiles = "/tmp", []string{"GIVEN=given"}, []*os.File{file}
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	output, err := command.CombinedOutput()
	show("given", output, err)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	exec.Command("/bin/sh", "-c", fmt.Sprintf("kill -USR1 %d", os.Getpid())).Run()
	fmt.Println(<-signals)
	process, err := os.StartProcess("/bin/sleep", []string{"sleep", "100"}, &os.ProcAttr{})
	process.Kill()
	state, _ := process.Wait()
	fmt.Println(err, state)
}
