"""Squares the numbers in processes of a pool."""
import json
import multiprocessing
import sys


def square(number):
    return number * number


if __name__ == "__main__":
    numbers = json.loads(sys.stdin.read())
    with multiprocessing.Pool(2) as pool:
        print(pool.map(square, numbers))
