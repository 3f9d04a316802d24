// The official OpenAI client: assistants, threads, messages, runs and their steps.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import OpenAI, { BadRequestError, NotFoundError } from "openai";
import { ANSWER, BASE_URL, KEY, MODEL, QUESTION, TOOL_MODEL, assertWeather, limit, sum, weather } from "./guide.mjs";

const client = new OpenAI({ baseURL: BASE_URL, apiKey: KEY, maxRetries: 0, timeout: 60_000 });
const { assistants, threads } = client.beta;
const user = (content) => ({ role: "user", content });
const guide = (more = {}) => assistants.create({ model: MODEL, name: "Guide", temperature: 0, ...more });
const asked = (...messages) => threads.create({ messages: messages.map(user) });
const textOf = (message) => message.content.map((part) => part.text.value).join("");
const poll = { pollIntervalMs: 20 };

// A model runs on for long enough to be cancelled: nothing ends its text but its limit.
const endless = { model: MODEL, temperature: 0, response_format: { type: "json_schema", json_schema: { name: "long", schema: { type: "string", minLength: 1500 } } } };

const rejected = (kind, status, code, param) => (error) => {
  assert.ok(error instanceof kind, `${error.name} ${error.status}: ${error.message}`);
  assert.deepEqual([error.status, error.code, error.param], [status, code, param ?? null]);
  return true;
};

describe("assistants", limit, () => {
  test("create, retrieve, update, delete", async () => {
    const made = await guide({ description: "It knows", instructions: "Be brief.", metadata: { of: "me" }, tools: [{ type: "file_search" }] });
    assert.match(made.id, /^asst_/);
    assert.deepEqual([made.object, made.model, made.name, made.description, made.instructions, made.temperature, made.metadata.of, made.tools[0].type],
      ["assistant", MODEL, "Guide", "It knows", "Be brief.", 0, "me", "file_search"]);
    assert.deepEqual(await assistants.retrieve(made.id), made);
    const changed = await assistants.update(made.id, { name: "Other", description: null, metadata: { of: "you" } });
    assert.deepEqual([changed.name, changed.description, changed.metadata.of, changed.instructions], ["Other", null, "you", "Be brief."]);
    assert.deepEqual(await assistants.delete(made.id), { id: made.id, object: "assistant.deleted", deleted: true });
    await assert.rejects(assistants.retrieve(made.id), rejected(NotFoundError, 404, "not_found"));
  });
  test("list, page by page", async () => {
    const made = [];
    for (let i = 0; i < 5; i++) made.push((await guide({ name: `list ${i}` })).id);
    const seen = [];
    for await (const assistant of assistants.list({ limit: 2, order: "desc" })) {
      seen.push(assistant.id);
      if (assistant.id === made[0]) break;
    }
    assert.deepEqual(seen.filter((id) => made.includes(id)), made.toReversed());
    const before = await assistants.list({ before: made[3], after: made[0], order: "asc" });
    assert.deepEqual(before.data.map((a) => a.id).filter((id) => made.includes(id)), [made[1], made[2]]);
    await Promise.all(made.map((id) => assistants.delete(id)));
  });
  test("what is not taken", async () => {
    await assert.rejects(guide({ temperature: 3 }), (error) => error instanceof BadRequestError && error.param === "temperature");
    await assert.rejects(guide({ tools: [{ type: "code_interpreter" }] }), BadRequestError);
  });
});

