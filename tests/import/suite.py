"""A running suite, asked through its gateway by `kefu call`."""

import json
import subprocess
import sys


def options_of(parser, login="erp", purpose="integration"):
    parser.add_argument("--kefu", default="kefu", help="the binary")
    parser.add_argument("--address", default="http://127.0.0.1:7700")
    parser.add_argument("--login", default=login)
    parser.add_argument("--purpose", default=purpose)
    return parser.parse_args()


class Gateway:
    def __init__(self, options):
        self.options = options

    def call(self, method, request):
        options = self.options
        command = [options.kefu, "call", method, "-", "--address", options.address]
        command += ["--as", options.login, "--purpose", options.purpose]
        body = json.dumps(request)
        done = subprocess.run(command, input=body, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{method} {body}: {done.stderr}")
        return json.loads(done.stdout)

    def all(self, method, records, **request):
        """Every record of a list, page by page."""
        token = ""
        while True:
            page = self.call(method, {"pageSize": 200, "pageToken": token, **request})
            yield from page.get(records, [])
            token = page.get("nextPageToken", "")
            if not token:
                return
