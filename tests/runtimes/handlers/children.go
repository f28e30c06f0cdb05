// Passes its request through pipes of a child, and tells how another one ends.
package main

import (
	"fmt"
	"os"
	"os/exec"
)

func main() {
	sort := exec.Command("sort")
	sort.Stdin = os.Stdin
	output, err := sort.Output()
	fmt.Println(string(output), err)
	fmt.Println(exec.Command("sh", "-c", "exit 3").Run())
	killed := exec.Command("sleep", "60")
	fmt.Println(killed.Start(), killed.Process.Kill(), killed.Wait())
}
