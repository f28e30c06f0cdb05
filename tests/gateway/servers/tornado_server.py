import os

import tornado.ioloop
import tornado.web


class Handler(tornado.web.RequestHandler):
    def get(self, rest):
        self.write(f"{self.request.method} /{rest} {len(self.request.body)}\n")

    post = get


tornado.web.Application([("/(.*)", Handler)]).listen(int(os.environ["PORT"]))
tornado.ioloop.IOLoop.current().start()
