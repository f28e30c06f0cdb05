"""Which words are in a text, and how often. POST /: a text, or JSON as {"text": "…", "least": 2}.
Response: JSON. GET /: how to use it."""

import hashlib
import re
from collections import Counter

import mayfly

WORD = re.compile(r"[^\W\d_]+")
USAGE = "POST a text, or {\"text\": \"...\", \"least\": 2}\n"


def count(text, least):
    words = Counter(word.lower() for word in WORD.findall(text))
    return {word: number for word, number in words.most_common() if number >= least}


def warm_up():
    handle(mayfly.Request("POST", headers={"Content-Type": "application/json"},
                          body=b'{"text": "a b a", "least": 2}'))


def handle(request: mayfly.Request):
    if request.method != "POST":
        return 200 if request.method == "GET" else 405, USAGE
    text, least = request.body.decode("utf-8", "replace"), 1
    if request.headers.get("Content-Type", "").startswith("application/json"):
        try:
            given = request.json()
            text, least = str(given["text"]), int(given.get("least", 1))
        except (ValueError, KeyError, TypeError) as error:
            return 400, {"error": f"that is no such JSON: {error!r}"}
    digest = hashlib.sha256(text.encode()).hexdigest()
    return 200, {"ETag": f'"{digest[:16]}"'}, {"sha256": digest, "words": count(text, least)}
