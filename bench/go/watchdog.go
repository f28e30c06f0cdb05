// A process for each request, as OpenFaaS' classic watchdog starts them: the body is its standard input, its
// standard output the response, and headers are in its environment. Prints its port.
//
// usage: watchdog PROGRAM
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
)

func serve(response http.ResponseWriter, request *http.Request) {
	command := exec.Command(os.Args[1])
	command.Stdin = request.Body
	command.Env = append(os.Environ(), "Http_Method="+request.Method, "Http_Path="+request.URL.Path)
	for name, values := range request.Header {
		command.Env = append(command.Env, "Http_"+strings.ReplaceAll(name, "-", "_")+"="+values[0])
	}
	output, problem := command.Output()
	if problem != nil {
		http.Error(response, problem.Error(), http.StatusInternalServerError)
		return
	}
	response.Write(output)
}

func main() {
	listener, problem := net.Listen("tcp", "127.0.0.1:0")
	if problem != nil {
		fmt.Fprintln(os.Stderr, problem)
		os.Exit(1)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	http.Serve(listener, http.HandlerFunc(serve))
}
