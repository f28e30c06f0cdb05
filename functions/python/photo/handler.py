"""What is in a photograph, and how bright it is: Pillow decodes it, numpy counts, the host's
accelerator finds objects. Request: a JPEG or PNG. Response: JSON."""

import io

import numpy
import vaccel
from PIL import Image

BINS = 8
SMALL = (256, 256)  # brightness needs no more

session = vaccel.Session()


def brightness(photo):
    grey = Image.open(io.BytesIO(photo)).convert("L")
    grey.thumbnail(SMALL)
    counts, _ = numpy.histogram(numpy.asarray(grey), bins=BINS, range=(0, 256))
    return (counts / counts.sum()).round(4).tolist()


def warm_up():
    sample = io.BytesIO()
    Image.new("RGB", SMALL).save(sample, "JPEG")
    brightness(sample.getvalue())


def handle(photo):
    objects = [{"label": found.label, "score": round(found.score, 4),
                "box": [round(number, 4) for number in found.box]}
               for found in session.detect_objects(photo)]
    return {"brightness": brightness(photo), "objects": objects}
