#!/usr/bin/env python3
"""Turns a console font (PSF, as in Debian's console-setup) into a C header.

usage: make_font.py FONT.psf.gz > font.h
"""

import gzip
import struct
import sys


def glyphs(data):
    """Width, height and the bitmaps of the first 128 glyphs (PSF 1 and 2 begin with a magic)."""
    if data[:2] == b"\x36\x04":
        height = data[3]
        return 8, height, [data[4 + i * height:4 + (i + 1) * height] for i in range(128)]
    if data[:4] == b"\x72\xb5\x4a\x86":
        header, size, height, width = struct.unpack_from("<8xI8xI2I", data)
        return width, height, [data[header + i * size:header + (i + 1) * size] for i in range(128)]
    sys.exit("make_font.py: not a PSF font")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with gzip.open(sys.argv[1]) as font:
        width, height, bitmaps = glyphs(font.read())
    if width != 8:
        sys.exit("make_font.py: the font must be 8 pixels wide")
    print("/* Made by make_font.py from Debian's console-setup. One byte is a row of a glyph. */")
    print("#include <stdint.h>")
    print(f"#define FONT_WIDTH {width}\n#define FONT_HEIGHT {height}")
    print("static const uint8_t font_glyphs[128][FONT_HEIGHT] = {")
    for bitmap in bitmaps:
        print("\t{" + ", ".join(f"0x{row:02x}" for row in bitmap) + "},")
    print("};")


main()
