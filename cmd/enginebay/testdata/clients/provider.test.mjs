// The official OpenAI client against cmd/provider, the remote API of the importers' tests: what the fake says is what the
// client reads of the real services, OpenAI and Azure OpenAI.
//
//	PROVIDER_URL=http://127.0.0.1:9999 npm test
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import OpenAI, { AuthenticationError, AzureOpenAI, BadRequestError, NotFoundError } from "openai";

const url = process.env.PROVIDER_URL;
const options = { timeout: 60_000, skip: url ? false : "PROVIDER_URL is not set" };
const words = [{ role: "user", content: "three words here" }];

const openai = (apiKey = "k") => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
const azure = (more) => new AzureOpenAI({ endpoint: url, apiVersion: "2024-10-21", apiKey: "k", maxRetries: 0, ...more });

const rejected = (kind, code) => (error) => {
  assert.ok(error instanceof kind, `${error.name} ${error.status}: ${error.message}`);
  assert.equal(error.code, code);
  assert.ok(error.error?.message, "no error.message in the body");
  return true;
};

async function chats(client, model) {
  const answer = await client.chat.completions.create({ model, messages: words });
  assert.equal(answer.choices[0].message.content, "three words here");
  let text = "";
  for await (const chunk of await client.chat.completions.create({ model, messages: words, stream: true })) text += chunk.choices[0]?.delta?.content ?? "";
  assert.equal(text, "three words here");
}

async function embeds(client, model) {
  const answer = await client.embeddings.create({ model, input: ["a", "bb"], encoding_format: "float" });
  assert.deepEqual(answer.data.map((d) => d.embedding[0]), [1, 2]);
}

describe("a provider as OpenAI", options, () => {
  test("models", async () => {
    const ids = [];
    for await (const m of openai().models.list()) {
      assert.equal(m.object, "model");
      assert.ok(m.created > 1_700_000_000 && m.owned_by);
      ids.push(m.id);
    }
    assert.deepEqual(ids, ["gpt-4o", "text-embedding-3-small"]);
    assert.equal((await openai().models.retrieve("gpt-4o")).id, "gpt-4o");
  });
  test("chat", () => chats(openai(), "gpt-4o"));
  test("embeddings", () => embeds(openai(), "text-embedding-3-small"));
  test("refusals", async () => {
    await assert.rejects(openai().models.retrieve("gpt-5"), rejected(NotFoundError, "model_not_found"));
    await assert.rejects(openai("x").models.list(), rejected(AuthenticationError, "invalid_api_key"));
    await assert.rejects(openai().chat.completions.create({ model: "gpt-4o", messages: [] }), rejected(BadRequestError, "missing_required_parameter"));
  });
});

describe("a provider as Azure OpenAI", options, () => {
  test("chat by model", () => chats(azure(), "mine"));
  test("chat by deployment", () => chats(azure({ deployment: "mine" }), "whatever"));
  test("embeddings", () => embeds(azure(), "vectors"));
  test("entra", () => chats(azure({ apiKey: undefined, azureADTokenProvider: async () => "t" }), "mine"));
  test("entra by a client's secret", async () => {
    const body = new URLSearchParams({ grant_type: "client_credentials", client_id: "client", client_secret: "secret", scope: "https://cognitiveservices.azure.com/.default" });
    const answer = await (await fetch(`${url}/entra/tenant/oauth2/v2.0/token`, { method: "POST", body })).json();
    await chats(azure({ apiKey: undefined, azureADTokenProvider: async () => answer.access_token }), "mine");
  });
  test("the version without dates", () => chats(new OpenAI({ baseURL: `${url}/openai/v1/`, apiKey: "t", maxRetries: 0 }), "mine"));
  test("refusals", async () => {
    await assert.rejects(chats(azure(), "other"), rejected(NotFoundError, "DeploymentNotFound"));
    await assert.rejects(chats(azure({ apiKey: "x" }), "mine"), rejected(AuthenticationError, "401"));
    await assert.rejects(chats(azure(), "vectors"), rejected(BadRequestError, "OperationNotSupported"));
  });
});