describe("threads and messages", limit, () => {
  test("create, retrieve, update, delete", async () => {
    const thread = await threads.create({ messages: [user("one"), { role: "assistant", content: "two" }], metadata: { of: "me" } });
    assert.deepEqual([thread.object, thread.metadata.of], ["thread", "me"]);
    assert.equal((await threads.update(thread.id, { metadata: { of: "you" } })).metadata.of, "you");
    assert.equal((await threads.retrieve(thread.id)).metadata.of, "you");
    const { data } = await threads.messages.list(thread.id, { order: "asc" });
    assert.deepEqual(data.map((m) => [m.role, textOf(m), m.thread_id, m.object, m.status]), [["user", "one"], ["assistant", "two"]].map((m) => [...m, thread.id, "thread.message", "completed"]));
    assert.deepEqual(await threads.delete(thread.id), { id: thread.id, object: "thread.deleted", deleted: true });
    await assert.rejects(threads.messages.list(thread.id), rejected(NotFoundError, 404, "not_found"));
  });
  test("messages", async () => {
    const thread = await threads.create();
    const image = { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=", detail: "low" } };
    const message = await threads.messages.create(thread.id, { role: "user", content: [{ type: "text", text: "What is it?" }, image], metadata: { n: "1" } });
    assert.deepEqual(message.content, [{ type: "text", text: { value: "What is it?", annotations: [] } }, image]);
    assert.equal((await threads.messages.update(message.id, { thread_id: thread.id, metadata: { n: "2" } })).metadata.n, "2");
    assert.equal((await threads.messages.retrieve(message.id, { thread_id: thread.id })).metadata.n, "2");
    for (let i = 0; i < 6; i++) await threads.messages.create(thread.id, user(`message ${i}`));
    const texts = [];
    for await (const m of threads.messages.list(thread.id, { limit: 2, order: "asc" })) texts.push(textOf({ content: m.content.filter((p) => p.type === "text") }));
    assert.deepEqual(texts, ["What is it?", ...Array.from({ length: 6 }, (_, i) => `message ${i}`)]);
    assert.deepEqual(await threads.messages.delete(message.id, { thread_id: thread.id }), { id: message.id, object: "thread.message.deleted", deleted: true });
    await assert.rejects(threads.messages.retrieve(message.id, { thread_id: thread.id }), rejected(NotFoundError, 404, "not_found"));
  });
});

describe("runs", limit, () => {
  test("createAndPoll, and what it leaves", async () => {
    const { id: assistant_id } = await guide({ instructions: "Answer." });
    const thread = await asked(QUESTION);
    const run = await threads.runs.createAndPoll(thread.id, { assistant_id, metadata: { n: "1" } }, poll);
    assert.deepEqual([run.object, run.status, run.model, run.assistant_id, run.instructions, run.metadata.n], ["thread.run", "completed", MODEL, assistant_id, "Answer.", "1"]);
    assert.ok(run.usage.prompt_tokens > 0 && run.usage.total_tokens === run.usage.prompt_tokens + run.usage.completion_tokens);
    assert.ok(run.created_at <= run.started_at && run.started_at <= run.completed_at);
    const [message] = (await threads.messages.list(thread.id, { run_id: run.id })).data;
    assert.deepEqual([message.role, textOf(message), message.run_id, message.assistant_id, message.status], ["assistant", ANSWER, run.id, assistant_id, "completed"]);
    const [step] = (await threads.runs.steps.list(run.id, { thread_id: thread.id })).data;
    assert.deepEqual([step.type, step.status, step.step_details.message_creation.message_id], ["message_creation", "completed", message.id]);
    assert.deepEqual(await threads.runs.steps.retrieve(step.id, { thread_id: thread.id, run_id: run.id }), step);
    assert.equal((await threads.runs.update(run.id, { thread_id: thread.id, metadata: { n: "2" } })).metadata.n, "2");
    const { question, answer } = sum(2, 3); // the thread goes on
    const next = await threads.runs.createAndPoll(thread.id, { assistant_id, additional_messages: [user(question)] }, poll);
    assert.equal(next.status, "completed");
    const all = (await threads.messages.list(thread.id, { order: "asc" })).data;
    assert.deepEqual(all.map((m) => m.role), ["user", "assistant", "user", "assistant"]);
    assert.equal(textOf(all[3]).slice(0, 5), answer.slice(0, 5));
    const ids = [];
    for await (const one of threads.runs.list(thread.id, { limit: 1 })) ids.push(one.id);
    assert.deepEqual(ids, [next.id, run.id]);
  });
  test("the stream helper assembles what was stored", async () => {
    const { id: assistant_id } = await guide();
    const thread = await asked(QUESTION);
    const stream = threads.runs.stream(thread.id, { assistant_id });
    const events = [];
    let pieces = 0;
    stream.on("event", ({ event }) => events.push(event)).on("textDelta", () => pieces++);
    const [message] = await stream.finalMessages();
    const run = await stream.finalRun();
    const [step] = await stream.finalRunSteps();
    assert.deepEqual([textOf(message), run.status, step.status], [ANSWER, "completed", "completed"]);
    assert.ok(pieces > 3, `${pieces} pieces`);
    assert.deepEqual(events.filter((e) => !e.endsWith(".delta")), ["thread.run.created", "thread.run.queued", "thread.run.in_progress", "thread.run.step.created",
      "thread.run.step.in_progress", "thread.message.created", "thread.message.in_progress", "thread.message.completed", "thread.run.step.completed", "thread.run.completed"]);
    assert.deepEqual(await threads.messages.retrieve(message.id, { thread_id: thread.id }), message);
    assert.deepEqual(await threads.runs.retrieve(run.id, { thread_id: thread.id }), run);
    assert.deepEqual(await threads.runs.steps.retrieve(step.id, { thread_id: thread.id, run_id: run.id }), step);
  });
  test("the bare stream, with a model and no assistant", async () => {
    const thread = await asked(QUESTION);
    const events = await Array.fromAsync(await threads.runs.create(thread.id, { model: MODEL, temperature: 0, stream: true }));
    assert.deepEqual([events[0].event, events.at(-1).event], ["thread.run.created", "thread.run.completed"]);
    assert.equal(events.filter((e) => e.event === "thread.message.delta").map((e) => e.data.delta.content[0].text.value).join(""), ANSWER);
  });
  test("createAndRunStream and createAndRunPoll", async () => {
    const { id: assistant_id } = await guide();
    const thread = { messages: [user(QUESTION)], metadata: { n: "1" } };
    const stream = threads.createAndRunStream({ assistant_id, thread });
    let made;
    stream.on("event", ({ event, data }) => { if (event === "thread.created") made = data; });
    const [message] = await stream.finalMessages();
    assert.equal(textOf(message), ANSWER);
    assert.deepEqual([made.id, made.metadata.n], [message.thread_id, "1"]);
    const run = await threads.createAndRunPoll({ assistant_id, thread, max_completion_tokens: 6 }, poll);
    assert.deepEqual([run.status, run.incomplete_details.reason], ["incomplete", "max_completion_tokens"]);
    const [cut] = (await threads.messages.list(run.thread_id, { limit: 1 })).data;
    assert.equal(cut.status, "incomplete");
    assert.ok(ANSWER.startsWith(textOf(cut)), textOf(cut));
  });
  test("cancel", async () => {
    const thread = await asked(QUESTION);
    const run = await threads.runs.create(thread.id, endless);
    await assert.rejects(threads.runs.create(thread.id, endless), rejected(BadRequestError, 400, "thread_has_active_run"));
    await assert.rejects(threads.messages.create(thread.id, user("more")), rejected(BadRequestError, 400, "thread_has_active_run"));
    const cancelled = await threads.runs.cancel(run.id, { thread_id: thread.id });
    assert.ok(["cancelling", "cancelled"].includes(cancelled.status), cancelled.status);
    assert.equal((await threads.runs.poll(run.id, { thread_id: thread.id }, poll)).status, "cancelled");
    await assert.rejects(threads.runs.cancel(run.id, { thread_id: thread.id }), BadRequestError);
  });
  test("a stream that is aborted cancels its run", async () => {
    const thread = await asked(QUESTION);
    const stream = threads.runs.stream(thread.id, endless);
    stream.on("textDelta", () => stream.abort());
    await assert.rejects(stream.finalRun());
    const [run] = (await threads.runs.list(thread.id)).data;
    assert.equal((await threads.runs.poll(run.id, { thread_id: thread.id }, poll)).status, "cancelled");
    const [message] = (await threads.messages.list(thread.id, { run_id: run.id })).data;
    assert.deepEqual([message.status, message.incomplete_details.reason], ["incomplete", "run_cancelled"]);
    assert.ok(textOf(message).length > 0);
  });
  test("a thread that outgrows the model", async () => {
    const long = "word ".repeat(600);
    const thread = await asked(...Array.from({ length: 8 }, () => long), QUESTION);
    const run = await threads.runs.createAndPoll(thread.id, { model: MODEL, temperature: 0, max_completion_tokens: 200 }, poll);
    assert.equal(run.status, "completed", JSON.stringify(run.last_error));
    assert.ok(run.truncated.messages > 0 && run.usage.total_tokens <= run.truncated.context_length, JSON.stringify(run.truncated));
    assert.ok(!run.truncated.estimated, "the tokens were estimated");
    const refused = await threads.runs.createAndPoll(thread.id, { model: MODEL, truncation_strategy: { type: "disabled" } }, poll);
    assert.deepEqual([refused.status, refused.last_error.code], ["failed", "invalid_prompt"]);
  });
});

describe("functions", limit, () => {
  const tools = [{ type: "function", function: { name: "report_weather", parameters: weather, strict: true } }];
  const ask = { model: TOOL_MODEL, tools, tool_choice: "required", parallel_tool_calls: false, temperature: 0 };
  const outputs = (run) => run.required_action.submit_tool_outputs.tool_calls.map(({ id, function: { name, arguments: text } }) => {
    assert.equal(name, "report_weather");
    assertWeather(JSON.parse(text));
    return { tool_call_id: id, output: "17 degrees" };
  });
  // With outputs the model may answer or call again; llama-server (b11669) understands nothing of the kind from this model.
  // conversations-remote.test.mjs has runs that go on to their end.
  const wentOn = (run) => assert.ok(run.status === "completed" || /^The model's answer broke off within a tool call/.test(run.last_error?.message), JSON.stringify(run));
  test("submitToolOutputsStream", async () => {
    const thread = await asked("What is the weather in Paris?");
    const first = threads.runs.stream(thread.id, ask);
    let called = "";
    first.on("toolCallDelta", (delta) => { called += delta.function?.arguments ?? ""; });
    const run = await first.finalRun();
    assert.equal(run.status, "requires_action");
    const tool_outputs = outputs(run);
    assert.equal(called, run.required_action.submit_tool_outputs.tool_calls[0].function.arguments);
    await assert.rejects(threads.runs.submitToolOutputs(run.id, { thread_id: thread.id, tool_outputs: [{ tool_call_id: "call_none", output: "" }] }), BadRequestError);
    const second = threads.runs.submitToolOutputsStream(run.id, { thread_id: thread.id, tool_outputs });
    const events = [];
    second.on("event", ({ event }) => events.push(event));
    await second.done();
    assert.ok(events.includes("thread.run.step.completed") && events.includes("thread.run.queued"), `${events}`);
    const steps = (await threads.runs.steps.list(run.id, { thread_id: thread.id, order: "asc" })).data;
    assert.deepEqual([steps[0].type, steps[0].status, steps[0].step_details.tool_calls[0].function.output], ["tool_calls", "completed", "17 degrees"]);
    wentOn(await threads.runs.retrieve(run.id, { thread_id: thread.id }));
  });
  test("submitToolOutputsAndPoll", async () => {
    const run = await threads.createAndRunPoll({ ...ask, thread: { messages: [user("What is the weather in Oslo?")] } }, poll);
    assert.equal(run.status, "requires_action");
    wentOn(await threads.runs.submitToolOutputsAndPoll(run.id, { thread_id: run.thread_id, tool_outputs: outputs(run) }, poll));
  });
});

describe("errors", limit, () => {
  test("no such thread, run, model", async () => {
    const thread = await asked(QUESTION);
    await assert.rejects(threads.retrieve("thread_none"), rejected(NotFoundError, 404, "not_found"));
    await assert.rejects(threads.runs.retrieve("run_none", { thread_id: thread.id }), rejected(NotFoundError, 404, "not_found"));
    await assert.rejects(threads.runs.create(thread.id, { model: "no-such-model" }), rejected(NotFoundError, 404, "model_not_found", "model"));
  });
});
