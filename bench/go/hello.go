// What the rows of Go measure: an answer at once, or with the argument "compute" after work for the
// processor that needs neither files nor system calls.
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

const (
	blockSize = 64 << 10
	blocks    = 600
	order     = 64
	products  = 150
)

func digest() []byte {
	block := make([]byte, blockSize)
	for i := range block {
		block[i] = byte(i * 31)
	}
	hash := sha256.New()
	for i := 0; i < blocks; i++ {
		hash.Write(block)
	}
	return hash.Sum(nil)
}

// The sum of what is in many products of two small matrices.
func product() float64 {
	var left, right [order][order]float64
	for i := range left {
		for j := range left[i] {
			left[i][j], right[i][j] = float64(i+j), float64(i*j%7)
		}
	}
	sum := 0.0
	for n := 0; n < products; n++ {
		for i := range left {
			for j := range left[i] {
				for k := range left[i] {
					sum += left[i][k] * right[k][j]
				}
			}
		}
	}
	return sum
}

func main() {
	request, err := io.ReadAll(os.Stdin)
	if err != nil {
		os.Exit(1)
	}
	if len(os.Args) > 1 && os.Args[1] == "compute" {
		fmt.Printf("%x %g\n", digest(), product())
		return
	}
	fmt.Printf("Hello, %s!\n", request)
}
