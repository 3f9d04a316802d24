// Anthropic's client on /v1/messages.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Anthropic, { BadRequestError, NotFoundError } from "@anthropic-ai/sdk";
import { ANSWER, BASE_URL, KEY, MODEL, QUESTION, TOOL_MODEL, assertWeather, limit, weather } from "./guide.mjs";

const client = new Anthropic({ baseURL: BASE_URL.replace(/\/v1$/, ""), authToken: KEY, maxRetries: 0, timeout: 60_000 });
const ask = (more = {}) => ({ model: MODEL, max_tokens: 200, messages: [{ role: "user", content: QUESTION }], ...more });
const cold = { temperature: 0 };

describe("anthropic", limit, () => {
  test("models", async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.ok(ids.includes(MODEL), `${ids}`);
  });
  test("create", async () => {
    const message = await client.messages.create(ask(cold));
    assert.deepEqual([message.type, message.role, message.model, message.stop_reason], ["message", "assistant", MODEL, "end_turn"]);
    assert.deepEqual(message.content.map((c) => [c.type, c.text]), [["text", ANSWER]]);
    assert.ok(message.usage.output_tokens > 0);
  });
  test("cut short", async () => {
    assert.equal((await client.messages.create(ask({ ...cold, max_tokens: 4 }))).stop_reason, "max_tokens");
  });
  test("stream", async () => {
    const stream = client.messages.stream(ask(cold));
    let pieces = 0;
    stream.on("text", () => pieces++);
    const message = await stream.finalMessage();
    assert.equal(message.content[0].text, ANSWER);
    assert.ok(pieces > 3);
  });
  for (const tool_choice of [{ type: "any" }, { type: "tool", name: "report_weather" }]) test(`tool call, ${tool_choice.type}`, async () => {
    const tools = [{ name: "report_weather", description: "Tell the weather.", input_schema: weather }];
    const request = ask({ ...cold, model: TOOL_MODEL, messages: [{ role: "user", content: "What is the weather in Paris?" }], tools, tool_choice });
    for (const message of [await client.messages.create(request), await client.messages.stream(request).finalMessage()]) {
      const call = message.content.find((c) => c.type === "tool_use");
      assert.equal(call?.name, "report_weather");
      assertWeather(call.input);
    }
  });
  test("count tokens", async () => {
    assert.ok((await client.messages.countTokens({ model: MODEL, messages: ask().messages })).input_tokens > 0);
  });
  test("errors", async () => {
    await assert.rejects(client.messages.create(ask({ model: "no-such-model" })), (e) => e instanceof NotFoundError && e.error.type === "error" && e.message.includes("does not exist"));
    await assert.rejects(client.messages.create(ask({ messages: [] })), (e) => e instanceof BadRequestError && e.error.error.type === "invalid_request_error");
    await assert.rejects(client.messages.create(ask({ messages: [], stream: true })), BadRequestError);
  });
});
