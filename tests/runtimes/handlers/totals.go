// Sums the numbers by name, then runs "rounds" of a small generator.
package main

import (
	"fmt"
	"sort"
)

func main() {
	totals := map[string]int{}
	var name string
	var number int
	for {
		if _, err := fmt.Scan(&name, &number); err != nil {
			break
		}
		totals[name] += number
	}
	names := []string{}
	for name := range totals {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Println(name, totals[name])
	}
	x := 1
	for i := 0; i < totals["rounds"]; i++ {
		x = (x*1103 + 12345) % 2147483648
	}
	fmt.Println(x)
}
