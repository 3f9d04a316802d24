// The official OpenAI client: responses that are stored and gone on from, and conversations.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import OpenAI, { BadRequestError, NotFoundError } from "openai";
import { ANSWER, BASE_URL, KEY, MODEL, QUESTION, TOOL_MODEL, limit, sum, weather } from "./guide.mjs";

const client = new OpenAI({ baseURL: BASE_URL, apiKey: KEY, maxRetries: 0, timeout: 60_000 });
const asking = { model: MODEL, temperature: 0, max_output_tokens: 200 };
const respond = (input, more = {}) => client.responses.create({ ...asking, input, ...more });
const user = (content) => ({ role: "user", content });
const textOf = (item) => item.content[0].text;

// What the model is given is what it would be given whole: it says the same, and has read as many tokens.
const same = (got, whole) => assert.deepEqual([got.output_text, got.usage.input_tokens], [whole.output_text, whole.usage.input_tokens]);
const gone = (asked) => assert.rejects(asked, NotFoundError);

describe("stored responses", limit, () => {
  const { question, answer } = sum(2, 3);
  const turns = [user(QUESTION), { role: "assistant", content: ANSWER }, user(question), { role: "assistant", content: answer }, user("And what is it?")];

  test("three turns", async () => {
    const one = await respond(QUESTION, { metadata: { turn: "1" }, instructions: "You are a guide." });
    const two = await respond(question, { previous_response_id: one.id });
    const three = await respond("And what is it?", { previous_response_id: two.id });
    assert.deepEqual([one, two, three].map((r) => /^resp_[0-9a-f]{48}$/.test(r.id)), [true, true, true]);
    assert.deepEqual([one.previous_response_id, two.previous_response_id, three.previous_response_id], [null, one.id, two.id]);
    assert.deepEqual([one.store, one.metadata, one.output_text, two.output_text], [true, { turn: "1" }, ANSWER, answer]);
    same(three, await respond(turns, { store: false }));
    const alone = await respond("And what is it?", { store: false });
    assert.notEqual(alone.usage.input_tokens, three.usage.input_tokens);
    same(await respond("And what is it?", { previous_response_id: two.id }), three); // a fork
  });
  test("stream, with the client's own assembly", async () => {
    const one = await respond(QUESTION);
    const stream = client.responses.stream({ ...asking, input: question, previous_response_id: one.id });
    const ids = new Set();
    for await (const event of stream) if (event.response) ids.add(event.response.id);
    const last = await stream.finalResponse();
    assert.deepEqual([[...ids], last.previous_response_id, last.output_text], [[last.id], one.id, answer]);
    const { output_text, ...stored } = await client.responses.retrieve(last.id);
    assert.deepEqual([stored.id, stored.status, stored.usage, output_text], [last.id, "completed", last.usage, answer]);
  });
  test("a stream that the client leaves", async () => {
    const stream = await respond(QUESTION, { stream: true });
    let id;
    for await (const event of stream) {
      id ??= event.response?.id;
      if (event.type === "response.output_text.delta") break; // which ends the request
    }
    for (let tries = 0; ; tries++) {
      const stored = await client.responses.retrieve(id).catch((error) => { if (!(error instanceof NotFoundError) || tries > 100) throw error; });
      if (stored) {
        assert.equal(stored.status, "incomplete");
        assert.ok(ANSWER.startsWith(stored.output_text) && stored.output_text, stored.output_text);
        return;
      }
      await new Promise((done) => setTimeout(done, 50));
    }
  });
  test("retrieve, input items, delete", async () => {
    const one = await respond([{ role: "developer", content: "You are a guide." }, user(QUESTION)]);
    const two = await respond([user([{ type: "input_text", text: question }])], { previous_response_id: one.id });
    assert.deepEqual(await client.responses.retrieve(one.id), one);
    assert.equal((await client.responses.cancel(one.id)).status, "completed");
    const given = await Array.fromAsync(client.responses.inputItems.list(two.id, { limit: 2, order: "asc" })); // page after page
    assert.deepEqual(given.map((item) => [item.role, textOf(item)]), [["developer", "You are a guide."], ["user", QUESTION], ["assistant", ANSWER], ["user", question]]);
    assert.deepEqual((await client.responses.inputItems.list(two.id, { limit: 1 })).data, given.slice(-1));
    await client.responses.delete(one.id);
    await gone(client.responses.retrieve(one.id));
    await gone(client.responses.inputItems.list(one.id));
    await assert.rejects(respond(question, { previous_response_id: one.id }), (error) => error instanceof BadRequestError && error.code === "previous_response_not_found" && error.param === "previous_response_id");
    same(await respond("So?", { previous_response_id: two.id }), await respond([user(question), { role: "assistant", content: two.output_text }, user("So?")], { store: false }));
  });
  test("store: false", async () => {
    const response = await respond(QUESTION, { store: false });
    assert.equal(response.store, false);
    await gone(client.responses.retrieve(response.id));
    await assert.rejects(respond(QUESTION, { background: true }), BadRequestError);
  });
  test("an item that was said before, by its id", async () => {
    const one = await respond(QUESTION);
    const input = (said) => [user(QUESTION), said, user(question)];
    same(await respond(input({ type: "item_reference", id: one.output[0].id })), await respond(input({ role: "assistant", content: ANSWER })));
  });
  // engine-echo calls the first function that it is told of, unless an output came last, and says all that it is given.
  const { ECHO_MODEL } = process.env;
  test("functions, until there is an answer", { skip: ECHO_MODEL ? false : "ECHO_MODEL is not set" }, async () => {
    const ask = { model: ECHO_MODEL, tools: [{ type: "function", name: "count", parameters: { type: "object", properties: { n: { type: "integer" } } } }] };
    for (const streamed of [false, true]) {
      const answer = (more) => streamed ? client.responses.stream({ ...ask, ...more }).finalResponse() : client.responses.create({ ...ask, ...more });
      const told = (response, output) => {
        const [call] = response.output;
        assert.deepEqual([response.status, response.output.length, call.type, call.name, JSON.parse(call.arguments)], ["completed", 1, "function_call", "count", { n: 1 }]);
        return { previous_response_id: response.id, input: [{ type: "function_call_output", call_id: call.call_id, output }] };
      };
      const one = await answer({ input: "How many?" });
      const two = await answer(told(one, "17"));
      assert.deepEqual([two.status, two.previous_response_id, two.output_text], ["completed", one.id, 'user: How many? | call: count{"n":1} | output: 17']);
      const three = await answer({ previous_response_id: two.id, input: "And now?" }); // the second round
      const four = await answer(told(three, "18"));
      assert.equal(four.output_text, `user: How many? | call: count{"n":1} | output: 17 | assistant: ${two.output_text} | user: And now? | call: count{"n":1} | output: 18`);
      assert.equal((await client.responses.retrieve(four.id)).output_text, four.output_text);
      const given = await Array.fromAsync(client.responses.inputItems.list(four.id, { order: "asc" }));
      assert.deepEqual(given.map((item) => item.type), ["message", "function_call", "function_call_output", "message", "message", "function_call", "function_call_output"]);
      assert.deepEqual([given[1].call_id, given[2].output, given[5].call_id], [one.output[0].call_id, "17", three.output[0].call_id]);
    }
  });
  test("tools", async () => {
    const tools = [{ type: "function", name: "report_weather", parameters: weather, strict: true }];
    const more = { model: TOOL_MODEL, tools, tool_choice: "none" };
    const one = await respond("What is the weather in Paris?", { ...more, tool_choice: "required", parallel_tool_calls: false });
    const [call] = one.output;
    assert.deepEqual(one.output.map((item) => item.type), ["function_call"]);
    const output = { type: "function_call_output", call_id: call.call_id, output: "It rains." };
    const two = await respond([output], { ...more, previous_response_id: one.id, max_output_tokens: 40 });
    same(two, await respond([user("What is the weather in Paris?"), call, output], { ...more, store: false, max_output_tokens: 40 }));
    const given = (await client.responses.inputItems.list(two.id, { order: "asc" })).data;
    assert.deepEqual(given.map((item) => item.type), ["message", "function_call", "function_call_output"]);
    assert.deepEqual([given[1].id, given[2].output], [call.id, "It rains."]);
  });
  test("truncation", async () => {
    const long = user("word ".repeat(1600));
    const one = await client.responses.create({ ...asking, max_output_tokens: 16, input: [user(QUESTION)] });
    const input = [long, { role: "assistant", content: "Hm." }, user(QUESTION)];
    await assert.rejects(respond(input, { previous_response_id: one.id }), (error) => error.code === "context_length_exceeded");
    const { data, response } = await respond(input, { previous_response_id: one.id, truncation: "auto" }).withResponse();
    assert.deepEqual([data.output_text, data.truncation, response.headers.get("x-enginebay-truncated"), data.truncated], [ANSWER, "auto", "4", { items: 4 }]);
  });
});

