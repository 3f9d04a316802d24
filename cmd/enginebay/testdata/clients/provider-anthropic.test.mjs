// The official Anthropic client against cmd/provider: what the fake says is what the client reads of the real service.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Anthropic, { AuthenticationError, BadRequestError, InternalServerError, NotFoundError } from "@anthropic-ai/sdk";

const url = process.env.PROVIDER_URL;
const options = { timeout: 60_000, skip: url ? false : "PROVIDER_URL is not set" };
const model = "claude-haiku-4-5";
const client = (apiKey = "k") => new Anthropic({ baseURL: `${url}/anthropic`, apiKey, maxRetries: 0 });
const ask = (content, more) => ({ model, max_tokens: 100, messages: [{ role: "user", content }], ...more });
const tools = [{ name: "weather", description: "The weather of a town.", input_schema: { type: "object", properties: { town: { type: "string" }, days: { type: "integer" } }, required: ["town", "days"] } }];
const rejected = (kind, type) => (error) => {
  assert.ok(error instanceof kind, `${error.name} ${error.status}: ${error.message}`);
  assert.equal(error.error.error.type, type);
  assert.match(error.requestID, /^req_/);
  return true;
};

// both asks whole and streamed, and wants the same.
async function both(request, check) {
  check(await client().messages.create(request));
  check(await client().messages.stream(request).finalMessage());
}

describe("a provider as Anthropic", options, () => {
  test("models, page by page", async () => {
    const ids = [];
    for await (const m of client().models.list({ limit: 1 })) {
      assert.ok(m.type === "model" && m.display_name && Date.parse(m.created_at) > 0);
      ids.push(m.id);
    }
    assert.deepEqual(ids, ["claude-haiku-4-5", "claude-opus-5-5"]);
    assert.equal((await client().models.retrieve(model)).id, model);
  });
  test("message", () => both(ask("three words here", { system: "Be short.", temperature: 0.5 }), (m) => {
    assert.deepEqual([m.type, m.role, m.model, m.stop_reason, m.content[0].text], ["message", "assistant", model, "end_turn", "three words here"]);
    assert.deepEqual([m.usage.input_tokens, m.usage.output_tokens], [5, 3]);
  }));
  test("ends", async () => {
    await both(ask("one two three", { max_tokens: 2 }), (m) => assert.deepEqual([m.stop_reason, m.content[0].text], ["max_tokens", "one two"]));
    await both(ask("one two three", { stop_sequences: ["two"] }), (m) => assert.deepEqual([m.stop_reason, m.stop_sequence], ["stop_sequence", "two"]));
    await both(ask("REFUSE"), (m) => assert.equal(m.stop_reason, "refusal"));
  });
  test("image", () => both(ask([{ type: "text", text: "see" }, { type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } }]), (m) => assert.equal(m.content[0].text, "see [image/png of 3 bytes]")));
  test("tool, and its result", async () => {
    const messages = ask("weather Paris").messages;
    await both({ ...ask(), messages, tools }, (m) => {
      assert.equal(m.stop_reason, "tool_use");
      assert.deepEqual([m.content[0].name, m.content[0].input], ["weather", { town: "weather Paris", days: 2 }]);
    });
    const call = (await client().messages.create({ ...ask(), messages, tools, tool_choice: { type: "tool", name: "weather" } })).content[0];
    const result = { role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: "it rains" }] };
    await both({ ...ask(), tools, messages: [...messages, { role: "assistant", content: [call] }, result] }, (m) => assert.equal(m.content[0].text, "it rains"));
    await assert.rejects(client().messages.create({ ...ask(), tools, messages: [...messages, { role: "assistant", content: [call] }, ...messages] }), rejected(BadRequestError, "invalid_request_error"));
  });
  test("thinking and structured output", async () => {
    await both(ask("three words here", { max_tokens: 2000, thinking: { type: "enabled", budget_tokens: 1024 } }), (m) => assert.deepEqual(m.content.map((b) => b.type), ["thinking", "text"]));
    await both(ask("a b", { output_config: { format: { type: "json_schema", schema: tools[0].input_schema } } }), (m) => assert.deepEqual(JSON.parse(m.content[0].text), { town: "a b", days: 2 }));
  });
  test("count of tokens", async () => assert.equal((await client().messages.countTokens({ model, messages: ask("three words here").messages })).input_tokens, 3));
  for (const [name, request] of Object.entries({
    "no max_tokens": ask("x", { max_tokens: undefined }),
    "unknown field": ask("x", { frequency_penalty: 1 }),
    "temperature": ask("x", { temperature: 1.5 }),
    "temperature at a model without": ask("x", { model: "claude-opus-5-5", temperature: 0.5 }),
    "forced tool at a model without": ask("x", { model: "claude-opus-5-5", tools, tool_choice: { type: "any" } }),
    "role": { ...ask(), messages: [{ role: "system", content: "x" }] },
    "begins with the assistant": { ...ask(), messages: [{ role: "assistant", content: "x" }] },
    "empty text": ask([{ type: "text", text: "" }]),
    "no messages": { ...ask(), messages: [] },
    "http image": ask([{ type: "image", source: { type: "url", url: "http://example.com/a.png" } }]),
    "choice without tools": ask("x", { tool_choice: { type: "any" } }),
  })) test(`refused: ${name}`, () => assert.rejects(client().messages.create(request), rejected(BadRequestError, "invalid_request_error")));
  test("refusals", async () => {
    await assert.rejects(client().messages.create(ask("x", { model: "claude-9" })), rejected(NotFoundError, "not_found_error"));
    await assert.rejects(client("x").models.list(), rejected(AuthenticationError, "authentication_error"));
    await assert.rejects(client().messages.create(ask("OVERLOAD")), rejected(InternalServerError, "overloaded_error"));
    await assert.rejects(client().messages.stream(ask("OVERLOAD now")).finalMessage(), /Overloaded/);
    assert.equal((await fetch(`${url}/anthropic/v1/models`, { headers: { "x-api-key": "k" } })).status, 400);
  });
});
