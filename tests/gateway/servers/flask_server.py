"""A WSGI application, and its framework's own server."""
import os

from flask import Flask, request

app = Flask(__name__)


@app.route("/", defaults={"rest": ""}, methods=["GET", "POST"])
@app.route("/<path:rest>", methods=["GET", "POST"])
def answer(rest):
    return f"{request.method} /{rest} {len(request.get_data())}\n"


if __name__ == "__main__":
    app.run(port=int(os.environ["PORT"]))
