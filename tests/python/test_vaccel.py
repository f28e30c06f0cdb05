#!/usr/bin/env python3
"""The Python package vaccel over libvaccel and the noop plugin, which answers each op in its own way.

usage: test_vaccel.py HEADERS
HEADERS is the directory of the C API's headers, whose numbers the package repeats.
"""

import gc
import pathlib
import re
import sys
import unittest

import vaccel
from vaccel import Arg, ArgType, OpType, Resource, ResourceType, Session
from vaccel.ops import tf, torch
from vaccel.ops.tf import lite

try:
    import numpy
except ImportError:
    numpy = None

HEADERS = pathlib.Path(sys.argv.pop(1))
TAG, NAME = "This is a dummy classification tag!", "This is a dummy imgname!"
ONES = [1.0] * 30
with_numpy = unittest.skipIf(numpy is None, "there is no numpy")


def model(session):
    resource = Resource.from_buffer(b"a model", ResourceType.MODEL)
    resource.register(session)
    return resource


class Numbers(unittest.TestCase):
    def same(self, enum, header, prefix):
        """Rows of a table, ITEM(NAME, number, prefix), or lines prefix_NAME = number."""
        text = (HEADERS / header).read_text()
        rows = re.findall(rf"ITEM\((\w+), (\w+), {prefix}\)", text) or \
            re.findall(rf"\b{prefix}_(\w+) = (\w+)", text)
        wanted = {name: int(number, 0) for name, number in rows if name != "MAX"}
        self.assertGreater(len(wanted), 2)
        self.assertEqual({name: int(value) for name, value in enum.__members__.items()}, wanted)

    def test_all(self):
        self.same(OpType, "op.h", "VACCEL_OP")
        self.same(ArgType, "arg.h", "VACCEL_ARG")
        self.same(ResourceType, "resource.h", "VACCEL_RESOURCE")
        self.same(vaccel.PluginType, "plugin.h", "VACCEL_PLUGIN")
        self.same(vaccel.LogLevel, "log.h", "VACCEL_LOG")
        self.same(tf.TensorType, "ops/tf.h", "VACCEL_TF")
        self.same(lite.TensorType, "ops/tflite.h", "VACCEL_TFLITE")
        self.same(torch.TensorType, "ops/torch.h", "VACCEL_TORCH")


class Sessions(unittest.TestCase):
    def test_numbers_and_flags(self):
        one, two = Session(), Session(flags=vaccel.PluginType.GENERIC | vaccel.PluginType.DEBUG)
        self.assertEqual(two.id, one.id + 1)
        self.assertEqual((one.flags, two.flags), (0, 0x180))
        self.assertFalse(one.is_remote)
        one.noop()

    def test_closed(self):
        with Session() as session:
            resource = model(session)
            self.assertTrue(session.has_resource(resource))
        session.close()
        for use in (session.noop, lambda: session.id, lambda: session.classify(b"x")):
            self.assertRaises(vaccel.NullPointerError, use)
        resource.close()
        resource.close()
        self.assertRaises(vaccel.NullPointerError, lambda: resource.id)

    def test_many_are_given_back(self):
        for _ in range(3000):
            session = Session()
            model(session)
        del session
        gc.collect()
        self.assertGreater(Session().id, 0)

    def test_configuration(self):
        config = vaccel.Config("noop", 4, "file", profiling_enabled=True, version_ignore=True)
        self.assertEqual((config.plugins, config.log_level, config.log_file), ("noop", 4, "file"))
        self.assertEqual(vaccel.Config().plugins, "libvaccel-noop.so")


class Resources(unittest.TestCase):
    def test_registered(self):
        one, two = Session(), Session()
        data = Resource.from_buffer(bytearray(b"some data"), ResourceType.DATA)
        for session in (one, two):
            data.register(session)
            data.sync(session)
            self.assertTrue(session.has_resource(data))
        data.unregister(one)
        self.assertFalse(one.has_resource(data))
        self.assertTrue(two.has_resource(data))
        self.assertEqual(data.value.blobs[0].contents.size, 9)

    def test_not_there(self):
        with self.assertRaises(vaccel.Error) as caught:
            Resource("/nonexistent/model", ResourceType.MODEL)
        self.assertEqual((caught.exception.errno, caught.exception.code), (22, 22))
        self.assertIn("EINVAL", str(caught.exception))
        self.assertIsInstance(caught.exception, RuntimeError)


