"""Libraries of Python: libraries.py NAME loads one, reads its request, computes with it and prints the answer.

It ends by os._exit(), as taking such an interpreter down is most of the work (docs/functions.md).
"""
import functools
import importlib
import json
import os
import sys
import tempfile

# These load or compile much when they are first used: they are used before the request is read.
WARMED = {"boto3", "cv2", "matplotlib.pyplot", "numba", "pandas", "pyarrow", "pydantic"}
SAMPLE = [1] * 16


def numpy(module, data):
    matrix = module.array(data, dtype=float).reshape(4, 4) / 10
    return [round(float(value), 6) for value in (matrix @ matrix.T).sum(axis=0)], round(float(module.linalg.det(matrix)), 6)


def scipy_optimize(module, data):
    found = module.minimize(lambda point: sum((point - data[0]) ** 2), [0.0, 0.0])
    return [round(float(value), 3) for value in found.x]


def pandas(module, data):
    frame = module.DataFrame({"key": [value % 3 for value in data], "value": data})
    return json.loads(frame.groupby("key").sum().to_json())


def sklearn_linear_model(module, data):
    model = module.LinearRegression().fit([[value] for value in data], [2 * value + 1 for value in data])
    return round(float(model.coef_[0]), 6), round(float(model.intercept_), 6)


def cv2(module, data):
    import numpy as np
    picture = np.array(data * 4, dtype=np.uint8).reshape(8, 8)
    return int(module.GaussianBlur(picture, (3, 3), 0).sum()), int(module.Canny(picture, 1, 2).sum())


def lxml_etree(module, data):
    root = module.fromstring("<r>" + "".join(f"<v>{value}</v>" for value in data) + "</r>")
    return root.xpath("sum(//v)"), module.tostring(root).decode()[:40]


def PIL_Image(module, data):
    picture = module.new("L", (4, 4))
    picture.putdata(data)
    return list(picture.resize((2, 2)).getdata())


def matplotlib_pyplot(module, data):
    figure, axes = module.subplots(figsize=(2, 1))
    axes.plot(data)
    figure.canvas.draw()
    return int(sum(figure.canvas.tostring_rgb()))


def cryptography_fernet(module, data):
    box = module.Fernet(module.Fernet.generate_key())
    return json.loads(box.decrypt(box.encrypt(json.dumps(data).encode())))


@functools.cache
def numba_total(module):
    @module.njit
    def total(count):
        value = 0
        for number in range(count):
            value += number * number % 7
        return value
    return total


def numba(module, data):
    return numba_total(module)(sum(data) * 100)


def lmdb(module, data):
    with tempfile.TemporaryDirectory() as folder:
        with module.open(folder, map_size=1 << 26) as store:
            with store.begin(write=True) as change:
                for value in data:
                    change.put(str(value).encode(), str(value * value).encode())
            with store.begin() as look:
                return [(key.decode(), value.decode()) for key, value in look.cursor()]


def shapely_geometry(module, data):
    return round(module.Point(0, 0).buffer(data[1]).intersection(module.box(0, 0, 9, 9)).area, 6)


def cffi(module, data):
    ffi = module.FFI()
    ffi.cdef("void qsort(void *, size_t, size_t, int (*)(const void *, const void *));")
    numbers = ffi.new("int[]", data)
    compare = ffi.callback("int(const void *, const void *)",
                           lambda a, b: ffi.cast("int *", b)[0] - ffi.cast("int *", a)[0])
    ffi.dlopen(None).qsort(numbers, len(data), 4, compare)
    return list(numbers)


def regex(module, data):
    return module.findall(r"(?:\d(?=\p{Nd}))", " ".join(map(str, data)))


def uvloop(module, data):
    import asyncio

    async def serve():
        return await asyncio.gather(*[asyncio.to_thread(abs, -value) for value in data])
    loop = module.new_event_loop()
    return sum(loop.run_until_complete(serve()))


