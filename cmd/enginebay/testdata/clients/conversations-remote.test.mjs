// The official OpenAI client: threads whose runs call functions and end, their images and files, on models of remote
// services. These are cmd/provider: it says what it is given, and calls a function where a word of that is its name.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import OpenAI, { BadRequestError, toFile } from "openai";
import { BASE_URL, KEY, assertWeather, limit, weather } from "./guide.mjs";

const client = new OpenAI({ baseURL: BASE_URL, apiKey: KEY, maxRetries: 0, timeout: 60_000 });
const { threads } = client.beta;
const user = (content, more = {}) => ({ role: "user", content, ...more });
const poll = { pollIntervalMs: 20 };
const name = "report_weather";
const pixel = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");
const upload = async (content, filename, purpose) => (await client.files.create({ file: await toFile(content, filename), purpose })).id;
const newest = async (thread_id) => {
  const { data: [{ role, status, content: [part] }] } = await threads.messages.list(thread_id, { limit: 1 });
  assert.deepEqual([role, status, part.type], ["assistant", "completed", "text"]);
  return part.text.value;
};
const models = (process.env.REMOTE_MODELS ?? "").split(" ").filter(Boolean);

test("conversations with remote services", { skip: process.env.REMOTE_MODELS ? false : "REMOTE_MODELS is not set" }, () => {
  assert.ok(models.length > 0);
});

for (const model of models) describe(`conversations with ${model}`, limit, () => {
  const ask = { model, tools: [{ type: "function", function: { name, parameters: weather } }] };
  const calls = (run) => {
    assert.deepEqual([run.status, run.required_action?.type], ["requires_action", "submit_tool_outputs"], JSON.stringify(run.last_error));
    return run.required_action.submit_tool_outputs.tool_calls;
  };
  const outputs = (run, output) => calls(run).map((call) => {
    assert.equal(call.function.name, name);
    assertWeather(JSON.parse(call.function.arguments));
    return { tool_call_id: call.id, output };
  });
  const stepsOf = async (run) => (await threads.runs.steps.list(run.id, { thread_id: run.thread_id, order: "asc" })).data;

  test("a run calls a function, is told, and answers", async () => {
    const run = await threads.createAndRunPoll({ ...ask, thread: { messages: [user(name)] } }, poll);
    const at = { thread_id: run.thread_id };
    await assert.rejects(threads.runs.submitToolOutputs(run.id, { ...at, tool_outputs: [{ tool_call_id: "call_none", output: "" }] }), BadRequestError);
    const done = await threads.runs.submitToolOutputsAndPoll(run.id, { ...at, tool_outputs: outputs(run, "17 degrees") }, poll);
    assert.deepEqual([done.status, done.last_error, done.required_action], ["completed", null, null]);
    assert.match(await newest(run.thread_id), /17 degrees/);
    const steps = await stepsOf(run); // a message before them where the model tells its plan
    const [called, said] = steps.slice(-2);
    assert.deepEqual([called.type, called.status, called.step_details.tool_calls[0].function.output], ["tool_calls", "completed", "17 degrees"]);
    assert.deepEqual([said.type, said.status], ["message_creation", "completed"]);
    assert.equal(done.usage.total_tokens, steps.reduce((all, step) => all + (step.usage?.total_tokens ?? 0), 0));
    const next = await threads.runs.createAndPoll(run.thread_id, { ...ask, additional_messages: [user("thank you")] }, poll); // the thread goes on
    assert.deepEqual([next.status, await newest(run.thread_id)], ["completed", "thank you"], JSON.stringify(next.last_error));
  });
  test("the same, as streams", async () => {
    const thread = await threads.create({ messages: [user(name)] });
    const at = { thread_id: thread.id };
    const first = threads.runs.stream(thread.id, ask);
    let told = "";
    first.on("toolCallDelta", (delta) => { told += delta.function?.arguments ?? ""; });
    const run = await first.finalRun();
    const [{ function: { arguments: given } }] = calls(run);
    assert.equal(told, given);
    const second = threads.runs.submitToolOutputsStream(run.id, { ...at, tool_outputs: outputs(run, "the weather is fair") });
    const events = [];
    second.on("event", ({ event }) => events.push(event));
    const [message] = await second.finalMessages();
    const done = await second.finalRun();
    assert.deepEqual([done.id, done.status], [run.id, "completed"]);
    assert.match(message.content[0].text.value, /the weather is fair/);
    assert.deepEqual(events.filter((e) => !e.endsWith(".delta")), ["thread.run.step.completed", "thread.run.queued", "thread.run.in_progress", "thread.run.step.created",
      "thread.run.step.in_progress", "thread.message.created", "thread.message.in_progress", "thread.message.completed", "thread.run.step.completed", "thread.run.completed"]);
    assert.deepEqual(await threads.messages.retrieve(message.id, at), message);
  });
  test("an image that was uploaded, and an attached text", async () => {
    const image = await upload(pixel, "pixel.png", "vision");
    const text = await upload("Pandas eat bamboo.\n", "pandas.txt", "assistants");
    const seen = await client.chat.completions.create({ model, max_tokens: 200, messages: [user([{ type: "text", text: "look" }, { type: "image_url", image_url: { url: `data:image/png;base64,${pixel.toString("base64")}` } }])] });
    const content = [{ type: "text", text: "look" }, { type: "image_file", image_file: { file_id: image } }];
    const run = await threads.createAndRunPoll({ model, thread: { messages: [user(content)] } }, poll);
    assert.deepEqual([run.status, await newest(run.thread_id)], ["completed", seen.choices[0].message.content], JSON.stringify(run.last_error));
    assert.match(await newest(run.thread_id), /image\/png/); // the image as the provider shows it
    const attachments = [{ file_id: text, tools: [{ type: "file_search" }] }];
    const read = await threads.createAndRunPoll({ model, thread: { messages: [user("read it", { attachments })] } }, poll);
    assert.deepEqual([read.status, await newest(read.thread_id)], ["completed", '<file name="pandas.txt"> Pandas eat bamboo. </file> read it']);
    assert.ok(!run.ignored?.length && !read.ignored?.length, JSON.stringify([run.ignored, read.ignored]));
    await Promise.all([client.files.delete(image), client.files.delete(text)]);
    const gone = await threads.runs.createAndPoll(run.thread_id, { model, additional_messages: [user("and now?")] }, poll);
    assert.deepEqual([gone.status, gone.ignored?.length], ["completed", 1], JSON.stringify([gone.last_error, gone.ignored]));
  });
});