class Ops(unittest.TestCase):
    def setUp(self):
        self.session = Session()

    def test_pictures(self):
        self.assertEqual(self.session.classify(b"picture"), (TAG, NAME))
        for op in (self.session.detect, self.session.segment, self.session.pose, self.session.depth):
            self.assertEqual(op(bytearray(b"picture")), NAME)
        self.assertRaises(ValueError, self.session.detect_objects, b"")

    def test_arrays(self):
        self.assertEqual(self.session.fpga_arraycopy([1, 2, 3]), [1, 2, 3])
        self.assertEqual(self.session.fpga_vadd([1.0] * 3, [2.0] * 3), [3.0] * 3)
        self.assertEqual(self.session.fpga_parallel([1.0] * 3, [2.0] * 3)[0], [3.0] * 3)
        self.assertRaises(ValueError, self.session.fpga_vadd, [1.0], [1.0, 2.0])
        self.assertRaises(TypeError, self.session.fpga_arraycopy, [1.5])
        self.assertEqual(len(self.session.sgemm(2, 3, 4, 1.0, [1.0] * 8, 4, [1.0] * 12, 3, 0.0, 3)), 6)
        self.assertRaises(ValueError, self.session.sgemm, 2, 3, 4, 1.0, [1.0] * 7, 4, [1.0] * 12, 3, 0.0, 3)
        self.assertRaises(ValueError, self.session.sgemm, -1, 3, 4, 1.0, [1.0] * 8, 4, [1.0] * 12, 3, 0.0, 3)
        out, least, greatest = self.session.minmax(bytes(80), 10, 5, 100)
        self.assertEqual((out, least, greatest), (bytes(80), -1.0, 10000.0))
        self.assertRaises(ValueError, self.session.minmax, bytes(79), 10, 5, 100)

    def test_functions(self):
        numbers = list(range(10))
        self.assertEqual(self.session.exec("lib.so", "function", [numbers], [[0] * 10]), [numbers])
        self.assertIsNone(self.session.exec("lib.so", "function"))
        library = Resource.from_buffer(b"a library", ResourceType.LIB)
        library.register(self.session)
        self.assertEqual(self.session.exec_with_resource(library, "f", [numbers], [[0] * 10]), [numbers])
        read = [Arg(OpType.EXEC, ArgType.UINT8), Arg("lib.so", ArgType.STRING), Arg("f", ArgType.STRING)]
        write = [Arg([0] * 10)]
        self.session.genop(read + [Arg(numbers)], write)
        self.assertEqual(write[0].buf, numbers)

    def test_what_is_no_value(self):
        for value in (None, object(), {"a": 1}, [object()]):
            self.assertRaises(TypeError, Arg, value)


class Models(unittest.TestCase):
    def setUp(self):
        self.session = Session()
        self.model = model(self.session)

    def check(self, out, given):
        self.assertEqual((out.dims, out.data_type, out.data), (given.dims, given.data_type, given.data))
        self.assertEqual(out.to_bytes(), given.to_bytes())

    def test_tensorflow(self):
        given = tf.Tensor([30], tf.TensorType.FLOAT, ONES)
        self.session.tf_model_load(self.model)
        (out,), status = self.session.tf_model_run(self.model, [tf.Node("in", 0)], [given],
                                                   [tf.Node("out", 0)], tf.Buffer(b"options"))
        self.assertEqual(status.message, "Operation handled by noop plugin")
        self.check(out, given)
        self.session.tf_model_unload(self.model)

    def test_tensorflow_lite(self):
        given = lite.Tensor.from_buffer([5, 6], lite.TensorType.FLOAT32, torch_bytes())
        self.session.tflite_model_load(self.model)
        (out,), status = self.session.tflite_model_run(self.model, [given])
        self.assertEqual(status, 0)
        self.check(out, given)
        self.session.tflite_model_unload(self.model)

    def test_torch(self):
        given = torch.Tensor([30], torch.TensorType.FLOAT, ONES)
        self.session.torch_model_load(self.model)
        self.check(self.session.torch_model_run(self.model, [given])[0], given)

    def test_views_outlive_tensors(self):
        self.session.torch_model_load(self.model)
        view = self.session.torch_model_run(
            self.model, [torch.Tensor([30], torch.TensorType.FLOAT, ONES)])[0].as_memoryview()
        gc.collect()
        self.assertEqual(bytes(view), torch_bytes())

    def test_shapes_that_do_not_fit(self):
        self.assertRaises(ValueError, tf.Tensor, [31], tf.TensorType.FLOAT, ONES)
        self.assertRaises(ValueError, lite.Tensor.from_buffer, [2], lite.TensorType.INT8, b"abc")
        self.assertRaises(ValueError, torch.Tensor, [-1, -30], torch.TensorType.FLOAT, ONES)
        self.assertRaises(ValueError, tf.Tensor, [30], 99, ONES)

    def test_bytes_stay_as_they_are(self):
        self.assertTrue(tf.Tensor.from_buffer([3], tf.TensorType.INT8, b"abc").as_memoryview().readonly)


def torch_bytes():
    return torch.Tensor([30], torch.TensorType.FLOAT, ONES).to_bytes()


@with_numpy
class Numpy(unittest.TestCase):
    def test_no_copies(self):
        array = numpy.arange(12, dtype="float32").reshape(3, 4)
        for kind in (tf, lite, torch):
            tensor = kind.Tensor.from_numpy(array)
            self.assertIs(tensor.as_numpy(), array)
            self.assertEqual((tensor.dims, tensor.to_bytes()), ([3, 4], array.tobytes()))
        self.assertRaises(ValueError, torch.Tensor.from_numpy, array.astype("complex64"))

    def test_results(self):
        session = Session()
        resource = model(session)
        session.torch_model_load(resource)
        array = numpy.arange(12, dtype="float32").reshape(3, 4)
        out = session.torch_model_run(resource, [torch.Tensor.from_numpy(array)])[0].as_numpy()
        gc.collect()
        self.assertTrue(numpy.array_equal(out, array))

    def test_half(self):
        array = numpy.arange(4, dtype="float16")
        self.assertEqual(tf.Tensor.from_numpy(array).data, [0, 1, 2, 3])

    def test_product_in_place(self):
        session = Session()
        product = numpy.zeros((2, 3), "float32")
        left, right = numpy.ones((2, 4), "float32"), numpy.ones((4, 3), "float32")
        self.assertIs(session.sgemm(2, 3, 4, 1.0, left, 4, right, 3, 0.0, 3, c=product), product)
        self.assertRaises(ValueError, session.sgemm, 2, 3, 4, 1.0, left, 4, right, 3, 0.0, 3,
                          c=numpy.zeros((3, 2), "float64"))

    def test_buffers(self):
        session = Session()
        array = session.zeros((1000, 3))
        self.assertEqual((array.shape, array.dtype.name, array.sum()), ((1000, 3), "float32", 0))
        array += 1
        part = array[10:20]
        del array
        gc.collect()
        self.assertEqual(part.sum(), 30)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
