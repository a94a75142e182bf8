"""An agent that no rotation disturbs: it answers each line of its input by asking Claude.

    python agent.py command prod-publish 60             asks `rotate key prod-publish`, again after 60 seconds
    python agent.py file /srv/publish/anthropic.key     reads a file, again when it was replaced
"""

import os
import subprocess
import sys
import time

import anthropic

MODEL = "claude-sonnet-5-5"


class FromCommand:
    """The key that `rotate key` prints, asked for anew once it is some seconds old. 0: for every request."""

    def __init__(self, name, seconds):
        self.name, self.seconds = name, float(seconds)
        self.key, self.asked_at = None, None

    def current(self):
        if self.key is None or time.monotonic() - self.asked_at >= self.seconds:
            return self.reread()
        return self.key

    def reread(self):
        # Taken before asking: the answer may be as old as that.
        asked_at = time.monotonic()
        ran = subprocess.run(["rotate", "key", self.name], stdout=subprocess.PIPE, text=True, check=True)
        self.key, self.asked_at = ran.stdout.strip(), asked_at
        return self.key


class FromFile:
    """The key in a file that holds nothing else, read anew when another file stands in its place."""

    def __init__(self, path):
        self.path = path
        self.key, self.seen = None, None

    def current(self):
        if self.key is None or self.identity(os.stat(self.path)) != self.seen:
            return self.reread()
        return self.key

    def reread(self):
        with open(self.path, encoding="ascii") as file:
            self.seen = self.identity(os.fstat(file.fileno()))
            self.key = file.read().strip()
        return self.key

    @staticmethod
    def identity(status):
        return status.st_ino, status.st_mtime_ns


def ask(client, keys, question):
    """One answer. Where the key is refused and there is another one by now, the request is made once more."""
    key = keys.current()
    try:
        return send(client.with_options(api_key=key), question)
    except anthropic.AuthenticationError:
        newer = keys.reread()
        if newer == key:
            raise
        return send(client.with_options(api_key=newer), question)


def send(client, question):
    message = client.messages.create(
        model=MODEL,
        max_tokens=1024,
        messages=[{"role": "user", "content": question}],
    )
    return "".join(block.text for block in message.content if block.type == "text")


if __name__ == "__main__":
    kind, *arguments = sys.argv[1:]
    keys = {"command": FromCommand, "file": FromFile}[kind](*arguments)
    # One client for all requests: what `with_options` makes of it shares its connections.
    client = anthropic.Anthropic(api_key=keys.current())
    for line in sys.stdin:
        print(ask(client, keys, line.strip()), flush=True)
