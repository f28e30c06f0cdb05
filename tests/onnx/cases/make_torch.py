#!/usr/bin/env python3
"""Makes small.pt, a traced TorchScript model, and torch_answers.h, what PyTorch answers to it.

Needs PyTorch (Debian's python3-torch, or PyPI's torch).
"""

import pathlib
import zipfile

import torch

HERE = pathlib.Path(__file__).resolve().parent


class Small(torch.nn.Module):
    """y = softmax(linear(x) k), and the sums of the rows: two outputs, of two types."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 3)

    def forward(self, x, k):
        return torch.softmax(self.linear(x) * k, dim=1), (x.sum(dim=1) * k).to(torch.int64)


def numbers(tensor):
    return ", ".join(repr(value) for value in tensor.flatten().tolist())


def strip(path):
    """Takes out where each line came from: paths of the machine that made the model."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()
                   if not name.endswith(".debug_pkl")}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)


def main():
    torch.manual_seed(7)
    model = Small().eval()
    x = torch.tensor([[-1.5, -1, -0.5, 0], [0.5, 1, 1.5, 2]])
    k = torch.tensor(3, dtype=torch.int32)
    with torch.no_grad():
        traced = torch.jit.trace(model, (x, k))
        y, rows = model(x, k)
    traced.save(str(HERE / "small.pt"))
    strip(HERE / "small.pt")
    (HERE.parent / "torch_answers.h").write_text(
        f"/* What PyTorch {torch.__version__} answers to the model here. Made by make_torch.py. */\n"
        "/* clang-format off */\n#include <stdint.h>\n\n"
        f"static const float torch_x[] = {{{numbers(x)}}};\n"
        f"static const float torch_y[] = {{{numbers(y)}}};\n"
        f"static const int64_t torch_rows[] = {{{numbers(rows)}}};\n")


if __name__ == "__main__":
    main()
