"""Symbols from a debuginfod server: one on the loopback, asked by the real debuginfod-find."""
import http.server
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from widget import Widget

KILN = os.environ["KILN_UNDER_TEST"]


class Server(http.server.ThreadingHTTPServer):
    """Serves one file at the place of its build-id, and counts what is asked."""

    def __init__(self, build_id, path):
        self.asked = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked.append(self.path)
                if self.path != f"/buildid/{build_id}/debuginfo":
                    self.send_error(404)
                    return
                with open(path, "rb") as file:
                    body = file.read()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Debuginfod(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.program = self.path("widget")
        widget = Widget(self.program)
        self.build_id = widget.build_id
        self.log = "\n".join([
            "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000000",
            f"[    1.000001] CPU: 0 PID: 1 Comm: init Not tainted 6.1.0-widget #1 {self.build_id}",
            "[    1.000002] Call Trace:", "[    1.000003]  <TASK>",
            f"[    1.000004]  {widget.place('widget_spin')}", "[    1.000005]  </TASK>", ""])

    def path(self, name):
        return os.path.join(self.folder, name)

    def crash(self, urls, **more):
        environment = dict(os.environ, HOME=self.folder, XDG_CACHE_HOME=self.path("cache"), DEBUGINFOD_URLS=urls,
                           DEBUGINFOD_CACHE_PATH=self.path("client"), **more)
        done = subprocess.run([KILN, "crash"], input=self.log, capture_output=True, text=True, timeout=120,
                              env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_a_kernel_is_fetched_by_its_build_id_and_kept(self):
        server = Server(self.build_id, self.program)
        self.addCleanup(server.shutdown)
        self.assertIn("widget.c:3", self.crash(server.url))
        self.assertEqual(server.asked, [f"/buildid/{self.build_id}/debuginfo"])
        self.assertIn("widget.c:3", self.crash(server.url))
        self.assertEqual(len(server.asked), 1, "what was fetched is kept")

    def test_a_server_that_has_none_is_no_trouble(self):
        server = Server("0" * 40, self.program)
        self.addCleanup(server.shutdown)
        said = self.crash(server.url)
        self.assertIn("widget_spin", said)
        self.assertNotIn("widget.c", said)
        self.assertNotIn("debuginfod", said)

    def test_nobody_listens(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        said = self.crash(f"http://127.0.0.1:{port}/")
        self.assertIn("the debuginfod servers gave nothing", said)

    def test_a_silent_server_is_left(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            said = self.crash(f"http://127.0.0.1:{listener.getsockname()[1]}/", DEBUGINFOD_TIMEOUT="1")
        self.assertIn("the debuginfod servers gave nothing", said)

    def test_without_the_program(self):
        said = self.crash("http://127.0.0.1:1/", PATH=self.folder)
        self.assertIn("the debuginfod servers could not be asked: the program debuginfod-find is not in PATH", said)

    def test_a_folder_laid_out_by_build_id(self):
        place = self.path(f"debug/.build-id/{self.build_id[:2]}")
        os.makedirs(place)
        shutil.copy(self.program, os.path.join(place, self.build_id[2:] + ".debug"))
        done = subprocess.run([KILN, "crash", "--debug-dir", self.path("debug")], input=self.log, capture_output=True,
                              text=True, env=dict(os.environ, XDG_CACHE_HOME=self.path("cache")))
        self.assertIn("widget.c:3", done.stdout)


if __name__ == "__main__":
    if not shutil.which("debuginfod-find"):
        print("skipped: debuginfod-find is not installed")
        sys.exit(77)
    unittest.main()
