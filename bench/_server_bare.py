"""The ceiling of bench/server.py: a Starlette endpoint that reads JSON and gives it back."""

import json
import socket

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def echo(request: Request) -> JSONResponse:
    """Give back what came."""
    return JSONResponse(await request.json())


if __name__ == "__main__":
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    print(json.dumps({"url": f"http://127.0.0.1:{listener.getsockname()[1]}"}), flush=True)
    app = Starlette(routes=[Route("/", echo, methods=["POST"])])
    config = uvicorn.Config(app, log_level="warning", access_log=False, http="httptools", loop="uvloop")
    uvicorn.Server(config).run(sockets=[listener])
