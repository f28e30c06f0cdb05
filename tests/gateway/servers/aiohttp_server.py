import os

from aiohttp import web


async def answer(request):
    return web.Response(text=f"{request.method} {request.path} {len(await request.read())}\n")


app = web.Application(client_max_size=1 << 30)
app.router.add_route("*", "/{rest:.*}", answer)
web.run_app(app, port=int(os.environ["PORT"]), print=None)
