// Hugging Face's client for its hub, against the fake one that the importer is tested with (cmd/hub):
// what the official client takes for a hub, the importer's tests may take for one too.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { HubApiError, checkRepoAccess, downloadFile, fileDownloadInfo, fileExists, listFiles, listModels, modelInfo, pathsInfo, whoAmI } from "@huggingface/hub";
import { limit } from "./guide.mjs";

const { HUB_URL: hubUrl, HUB_TOKEN: accessToken, HUB_OTHER_TOKEN: otherToken } = process.env;
const repo = "acme/tiny-GGUF", path = "tiny.Q4_K_M.gguf", gated = "acme/gated-GGUF";
const names = async (params) => (await Array.fromAsync(listModels({ hubUrl, ...params }))).map((m) => m.name);
const refused = (status, code) => (error) => {
  assert.ok(error instanceof HubApiError, `${error}`);
  assert.equal(error.statusCode, status, error.message);
  assert.match(error.message, code);
  return true;
};

describe("hub", { ...limit, skip: !hubUrl && "HUB_URL is not set" }, () => {
  test("listModels", async () => {
    assert.deepEqual(await names({ sort: "downloads" }), [repo, gated, "acme/plain"]);
    assert.deepEqual(await names({ search: { query: "tiny" } }), [repo]);
    assert.deepEqual(await names({ search: { owner: "acme", tags: ["gguf"] }, sort: "downloads", limit: 1 }), [repo]);
    assert.deepEqual((await names({ accessToken })).length, 4); // with a private one
    const [model] = await Array.fromAsync(listModels({ hubUrl, search: { query: "gated" }, additionalFields: ["tags", "filePaths"] }));
    assert.deepEqual([model.gated, model.downloads, model.filePaths], ["manual", 5, ["m.gguf"]]);
    assert.ok(model.tags.includes("license:mit") && model.updatedAt instanceof Date && !Number.isNaN(model.updatedAt.valueOf()));
  });
  test("modelInfo", async () => {
    const info = await modelInfo({ hubUrl, name: repo, additionalFields: ["sha", "author", "cardData"] });
    assert.deepEqual([info.name, info.author, info.downloads, info.gated, info.private, info.cardData.license], [repo, "acme", 9, false, false, "apache-2.0"]);
    assert.match(info.sha, /^[0-9a-f]{40}$/);
    for (const revision of [info.sha, info.sha.slice(0, 8)]) assert.equal((await modelInfo({ hubUrl, name: repo, revision })).name, repo);
    assert.equal((await modelInfo({ hubUrl, name: repo, revision: "refs/pr/1" })).name, repo);
    assert.equal((await modelInfo({ hubUrl, name: "ACME/Tiny-gguf" })).name, repo); // redirected
    assert.equal((await modelInfo({ hubUrl, name: gated })).name, gated); // its description is public
    assert.equal((await modelInfo({ hubUrl, name: "acme/private", accessToken })).private, true);
  });
  test("listFiles, over several pages", async () => {
    const files = await Array.fromAsync(listFiles({ hubUrl, repo, recursive: true, expand: true }));
    assert.deepEqual(files.map((f) => f.path), ["README.md", "more", "more/a.json", "more/b.json", path]);
    assert.equal(files.at(-1).lfs.size, files.at(-1).size);
    assert.match(files.at(-1).lfs.oid, /^[0-9a-f]{64}$/);
    assert.match(files.at(0).lastCommit.id, /^[0-9a-f]{40}$/);
    assert.deepEqual((await Array.fromAsync(listFiles({ hubUrl, repo }))).map((f) => f.type), ["file", "directory", "file"]);
    assert.deepEqual((await Array.fromAsync(listFiles({ hubUrl, repo, path: "more" }))).map((f) => f.path), ["more/a.json", "more/b.json"]);
    const [info] = await pathsInfo({ hubUrl, repo, paths: [path, "none"], expand: true });
    assert.deepEqual([info.path, info.lfs.oid], [path, files.at(-1).lfs.oid]);
  });
  for (const [who, token] of Object.entries({ anonymous: undefined, "with a token": accessToken }))
    test(`downloadFile, ${who}`, async () => {
      const info = await fileDownloadInfo({ hubUrl, repo, path, accessToken: token });
      const data = Buffer.from(await (await downloadFile({ hubUrl, repo, path, accessToken: token })).arrayBuffer());
      assert.equal(data.length, info.size);
      const [{ lfs }] = await pathsInfo({ hubUrl, repo, paths: [path], accessToken: token });
      assert.equal(lfs.oid, createHash("sha256").update(data).digest("hex"));
      assert.ok(info.etag && !info.etag.includes(lfs.oid)); // the storage has another name for it
      assert.equal(await (await downloadFile({ hubUrl, repo, path, accessToken: token })).slice(0, 4).text(), "GGUF"); // a range
      assert.equal(await (await downloadFile({ hubUrl, repo, path: "README.md", accessToken: token })).text(), "# tiny\n");
      assert.match(await (await downloadFile({ hubUrl, repo, path, raw: true, accessToken: token })).text(), /^version https:\/\/git-lfs/);
      assert.equal(await (await downloadFile({ hubUrl, repo, path: "README.md", revision: "refs/pr/1" })).text(), "# changed\n");
    });
  test("who am I", async () => {
    assert.equal((await whoAmI({ hubUrl, accessToken })).name, "alice");
    await assert.rejects(whoAmI({ hubUrl, accessToken: "hf_wrong" }), refused(401, /Invalid credentials/));
  });
  test("refusals", async () => {
    await assert.rejects(modelInfo({ hubUrl, name: "acme/none" }), refused(401, /Invalid username or password/));
    await assert.rejects(modelInfo({ hubUrl, name: "acme/none", accessToken }), refused(404, /Repository not found/));
    await assert.rejects(modelInfo({ hubUrl, name: "acme/private", accessToken: otherToken }), refused(404, /Repository not found/));
    await assert.rejects(modelInfo({ hubUrl, name: repo, revision: "v9" }), refused(404, /Invalid rev id/));
    await assert.rejects(modelInfo({ hubUrl, name: repo, accessToken: "hf_wrong" }), refused(401, /Invalid credentials/));
    assert.equal(await fileDownloadInfo({ hubUrl, repo, path: "none.gguf" }), null);
    assert.equal(await fileExists({ hubUrl, repo, path: "none.gguf" }), false);
    assert.equal(await fileExists({ hubUrl, repo, path }), true);
  });
  test("a gated repository", async () => {
    await assert.rejects(downloadFile({ hubUrl, repo: gated, path: "m.gguf" }), refused(401, /is restricted.*Please log in/));
    await assert.rejects(downloadFile({ hubUrl, repo: gated, path: "m.gguf", accessToken: otherToken }), refused(403, /not in the authorized list/));
    assert.equal(await (await downloadFile({ hubUrl, repo: gated, path: "m.gguf", accessToken })).text(), "weights");
    await checkRepoAccess({ hubUrl, repo: gated, accessToken });
  });
});
