"""The benchmark's work with numpy, behind HTTP: the request is a number."""

import mayfly
import numpy as np

LEFT, RIGHT = np.random.default_rng(1).standard_normal((2, 64, 64))


def warm_up():
    handle(mayfly.Request("POST", body=b"7"))


def handle(request: mayfly.Request):
    return f"{(LEFT * int(request.body) @ RIGHT).sum():.6f}\n"
