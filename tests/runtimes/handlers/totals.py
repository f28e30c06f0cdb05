"""Sums the numbers by name, then runs "rounds" of a small generator."""
import sys

totals = {}
for line in sys.stdin.read().splitlines():
    name, number = line.split()
    totals[name] = totals.get(name, 0) + int(number)
for name in sorted(totals):
    print(name, totals[name])
x = 1
for _ in range(totals["rounds"]):
    x = (x * 1103 + 12345) % 2147483648
print(x)
