// The official OpenAI client: files.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import OpenAI, { BadRequestError, NotFoundError, toFile } from "openai";
import { BASE_URL, KEY, limit } from "./guide.mjs";

const client = new OpenAI({ baseURL: BASE_URL, apiKey: KEY, maxRetries: 0, timeout: 60_000 });
const upload = async (name, content, more = {}) => client.files.create({ file: await toFile(Buffer.from(content), name), purpose: "assistants", ...more });
const bytesOf = async (id) => Buffer.from(await (await client.files.content(id)).arrayBuffer());

describe("files", limit, () => {
  test("create, retrieve, content, delete", async () => {
    const before = Math.floor(Date.now() / 1000);
    const file = await upload("notes – 1.txt", "Pandas eat bamboo.\n");
    assert.deepEqual([file.object, file.bytes, file.filename, file.purpose, file.status], ["file", 19, "notes – 1.txt", "assistants", "processed"]);
    assert.ok(file.id.startsWith("file-") && file.created_at >= before - 1 && file.created_at <= before + 60);
    assert.deepEqual(await client.files.retrieve(file.id), file);
    assert.equal((await bytesOf(file.id)).toString(), "Pandas eat bamboo.\n");
    assert.deepEqual(await client.files.delete(file.id), { id: file.id, object: "file", deleted: true });
    for (const ask of [client.files.retrieve, client.files.content, client.files.delete])
      await assert.rejects(ask.call(client.files, file.id), NotFoundError);
  });
  test("a stream of 20 MB from the disk, and back", async () => {
    const dir = await mkdtemp(join(tmpdir(), "files-"));
    try {
      const content = randomBytes(20 << 20);
      await writeFile(join(dir, "big.bin"), content);
      const file = await client.files.create({ purpose: "user_data", file: createReadStream(join(dir, "big.bin")) });
      assert.deepEqual([file.bytes, file.filename], [content.length, "big.bin"]);
      const sum = (data) => createHash("sha256").update(data).digest("hex");
      assert.equal(sum(await bytesOf(file.id)), sum(content));
      await client.files.delete(file.id);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
  test("list, page by page", async () => {
    const ids = [];
    for (let i = 0; i < 5; i++) ids.push((await upload(`${i}.txt`, `${i}`, { purpose: "evals" })).id);
    const first = await client.files.list({ purpose: "evals", limit: 2 });
    assert.deepEqual(first.data.map((f) => f.id), [ids[4], ids[3]]);
    assert.ok(first.has_more);
    const all = (list) => Array.fromAsync(list).then((files) => files.map((f) => f.id));
    assert.deepEqual(await all(client.files.list({ purpose: "evals", limit: 2, order: "asc" })), ids);
    assert.deepEqual(await all(client.files.list({ purpose: "evals", after: ids[1] })), [ids[0]]);
    for (const id of ids) await client.files.delete(id);
    assert.deepEqual(await all(client.files.list({ purpose: "evals" })), []);
  });
  test("expires_after", async () => {
    const file = await upload("soon.txt", "x", { expires_after: { anchor: "created_at", seconds: 3600 } });
    assert.ok(Math.abs(file.expires_at - file.created_at - 3600) <= 1, JSON.stringify(file));
    await client.files.delete(file.id);
  });
  for (const [what, ask, param] of [
    ["no such purpose", () => upload("x.txt", "x", { purpose: "fun" }), "purpose"],
    ["too short a life", () => upload("x.txt", "x", { expires_after: { anchor: "created_at", seconds: 1 } }), "expires_after[seconds]"],
    ["a cursor that is none", () => client.files.list({ after: "file-none" }), "after"],
  ]) test(what, () => assert.rejects(ask(), (error) => error instanceof BadRequestError && error.param === param));
});
