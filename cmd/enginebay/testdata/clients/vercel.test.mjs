// Vercel's AI SDK, by its provider for servers of this kind and by the one for OpenAI itself.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embedMany, generateText, jsonSchema, Output, streamText, tool } from "ai";
import { ANSWER, BASE_URL, EMBED_MODEL, KEY, MODEL, QUESTION, TOOL_MODEL, assertWeather, limit, weather } from "./guide.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;
const compatible = createOpenAICompatible({ name: "bay", baseURL: BASE_URL, apiKey: KEY, includeUsage: true, supportsStructuredOutputs: true });
const openai = createOpenAI({ baseURL: BASE_URL, apiKey: KEY });
const more = { temperature: 0, maxOutputTokens: 200, maxRetries: 0 };
const report_weather = tool({ description: "Tell the weather.", inputSchema: jsonSchema(weather) });

for (const [name, model] of Object.entries({ compatible: compatible.chatModel, "openai, chat": openai.chat, "openai, responses": openai.responses }))
  describe(`vercel ${name}`, limit, () => {
    test("text", async () => {
      const { text, finishReason, usage } = await generateText({ model: model(MODEL), prompt: QUESTION, ...more });
      assert.deepEqual([text, finishReason], [ANSWER, "stop"]);
      assert.ok(usage.inputTokens > 0 && usage.outputTokens > 0);
    });
    test("stream", async () => {
      const stream = streamText({ model: model(MODEL), prompt: QUESTION, ...more });
      const pieces = await Array.fromAsync(stream.textStream);
      assert.ok(pieces.length > 3);
      assert.equal(pieces.join(""), ANSWER);
      assert.equal(await stream.finishReason, "stop");
      assert.ok((await stream.usage).outputTokens > 0);
    });
    test("cut short", async () => {
      const { finishReason } = await generateText({ model: model(MODEL), prompt: QUESTION, ...more, maxOutputTokens: 16 });
      assert.equal(finishReason, "length");
    });
    for (const toolChoice of ["required", { type: "tool", toolName: "report_weather" }])
      test(`tool call, ${JSON.stringify(toolChoice)}`, async () => {
        const ask = { model: model(TOOL_MODEL), prompt: "What is the weather in Paris?", tools: { report_weather }, toolChoice, ...more };
        const [call] = (await generateText(ask)).toolCalls;
        assert.equal(call.toolName, "report_weather");
        assertWeather(call.input);
        const [streamed] = await streamText(ask).toolCalls;
        assertWeather(streamed.input);
      });
    test("object", async () => {
      const { output } = await generateText({ model: model(MODEL), prompt: "What is the weather in Paris?", output: Output.object({ schema: jsonSchema(weather) }), ...more });
      assertWeather(output);
    });
    test("errors", async () => {
      await assert.rejects(generateText({ model: model("no-such-model"), prompt: QUESTION, ...more }),
        (error) => APICallError.isInstance(error) && error.statusCode === 404 && error.message.includes("does not exist"));
      await assert.rejects(generateText({ model: model(MODEL), prompt: QUESTION, ...more, temperature: 7 }),
        (error) => APICallError.isInstance(error) && error.statusCode === 400 && error.message.includes("temperature"));
    });
  });

test("vercel completion", limit, async () => {
  const { text, usage } = await generateText({ model: openai.completion(MODEL), prompt: QUESTION, ...more, maxOutputTokens: 20 });
  assert.ok(text.length > 0 && usage.outputTokens > 0);
});
test("vercel embeddings", limit, async () => {
  for (const model of [compatible.embeddingModel(EMBED_MODEL), openai.embedding(EMBED_MODEL)]) {
    const { embeddings } = await embedMany({ model, values: ["a plugin", "an engine"], maxRetries: 0 });
    assert.deepEqual(embeddings.map((e) => e.length), [128, 128]);
  }
});
