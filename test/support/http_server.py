"""A web server for tests: what it answers is in the path. Every request is printed.

    http_server.py PORT [CERTIFICATE KEY]
"""
import http.server
import ssl
import sys
import time
from urllib.parse import parse_qs, urlsplit


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        url = urlsplit(self.path)
        print("REQUEST", self.command, self.path, body.decode("latin-1"), flush=True)
        for name, value in self.headers.items():
            print("HEADER", name + ":", value, flush=True)
        words = url.path.strip("/").split("/")
        kind, argument = words[0], words[1] if len(words) > 1 else ""
        if kind == "status":
            return self.say(int(argument), b"status " + argument.encode())
        if kind == "echo":
            return self.say(200, (self.command + " " + url.query + " ").encode() + body)
        if kind == "login":
            form = parse_qs(body.decode(), keep_blank_values=True)
            good = form.get("user") in (["ann"], ["alice@example.org"]) and form.get("pass") == ["sesame & co"]
            return self.say(200 if good else 403, b"")
        if kind == "introspect":  # RFC 7662, for the client signet
            if self.headers.get("Authorization") != "Basic c2lnbmV0OnBlcHBlciAmIHNhbHQ=":
                return self.say(401, b"")
            token = parse_qs(body.decode(), keep_blank_values=True).get("token")
            active = b'{"active": true, "scope": "mail", "username": "alice@example.org"}'
            return self.say(200, active if token == ["good-token.1~x"] else b'{"active": false}')
        if kind == "basic":
            good = self.headers.get("Authorization") == "Basic YW5uOnNlc2FtZQ=="
            return self.say(204 if good else 401, b"")
        if kind == "redirect":
            return self.say(302, b"", {"Location": parse_qs(url.query)["to"][0]})
        if kind == "slow":
            time.sleep(float(argument))
            return self.say(200, b"late")
        if kind == "big":
            return self.say(200, b"x" * int(argument))
        if kind == "endless":
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            while True:
                self.wfile.write(b"x" * 65536)
        if kind == "headers":
            return self.say(200, b"ok", {"X-%d" % i: "y" * 1000 for i in range(int(argument))})
        if kind == "cookie":
            return self.say(200, (self.headers.get("Cookie") or "none").encode(), {"Set-Cookie": "a=b"})
        if kind == "stump":  # ends inside its headers
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Cut: y"[: int(argument)])
            self.close_connection = True
            return None
        if kind == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
            return None
        return self.say(404, b"")

    def say(self, status, body, headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = answer

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *arguments):
        pass


server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
