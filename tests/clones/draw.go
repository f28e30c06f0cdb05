// Draws once before the snapshot and once in each clone: from math/rand, or from crypto/rand.
//
// usage: draw math|crypto NAME
package main

import (
	"crypto/rand"
	"fmt"
	"io"
	mathrand "math/rand"
	"os"
)

func draw(which string) string {
	if which == "math" {
		return fmt.Sprint(mathrand.Int63())
	}
	var bytes [16]byte
	if _, err := rand.Read(bytes[:]); err != nil {
		panic(err)
	}
	return fmt.Sprintf("%x", bytes)
}

func main() {
	draw(os.Args[1])
	io.ReadAll(os.Stdin)
	fmt.Fprintf(os.Stderr, "drawn\t%s\t%s\n", os.Args[2], draw(os.Args[1]))
}