describe("conversations", limit, () => {
  const list = async (id) => Array.fromAsync(client.conversations.items.list(id, { order: "asc", limit: 2 }));

  test("a conversation and its items", async () => {
    const made = await client.conversations.create({ metadata: { topic: "demo" }, items: [{ type: "message", role: "user", content: "Hello!" }] });
    assert.match(made.id, /^conv_/);
    assert.deepEqual([made.object, made.metadata, await client.conversations.retrieve(made.id)], ["conversation", { topic: "demo" }, made]);
    const changed = await client.conversations.update(made.id, { metadata: { topic: "other" } });
    assert.deepEqual([changed.id, changed.metadata], [made.id, { topic: "other" }]);
    const added = await client.conversations.items.create(made.id, { items: [user("How are you?"), { role: "assistant", content: "Fine." }] });
    assert.deepEqual(added.data.map(textOf), ["How are you?", "Fine."]);
    assert.deepEqual(await client.conversations.items.retrieve(added.data[0].id, { conversation_id: made.id }), added.data[0]);
    await client.conversations.items.delete(added.data[0].id, { conversation_id: made.id });
    assert.deepEqual((await list(made.id)).map(textOf), ["Hello!", "Fine."]);
    const deleted = await client.conversations.delete(made.id);
    assert.deepEqual([deleted.id, deleted.deleted, deleted.object], [made.id, true, "conversation.deleted"]);
    await gone(client.conversations.retrieve(made.id));
    await gone(client.conversations.items.list(made.id));
  });
  test("responses in a conversation", async () => {
    const { id } = await client.conversations.create();
    const { question, answer } = sum(4, 3);
    const one = await respond(QUESTION, { conversation: id });
    const stream = client.responses.stream({ ...asking, input: question, conversation: { id } });
    const two = await stream.finalResponse();
    assert.deepEqual([one.conversation, two.conversation, one.output_text, two.output_text], [{ id }, { id }, ANSWER, answer]);
    assert.deepEqual((await list(id)).map(textOf), [QUESTION, ANSWER, question, answer]);
    const whole = [user(QUESTION), { role: "assistant", content: ANSWER }, user(question), { role: "assistant", content: answer }, user("So?")];
    same(await respond("So?", { conversation: id }), await respond(whole, { store: false }));
    await assert.rejects(respond("x", { conversation: id, previous_response_id: one.id }), BadRequestError);
    await gone(respond("x", { conversation: "conv_none" }));
    await client.conversations.delete(id);
    assert.equal((await client.responses.retrieve(one.id)).id, one.id);
  });
});
