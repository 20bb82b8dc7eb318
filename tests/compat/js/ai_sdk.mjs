// Drives the AI SDK's own chat against a server: `ai_sdk.mjs SCENARIO URL KEY [SECOND_URL]` prints what became of it.
import { readFileSync } from "node:fs";

import { Chat } from "@ai-sdk/react";
import {
  DefaultChatTransport,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
  readUIMessageStream,
  uiMessageChunkSchema,
} from "ai";

const [scenario, url, key, other] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${key}` };
const tools = [
  {
    name: "locate",
    description: "Where a city is.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
];

function chat(agent, options = {}) {
  const { base = url, body, fetch, ...more } = options;
  const failures = [];
  const ends = [];
  const made = new Chat({
    transport: new DefaultChatTransport({ api: `${base}/ai-sdk/${agent}/chat`, headers, body, fetch }),
    onError: (error) => failures.push(error.message),
    onFinish: ({ finishReason, isAbort, isError }) => ends.push({ finishReason, isAbort, isError }),
    ...more,
  });
  return Object.assign(made, { failures, ends });
}

const texts = (message) => message.parts.filter((part) => part.type === "text").map((part) => part.text);
const shown = (made) => made.messages.map(({ id, role, parts }) => ({ id, role, parts }));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const until = async (holds) => {
  for (let tries = 0; !holds(); tries += 1) {
    if (tries > 600) throw new Error("waited in vain");
    await pause(50);
  }
};
const said = (made) => ({ messages: shown(made), failures: made.failures, ends: made.ends, status: made.status });

// Breaks the connection once so many characters have come.
const cutting = (after) => async (...request) => {
  const response = await fetch(...request);
  let seen = 0;
  const cut = new TransformStream({
    transform(chunk, controller) {
      seen += chunk.length;
      if (seen > after) controller.error(new TypeError("network error"));
      else controller.enqueue(chunk);
    },
  });
  return new Response(response.body.pipeThrough(cut), { status: response.status, headers: response.headers });
};

const scenarios = {
  async talk() {
    const made = chat("echo");
    await made.sendMessage({ text: "What is a knot?" });
    await made.sendMessage({ text: "And a bend?" });
    const before = shown(made);
    await made.regenerate();
    const regenerated = shown(made);
    await made.sendMessage({ text: "What is a hitch?", messageId: before[0].id });
    return { before, regenerated, edited: shown(made), failures: made.failures, ends: made.ends };
  },

  async resume() {
    const made = chat("ui-slow", { id: "cut off", fetch: cutting(1500) });
    await made.sendMessage({ text: "Speak." });
    const broken = { failures: made.failures, text: texts(made.messages.at(-1)).join("") };
    const again = chat("ui-slow", { id: "cut off", base: other ?? url, messages: made.messages });
    await again.resumeStream();
    const nothing = await new DefaultChatTransport({ api: `${url}/ai-sdk/ui-slow/chat`, headers }).reconnectToStream({
      chatId: "cut off",
    });
    return { broken, ...said(again), nothing };
  },

  async tools() {
    const made = chat("ui-desk", {
      body: { tools },
      sendAutomaticallyWhen: (state) =>
        lastAssistantMessageIsCompleteWithToolCalls(state) || lastAssistantMessageIsCompleteWithApprovalResponses(state),
      onToolCall: ({ toolCall }) => {
        made.addToolOutput({ tool: toolCall.toolName, toolCallId: toolCall.toolCallId, output: { lat: 38.7 } });
      },
    });
    const approved = process.argv[6] !== "no";
    await made.sendMessage({ text: "Refund order A-1." });
    const asked = () => made.lastMessage.parts.find((part) => part.state === "approval-requested");
    await until(() => made.failures.length || (made.status === "ready" && asked()));
    if (asked()) made.addToolApprovalResponse({ id: asked().approval.id, approved, reason: "as I like" });
    await until(() => made.failures.length || (made.ends.length > 2 && made.status === "ready"));
    // Once more from the log, as a page that was loaded anew would have it.
    const replayed = [];
    const response = await fetch(`${url}/ai-sdk/ui-desk/chat/${made.id}/stream?last=true`, { headers });
    const transport = new DefaultChatTransport();
    const stream = transport.processResponseStream(response.body);
    for await (const message of readUIMessageStream({ stream, terminateOnError: true })) replayed.push(message);
    return { ...said(made), replayed: replayed.at(-1) };
  },

  async question() {
    const made = chat("ui-form");
    await made.sendMessage({ text: "Invite me." });
    const asked = made.lastMessage.parts.find((part) => part.type === "data-question");
    await made.sendMessage(undefined, { body: { answers: { [asked.id]: { date: "Monday" } } } });
    return { asked: asked.data, ...said(made) };
  },

  async stop() {
    const made = chat("ui-slow", { id: "to be stopped" });
    const sent = made.sendMessage({ text: "Speak." });
    await until(() => made.lastMessage?.role === "assistant");
    await made.stop();
    await sent;
    const response = await fetch(`${url}/ai-sdk/ui-slow/chat/${encodeURIComponent(made.id)}/stop`, {
      method: "POST",
      headers,
    });
    const heard = chat("ui-slow", { id: "to be stopped" });
    await pause(500);
    await heard.resumeStream();
    return { stopped: response.status, ...said(made), after: said(heard) };
  },

  async errors() {
    const failing = chat("ui-broken");
    await failing.sendMessage({ text: "no number" });
    const first = said(failing);
    await failing.sendMessage({ text: "7" });
    const results = { failing: first, again: said(failing) };
    for (const [name, agent, body] of [
      ["mute", "ui-mute", {}],
      ["missing", "no-such-agent", {}],
      ["refused", "ui-slow", { tools }],
      ["unknown", "echo", { temperature: 1 }],
    ]) {
      const made = chat(agent, { body });
      await made.sendMessage({ text: "Hello" });
      results[name] = said(made);
    }
    return results;
  },

  // What came of the chunks of many answers, each a list: the message, or what the SDK's own checks say against it.
  async chunks() {
    const answers = JSON.parse(readFileSync(url, "utf8"));
    const schema = uiMessageChunkSchema();
    const outcomes = [];
    for (const answer of answers) {
      const faults = [];
      for (const chunk of answer) {
        const { success, error } = await schema.validate(chunk);
        if (!success) faults.push(`${JSON.stringify(chunk)}: ${error.message}`);
      }
      const stream = new ReadableStream({
        start(controller) {
          answer.forEach((chunk) => controller.enqueue(chunk));
          controller.close();
        },
      });
      let last = null;
      for await (const message of readUIMessageStream({ stream, onError: (error) => faults.push(error.message) })) {
        last = message;
      }
      outcomes.push({ faults, message: last });
    }
    return outcomes;
  },
};

// What some take for the end of a line goes out escaped.
const escaped = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
console.log(JSON.stringify(await scenarios[scenario]()).replace(/[\u007f-\uffff]/g, escaped));
