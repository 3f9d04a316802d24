// OpenAI's client, Anthropic's and Vercel's AI SDK on a server whose models are those of remote services. These are
// cmd/provider: it says the words of the question again, and calls a tool where one of them is its name.
//
//	REMOTE_MODELS="anthropic/claude-haiku-4-5 …" REMOTE_MESSAGES=… REMOTE_EMBEDDINGS=… npm test
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai";
import OpenAI, { BadRequestError, NotFoundError } from "openai";
import { BASE_URL, KEY, assertWeather, limit, weather } from "./guide.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;
const named = (variable) => (process.env[variable] ?? "").split(" ").filter(Boolean);
const openai = new OpenAI({ baseURL: BASE_URL, apiKey: KEY, maxRetries: 0, timeout: 60_000 });
const anthropic = new Anthropic({ baseURL: BASE_URL.replace(/\/v1$/, ""), authToken: KEY, maxRetries: 0, timeout: 60_000 });
const vercel = createOpenAICompatible({ name: "bay", baseURL: BASE_URL, apiKey: KEY, includeUsage: true, supportsStructuredOutputs: true });
const png = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const words = "three words here";

test("remote services", { skip: process.env.REMOTE_MODELS ? false : "REMOTE_MODELS is not set" }, () => {
  for (const variable of ["REMOTE_MODELS", "REMOTE_MESSAGES", "REMOTE_EMBEDDINGS"]) assert.ok(named(variable).length > 0, `${variable} is not set`);
});

for (const model of named("REMOTE_MODELS")) {
  describe(`openai ${model}`, limit, () => {
    const ask = (content, more = {}) => ({ model, messages: [{ role: "user", content }], max_tokens: 200, ...more });
    const tools = [{ type: "function", function: { name: "report_weather", parameters: weather } }];
    test("chat", async () => {
      const { choices: [choice], usage } = await openai.chat.completions.create(ask(words));
      assert.deepEqual([choice.message.content, choice.finish_reason], [words, "stop"]);
      assert.ok(usage.prompt_tokens > 0 && usage.completion_tokens > 0);
    });
    test("stream", async () => {
      const stream = openai.chat.completions.stream(ask(words, { stream_options: { include_usage: true } }));
      assert.equal(await stream.finalContent(), words);
      assert.ok((await stream.totalUsage()).completion_tokens > 0);
    });
    test("image", async () => {
      const { choices: [{ message }] } = await openai.chat.completions.create(ask([{ type: "text", text: "look" }, { type: "image_url", image_url: { url: png } }]));
      assert.match(message.content, /look/);
    });
    test("tools, until there is an answer", async () => {
      for (const streamed of [false, true]) {
        const request = ask("report_weather", { tools });
        let said = streamed ? await openai.chat.completions.stream(request).finalMessage() : (await openai.chat.completions.create(request)).choices[0].message;
        const [call] = said.tool_calls;
        assertWeather(JSON.parse(call.function.arguments));
        const messages = [...request.messages, said, { role: "tool", tool_call_id: call.id, content: "told" }];
        said = (await openai.chat.completions.create({ ...request, messages })).choices[0].message;
        assert.match(said.content, /told/);
      }
    });
    test("errors", async () => {
      const service = model.split("/")[0];
      await assert.rejects(openai.chat.completions.create({ ...ask(words), model: `${service}/nothing` }), (e) => e instanceof NotFoundError && e.code === "model_not_found");
      await assert.rejects(openai.chat.completions.create(ask([{ type: "image_url", image_url: { url: "file:///etc/passwd" } }])), (e) => e instanceof BadRequestError && e.error.message.length > 0);
    });
  });
  describe(`vercel ${model}`, limit, () => {
    const more = { model: vercel.chatModel(model), maxOutputTokens: 200, maxRetries: 0 };
    test("text", async () => {
      const { text, finishReason, usage } = await generateText({ ...more, prompt: words });
      assert.deepEqual([text, finishReason], [words, "stop"]);
      assert.ok(usage.inputTokens > 0 && usage.outputTokens > 0);
    });
    test("stream", async () => {
      const stream = streamText({ ...more, prompt: words });
      assert.equal((await Array.fromAsync(stream.textStream)).join(""), words);
      assert.ok((await stream.usage).outputTokens > 0);
    });
    test("tools, step by step", async () => {
      const report_weather = tool({ inputSchema: jsonSchema(weather), execute: async (input) => (assertWeather(input), "told") });
      const ask = { ...more, prompt: "report_weather", tools: { report_weather }, stopWhen: stepCountIs(3) };
      const { text, steps } = await generateText(ask);
      assert.equal(steps.length, 2);
      assert.match(text, /told/);
      const stream = streamText(ask);
      assert.match((await Array.fromAsync(stream.textStream)).join(""), /told/);
    });
    test("object", async () => {
      assertWeather((await generateText({ ...more, prompt: "x", output: Output.object({ schema: jsonSchema(weather) }) })).output);
    });
  });
}

for (const model of named("REMOTE_MESSAGES")) describe(`anthropic ${model}`, limit, () => {
  const ask = (content, more = {}) => ({ model, max_tokens: 200, messages: [{ role: "user", content }], ...more });
  const tools = [{ name: "report_weather", input_schema: weather }];
  test("create", async () => {
    const message = await anthropic.messages.create(ask(words));
    assert.deepEqual([message.content[0].text, message.stop_reason], [words, "end_turn"]);
  });
  test("stream", async () => {
    const message = await anthropic.messages.stream(ask(words)).finalMessage();
    assert.equal(message.content[0].text, words);
  });
  test("tools", async () => {
    const request = ask("report_weather", { tools });
    const said = await anthropic.messages.stream(request).finalMessage();
    const call = said.content.find((c) => c.type === "tool_use");
    assertWeather(call.input);
    const messages = [...request.messages, { role: "assistant", content: said.content }, { role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: "told" }] }];
    assert.match((await anthropic.messages.create({ ...request, messages })).content[0].text, /told/);
  });
  test("count tokens", async () => {
    assert.ok((await anthropic.messages.countTokens({ model, messages: ask(words).messages })).input_tokens > 0);
  });
  test("errors", async () => {
    await assert.rejects(anthropic.messages.create(ask(words, { temperature: 1.5 })), (e) => e.status === 400 && e.error.type === "error");
  });
});

for (const model of named("REMOTE_EMBEDDINGS")) test(`embeddings ${model}`, limit, async () => {
  const floats = await openai.embeddings.create({ model, input: ["a plugin", "an engine"] }); // as base64, which the client reads
  assert.deepEqual(floats.data.map((d) => d.index), [0, 1]);
  assert.ok(floats.data.every((d) => d.embedding.length > 1 && d.embedding.every(Number.isFinite)));
  const { embeddings } = await embedMany({ model: vercel.embeddingModel(model), values: ["a plugin", "an engine"], maxRetries: 0 });
  assert.equal(embeddings.length, 2);
});
