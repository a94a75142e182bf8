// An agent that no rotation disturbs: it answers each line of its input by asking Claude.
//
//     node agent.mjs command prod-publish 60            asks `rotate key prod-publish`, again after 60 seconds
//     node agent.mjs file /srv/publish/anthropic.key    reads a file, again when it was replaced

import { execFile } from "node:child_process";
import { open, stat } from "node:fs/promises";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

import Anthropic from "@anthropic-ai/sdk";

const MODEL = "claude-sonnet-5-5";
const run = promisify(execFile);

/** The key that `rotate key` prints, asked for anew once it is some seconds old. 0: for every request. */
class FromCommand {
  constructor(name, seconds) {
    this.name = name;
    this.milliseconds = Number(seconds) * 1000;
  }

  async current() {
    if (this.key === undefined || performance.now() - this.askedAt >= this.milliseconds) {
      return this.reread();
    }
    return this.key;
  }

  async reread() {
    // Taken before asking: the answer may be as old as that.
    const askedAt = performance.now();
    const { stdout } = await run("rotate", ["key", this.name]);
    this.key = stdout.trim();
    this.askedAt = askedAt;
    return this.key;
  }
}

/** The key in a file that holds nothing else, read anew when another file stands in its place. */
class FromFile {
  constructor(path) {
    this.path = path;
  }

  async current() {
    if (this.key === undefined || identity(await stat(this.path, { bigint: true })) !== this.seen) {
      return this.reread();
    }
    return this.key;
  }

  async reread() {
    const file = await open(this.path);
    try {
      const seen = identity(await file.stat({ bigint: true }));
      this.key = (await file.readFile("ascii")).trim();
      this.seen = seen;
    } finally {
      await file.close();
    }
    return this.key;
  }
}

const identity = (status) => `${status.ino} ${status.mtimeNs}`;

/** One answer. Where the key is refused and there is another one by now, the request is made once more. */
async function ask(client, keys, question) {
  const key = await keys.current();
  try {
    return await send(client.withOptions({ apiKey: key }), question);
  } catch (error) {
    if (!(error instanceof Anthropic.AuthenticationError)) throw error;
    const newer = await keys.reread();
    if (newer === key) throw error;
    return send(client.withOptions({ apiKey: newer }), question);
  }
}

async function send(client, question) {
  const message = await client.messages.create({
    model: MODEL,
    max_tokens: 1024,
    messages: [{ role: "user", content: question }],
  });
  return message.content.map((block) => (block.type === "text" ? block.text : "")).join("");
}

const [kind, ...settings] = process.argv.slice(2);
const keys = new { command: FromCommand, file: FromFile }[kind](...settings);
// One client for all requests: what `withOptions` makes of it shares its connections.
const client = new Anthropic({ apiKey: await keys.current() });
for await (const line of createInterface({ input: process.stdin })) {
  console.log(await ask(client, keys, line.trim()));
}