def asyncio(module, data):
    async def one(value):
        await module.sleep(0.001)
        return value

    async def serve():
        return await module.gather(*[one(value) for value in data], module.to_thread(sum, data))
    return module.run(serve())


def flask(module, data):
    application = module.Flask("fruit")

    @application.post("/")
    def answer():
        return {"sum": sum(module.request.get_json())}
    return application.test_client().post("/", json=data).get_json()


@functools.cache
def boto3_client(module):
    return module.client("s3", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")


def boto3(module, data):
    return boto3_client(module).generate_presigned_url("get_object", {"Bucket": "b", "Key": str(sum(data))}).partition("?")[0]


def torch(module, data):
    module.set_num_threads(1)
    layer = module.nn.Linear(16, 2)
    with module.no_grad():
        layer.weight.fill_(0.5)
        layer.bias.zero_()
        return layer(module.tensor([data], dtype=module.float32)).tolist()


def tensorflow(module, data):
    matrix = module.reshape(module.constant(data, dtype=module.float32), (4, 4))
    return module.reduce_sum(module.matmul(matrix, matrix), axis=0).numpy().tolist()


def onnxruntime(module, data):
    return module.get_available_providers()[-1], len(data), module.SessionOptions().execution_mode.name


def spacy(module, data):
    return [token.text for token in module.blank("en")(f"Ada's {data[0]} apples cost $3.50, don't they?")]


def pydantic(module, data):
    class Fruit(module.BaseModel):
        name: str
        counts: list[int]
    return Fruit.model_validate_json(json.dumps({"name": "apple", "counts": data})).model_dump()


def orjson(module, data):
    return module.dumps(module.loads(json.dumps({"b": data, "a": 1.5})), option=module.OPT_SORT_KEYS).decode()


def polars(module, data):
    frame = module.DataFrame({"key": [value % 3 for value in data], "value": data})
    return frame.group_by("key").agg(module.col("value").sum()).sort("key").rows()


def duckdb(module, data):
    return module.connect().execute("select sum(v), max(v) from unnest(?) as t(v)", [data]).fetchall()


def pyarrow(module, data):
    import pyarrow.compute
    return pyarrow.compute.sum(module.array(data)).as_py(), module.table({"v": data}).schema.to_string()


def tokenizers(module, data):
    from tokenizers import models, pre_tokenizers
    words = module.Tokenizer(models.WordLevel({"apple": 1, "pear": 2, "?": 0}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return words.encode("apple pear plum apple").ids, len(data)


def xgboost(module, data):
    import numpy as np
    table = module.DMatrix(np.array(data, dtype=float).reshape(-1, 1), label=np.array(data, dtype=float))
    model = module.train({"max_depth": 2, "nthread": 1}, table, 3)
    return [round(float(value), 4) for value in model.predict(table)[:4]]


def lightgbm(module, data):
    import numpy as np
    table = module.Dataset(np.arange(64.0).reshape(-1, 1), label=np.arange(64.0) + data[0])
    model = module.train({"verbose": -1, "num_threads": 1, "min_data_in_leaf": 4}, table, 3)
    return [round(float(value), 4) for value in model.predict(np.array([[1.0], [60.0]]))]


def mangum(module, data):
    async def application(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps([scope["path"], data]).encode()})
    event = {"version": "2.0", "routeKey": "$default", "rawPath": "/fruit", "rawQueryString": "", "headers": {},
             "requestContext": {"http": {"method": "GET", "path": "/fruit", "sourceIp": "127.0.0.1"}}}
    return module.Mangum(application, lifespan="off")(event, {})["body"]


def main():
    name = sys.argv[1]
    module = importlib.import_module(name)
    handle = globals()[name.replace(".", "_")]
    if name in WARMED:
        handle(module, SAMPLE)
    print(json.dumps(handle(module, json.loads(sys.stdin.read()))), flush=True)
    os._exit(0)


main()
